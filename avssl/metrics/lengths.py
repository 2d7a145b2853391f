"""Lengths that distances of key points are divided by: torso, head, box, and the diagonal of the joints' box.

All take ``(people, joints, 2)`` or ``(people, 4)`` in pixels and return one length a person, ``(people,)``, NaN where
it cannot be told.
"""

from collections.abc import Sequence

import numpy as np

from avssl.data.sets.mpii_copies import HEAD_SIZE

BOX_SHARE = 0.6  # of the diagonal of the joints' box: eval_pck.py of Jabri et al., "Space-Time Correspondence as a
# Contrastive Random Walk", NeurIPS 2020, for JHMDB


def torsos(points: np.ndarray, one: Sequence[int], other: Sequence[int]) -> np.ndarray:
    """Return the distance between the middles of two groups of joints, such as a shoulder and the opposite hip.

    Examples:
        >>> torsos(np.array([[[0.0, 0], [-3, 8], [3, 8]]]), [0], [1, 2])
        array([8.])
    """
    ends = [points[:, list(group)].astype(np.float64).mean(1) for group in (one, other)]
    return np.linalg.norm(ends[0] - ends[1], axis=-1)


def head_sizes(boxes: np.ndarray) -> np.ndarray:
    """Return 0.6 of the diagonals of head boxes ``(people, 4)``: the unit of PCKh (util_get_head_size.m of MPII).

    Andriluka et al., "2D Human Pose Estimation: New Benchmark and State of the Art Analysis", CVPR 2014, section 4.
    """
    corners = np.asarray(boxes, dtype=np.float64)
    return HEAD_SIZE * np.linalg.norm(corners[:, 2:] - corners[:, :2], axis=-1)


def box_sides(points: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the longer side of the box of the joints that count (Yang and Ramanan, PAMI 2013, section 6)."""
    return _extents(points, counted).max(-1)


def box_diagonals(points: np.ndarray, counted: np.ndarray, share: float = BOX_SHARE) -> np.ndarray:
    """Return a share of the diagonal of the box of the joints that count."""
    return share * np.linalg.norm(_extents(points, counted), axis=-1)


def _extents(points: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return width and height of the box of the joints that count, ``(people, 2)``; NaN where there is none."""
    known = np.isfinite(points).all(-1, keepdims=True) & np.asarray(counted, dtype=bool)[..., None]
    low = np.where(known, points, np.inf).min(1)
    high = np.where(known, points, -np.inf).max(1)
    return np.where(known.any(1), high - low, np.nan).astype(np.float64)
