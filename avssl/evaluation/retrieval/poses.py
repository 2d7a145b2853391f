"""How alike the poses of a query and its answers are: what the features attend to, as a number.

Figure 3 of Misra, Zitnick and Hebert, "Shuffle and Learn", ECCV 2016, shows that nearest neighbours share the pose.
https://arxiv.org/abs/1603.08561
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avssl.evaluation.keypoints.skeletons import Skeleton
from avssl.features.search import slices

PIECE = 4_000_000  # distances held at a time


@dataclass(frozen=True, eq=False)
class Poses:
    """Pose distances in torso lengths of the query, NaN where they are unknown.

    Args:
        found: of the answers by each way of searching, ``(queries, k)``.
        chance: mean over the gallery rows that may answer, ``(queries,)``.
        oracle: the ``k`` least that there are, ``(queries, k)``: no features can do better.
    """

    found: dict[Any, np.ndarray]
    chance: np.ndarray
    oracle: np.ndarray


def compare_poses(
    queries: np.ndarray,
    gallery: np.ndarray,
    skeleton: Skeleton,
    found: Mapping[Any, np.ndarray],
    excluded: tuple[np.ndarray, np.ndarray] | None = None,
) -> Poses:
    """Return how far the poses of answers are from their query's, a piece of the queries at a time.

    Args:
        queries: joints in pixels, NaN where unlabelled, ``(queries, joints, 2)``.
        gallery: the same, ``(gallery, joints, 2)``.
        skeleton: whose torso is the unit.
        found: gallery rows that answer, by way of searching, each ``(queries, k)``.
        excluded: names of queries and gallery rows of which equal ones may not answer.
    """
    most = next(iter(found.values())).shape[1]
    parts: dict[Any, list[np.ndarray]] = {name: [] for name in found}
    chance, oracle = [], []
    for rows in slices(len(queries), max(1, PIECE // len(gallery))):
        far = pose_distances(queries[rows], gallery, skeleton)
        if excluded is not None:
            far[excluded[0][rows, None] == excluded[1]] = np.nan
        for name, index in found.items():
            parts[name].append(np.take_along_axis(far, index[rows], 1))
        chance.append(mean_of(far))
        oracle.append(np.sort(np.partition(far, most - 1, axis=1)[:, :most], axis=1))  # NaN comes last
    return Poses(
        {name: np.concatenate(several) for name, several in parts.items()},
        np.concatenate(chance),
        np.concatenate(oracle),
    )


def pose_distances(queries: np.ndarray, gallery: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Return the distance of every pose to every other, ``(queries, gallery)``, in torso lengths of the query.

    It is the mean over joints of ``|a - b|``, each pose moved to its own middle first: the same pose elsewhere in the
    picture is at 0. Only joints that both show count, for the middle too. NaN where they share fewer than two, or the
    query's torso is unlabelled.

    Args:
        queries: joints in pixels, NaN where unlabelled, ``(queries, joints, 2)``.
        gallery: the same, ``(gallery, joints, 2)``.
        skeleton: whose torso is the unit.

    Raises:
        ValueError: if the joints are not of this convention, or it has no torso.
    """
    torso = torch.from_numpy(skeleton.torso_length(queries))
    (ours, shown), (theirs, there) = ready(queries), ready(gallery)
    count = shown @ there.T
    # how far the middles of the joints that both show are apart, (queries, gallery) along each axis
    apart = [(ours[..., axis] @ there.T - shown @ theirs[..., axis].T) / count.clamp(min=1) for axis in (0, 1)]
    total = torch.zeros_like(count)
    for joint in range(ours.shape[1]):
        steps = [ours[:, joint, axis, None] - theirs[:, joint, axis] - apart[axis] for axis in (0, 1)]
        total += torch.hypot(*steps) * (shown[:, joint, None] * there[:, joint])
    far = total / count / torso[:, None]
    return torch.where((count > 1) & (torso > 0)[:, None], far, torch.nan).numpy()


def ready(points: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return joints with 0 where they are unlabelled, and 1 where they are labelled, ``(poses, joints)``."""
    shown = np.asarray(np.isfinite(points).all(-1))
    return torch.from_numpy(np.where(shown[..., None], points, 0.0)).double(), torch.from_numpy(shown).double()


def mean_of(values: np.ndarray) -> np.ndarray:
    """Return the mean of each row without its NaN; NaN for a row of nothing else."""
    known = np.isfinite(values)
    count = known.sum(1)
    return np.where(count > 0, np.where(known, values, 0.0).sum(1) / np.maximum(count, 1), np.nan)
