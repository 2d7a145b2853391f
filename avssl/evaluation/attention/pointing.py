"""The pointing game: how often the highest place of a map lies near a joint, and how often any place does.

After Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, section 4.2,
https://arxiv.org/abs/1608.00507.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from avssl.evaluation.attention.samples import Samples

REACH = 0.1  # a peak counts within a tenth of the longer side of the box of the joints


def near_a_joint(places: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Return 1 where a place is within `REACH` of the pose's size of its nearest known joint, else 0.

    Args:
        places: (x, y) in pixels, ``(..., pictures, 2)``.
        poses: joints in pixels, ``(pictures, joints, 2)``, NaN where unknown; a pose without a known joint gives 0.

    Examples:
        >>> pose = np.array([[[0.0, 0.0], [0.0, 20.0]]])
        >>> near_a_joint(np.array([[1.0, 1.0]]), pose), near_a_joint(np.array([[0.0, 10.0]]), pose)
        (array([1.]), array([0.]))
    """
    known: np.ndarray = np.asarray(np.isfinite(poses).all(-1))
    low, high = (np.where(known[..., None], poses, fill) for fill in (np.inf, -np.inf))
    size = np.where(known.any(1), (high.max(1) - low.min(1)).max(-1), 0.0)
    far = np.linalg.norm(places[..., None, :] - np.nan_to_num(poses), axis=-1)
    return np.asarray((np.where(known, far, np.inf).min(-1) <= REACH * size) & known.any(1), np.float64)


def chance_of(poses: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the share of each picture's pixels that are near a joint, ``(pictures,)``."""
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 1, 2)
    return np.concatenate([near_a_joint(pixels, pose[None]).mean(0) for pose in poses])


def item_rows(
    samples: Samples, points: Mapping[tuple[str, str], np.ndarray], on: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return one row per picture or frame: its peaks, and how many of a row's initialisations point at a joint."""
    rows = []
    for number, (path, time, place) in enumerate(zip(samples.paths, samples.times, samples.places(), strict=True)):
        row: dict[str, Any] = {"path": path, "time": round(time, 6)} | place
        row |= {"turn": 90 * (number % samples.copies)} if samples.copies > 1 else {}
        for (name, layer), found in points.items():
            row |= {f"{name}/{layer}/x": round(float(found[0, number, 0]), 2)}
            row |= {f"{name}/{layer}/y": round(float(found[0, number, 1]), 2)}
        rows.append(row | {f"{name}/on": round(float(values[number]), 4) for name, values in on.items()})
    return rows
