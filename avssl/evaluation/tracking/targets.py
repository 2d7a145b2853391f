"""What is followed: videos, and the true box of each target in every frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from avssl.data import Dataset


@dataclass(frozen=True, eq=False, kw_only=True)
class Targets:
    """A video and its targets.

    Args:
        frames: uint8 ``(frames, 3, H, W)``.
        boxes: left, top, right, bottom edges, NaN where unknown, known in the first frame, ``(targets, frames, 4)``.
        path: the recording.
        group: what is not independent of it.
    """

    frames: Tensor
    boxes: np.ndarray
    path: str
    group: str


def read_targets(
    data: Dataset, index: int, objects: Sequence[Sequence[int]] | None, side: float | None
) -> Targets | dict[str, str]:
    """Return a video, or what failed.

    Args:
        data: videos with ``boxes`` (``Videos(tracks=True)``), or with masks; of several clips the first one is taken.
        index: which.
        objects: of masks, the numbers that make one target each; None for each number by itself.
        side: of masks, the box is a square of that side around their middle; None for the box that they fill.
    """
    item = data[0, index]
    if "failure" in item:
        return item["failure"]
    valid = item["valid"][0]
    if "boxes" in item:
        boxes = item["boxes"][0][valid].numpy().astype(np.float64)[None]
    elif "masks" in item:
        masks = item["masks"][0][valid].numpy()
        groups = [[one] for one in np.unique(masks[0]) if 0 < one < 255] if objects is None else objects
        boxes = np.array([[box_of(np.isin(mask, group), side) for mask in masks] for group in groups]).reshape(
            len(groups), len(masks), 4
        )
    else:
        return {"path": item["path"], "error": "it has neither boxes (set tracks: true) nor masks (masks: true)"}
    usable = ~np.isnan(boxes[:, 0]).any(1) & ((boxes[:, 0, 2:] - boxes[:, 0, :2]) > 0).all(1)
    if not usable.any() or boxes.shape[1] < 2:
        return {"path": item["path"], "error": "it needs two frames or more, and a box in the first one"}
    return Targets(
        frames=item["frames"][0][valid],
        boxes=boxes[usable],
        path=item["path"],
        group=item.get("group") or item["path"],
    )


def box_of(mask: np.ndarray, side: float | None = None) -> list[float]:
    """Return the box of a mask, NaN for an empty one.

    Args:
        mask: bool ``(H, W)``.
        side: of a square around the mean pixel; None for the edges of what the mask fills.

    Examples:
        >>> box_of(np.eye(6, dtype=bool)[:4]), box_of(np.eye(3, dtype=bool), 2)
        ([0.0, 0.0, 4.0, 4.0], [0.5, 0.5, 2.5, 2.5])
    """
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return [float("nan")] * 4
    if side is None:
        return [float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)]
    x, y = float(columns.mean()) + 0.5, float(rows.mean()) + 0.5
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]
