"""Search among features, and the distance of what was found: pure functions of arrays."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.evaluation.keypoints.people import People
from avssl.evaluation.keypoints.skeletons import Skeleton


def nearest(queries: np.ndarray, gallery: np.ndarray, allowed: np.ndarray, k: int) -> np.ndarray:
    """Return the ``k`` gallery rows of highest cosine for each query, best first, ``(queries, k)``.

    Args:
        queries: features, ``(queries, ...)``.
        gallery: features, ``(gallery, ...)``; their mean is taken out of both.
        allowed: which gallery rows may answer a query, bool ``(queries, gallery)``.
        k: how many.
    """
    middle = gallery.reshape(len(gallery), -1).mean(0)
    ours, theirs = (
        F.normalize(torch.from_numpy(side.reshape(len(side), -1) - middle), dim=1) for side in (queries, gallery)
    )
    closeness: Tensor = (ours @ theirs.T).masked_fill(~torch.from_numpy(allowed), -torch.inf)
    return closeness.topk(k, dim=1).indices.numpy()


def other_video(queries: People, gallery: People) -> np.ndarray:
    """Return which gallery pictures come from another video than the query, bool ``(queries, gallery)``."""
    names = {path: number for number, path in enumerate(dict.fromkeys((*queries.paths, *gallery.paths)))}
    ours, theirs = (np.array([names[side.paths[v]] for v in side.video]) for side in (queries, gallery))
    return ours[:, None] != theirs[None, :]


def pose_distances(queries: np.ndarray, gallery: np.ndarray, skeleton: Skeleton, chunk: int = 64) -> np.ndarray:
    """Return the distance of every pose to every other, ``(queries, gallery)``, in torso lengths of the query.

    Args:
        queries: joints in pixels, ``(queries, joints, 2)``.
        gallery: joints in pixels, ``(gallery, joints, 2)``.
        skeleton: whose torso is the unit.
        chunk: queries at a time, to bound memory.
    """
    ours, theirs = (side - side.mean(1, keepdims=True) for side in (queries.astype(np.float64), gallery))
    torso = skeleton.torso_length(queries)
    rows = [
        np.linalg.norm(ours[start : start + chunk, None] - theirs[None], axis=-1).mean(-1)
        for start in range(0, len(ours), chunk)
    ]
    return np.concatenate(rows) / torso[:, None]


def per_video(values: np.ndarray, video: np.ndarray) -> np.ndarray:
    """Return the mean of each video's values, ``(videos,)``: frames of one video are not independent."""
    return np.bincount(video, values) / np.bincount(video)


def pose_distance_of(queries: np.ndarray, gallery: np.ndarray, index: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Return how far the poses of answers are from their query's, ``(queries, k)``, in torso lengths of the query.

    Each pose is moved to the middle of the joints that both show first; only those count. NaN where they share fewer
    than two, or the query's torso is unknown.

    Args:
        queries: joints in pixels, NaN where unknown, ``(queries, joints, 2)``.
        gallery: the same, ``(gallery, joints, 2)``.
        index: gallery rows that answer, ``(queries, k)``.
        skeleton: whose torso is the unit.
    """
    both = np.isfinite(queries)[:, None] & np.isfinite(gallery)[index]
    count = both.any(-1).sum(-1)
    ours, theirs = (
        np.where(both, side, np.nan)
        for side in (queries.astype(np.float64)[:, None], gallery.astype(np.float64)[index])
    )
    known = np.maximum(count, 1)[..., None]
    ours, theirs = (side - (np.nansum(side, 2) / known)[:, :, None] for side in (ours, theirs))
    far = np.nansum(np.linalg.norm(np.nan_to_num(ours - theirs), axis=-1), -1) / known[..., 0]
    torso = skeleton.torso_length(queries)
    far = np.where(count > 1, far, np.nan)
    return far / np.where(torso > 0, torso, np.nan)[:, None]
