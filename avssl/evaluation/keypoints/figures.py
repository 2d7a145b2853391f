"""Skeletons drawn on pictures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from avssl.evaluation.keypoints.skeletons import Skeleton
from avssl.report.figures import rendered, show

SIDE_COLORS = {"left": "#ff9f1c", "right": "#2ec4ff"}  # bones of the person's left and right side


MIDDLE_COLOR = "#ffffff"


def skeleton_sheet(images: np.ndarray, rows: Mapping[str, np.ndarray], skeleton: Skeleton, title: str) -> Image.Image:
    """Draw skeletons on pictures: a line for each finder, a column for each picture.

    Args:
        images: uint8 ``(pictures, 3, H, W)``.
        rows: from a finder's name to joints in pixels, ``(pictures, joints, 2)``; a lost joint is left out.
        skeleton: names the joints and connects them.
        title: a line over the sheet.
    """
    figure = Figure(figsize=(1.6 * len(images) + 0.4, 1.6 * len(rows) + 0.4), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=10)
    panels = figure.subplots(len(rows), len(images), squeeze=False)
    for line, (name, points) in zip(panels, rows.items(), strict=True):
        line[0].set_ylabel(name, fontsize=9)
        for panel, image, pose in zip(line, images, points, strict=True):
            show(panel, image)
            draw_skeleton(panel, pose, skeleton)
    return rendered(figure)


def draw_skeleton(panel: Axes, points: np.ndarray, skeleton: Skeleton) -> None:
    """Draw joints ``(joints, 2)`` and the bones between them."""
    for bone in skeleton.bones:
        ends = points[skeleton.places(bone)]
        color = SIDE_COLORS.get(bone[1].split()[0], MIDDLE_COLOR)
        panel.plot(*ends.T, color="black", linewidth=2.6, solid_capstyle="round", alpha=0.6)
        panel.plot(*ends.T, color=color, linewidth=1.5, solid_capstyle="round")
    panel.plot(*points.T, "o", color="white", markersize=2.2, markeredgecolor="black", markeredgewidth=0.4)
