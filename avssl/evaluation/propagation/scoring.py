"""Scores of propagated labels: of each video first, then of rows over all videos, and by how far a frame is away."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avssl.config import ConfigError
from avssl.data.masks import VOID
from avssl.metrics.lengths import box_diagonals
from avssl.metrics.masks import boundary, decay, jaccard, recall
from avssl.metrics.pck import distances, mean, right
from avssl.metrics.regions import confusion, mean_iou

J, F = 0, 1
Horizons = Sequence[tuple[int, int | None]]


@dataclass(frozen=True, eq=False, kw_only=True)
class VideoScore:
    """What was found of one video.

    Args:
        regions: J and F of each object and then of all together, NaN for frames that do not count,
            ``(2, objects + 1, frames)``; None without masks.
        far: distances of points in lengths, infinite for a lost one and NaN where it does not count, and the same with
            lost ones left out of length and count, ``(2, frames, points)``; None without points.
        tables: pixels by true and found class, of later frames and of the first, ``(2, classes, classes)``; None
            without classes.
        adapted: what adaptation did to the weights, `avssl.evaluation.propagation.adaptation.Adapted.numbers`; None
            without one.
    """

    regions: np.ndarray | None = None
    far: np.ndarray | None = None
    tables: np.ndarray | None = None
    adapted: np.ndarray | None = None


def region_scores(found: np.ndarray, truth: np.ndarray, objects: int) -> np.ndarray:
    """Return J and F of each object and of all together, ``(2, objects + 1, frames)``.

    The first frame was given, and the last one is left out as the official tool does; both are NaN, and so are frames
    that are void all over.

    Args:
        found: numbers of objects, ``(frames, H, W)``.
        truth: the same, 255 for void, which counts as background.
        objects: how many there are.
    """
    scores = np.full((2, objects + 1, len(truth)), np.nan)
    counted = np.array([not (mask == VOID).all() for mask in truth], bool)
    counted[[0, -1]] = False
    for number in range(objects + 1):
        wanted = np.arange(1, objects + 1) if number == objects else np.array([number + 1])
        ours, theirs = np.isin(found[counted], wanted), np.isin(truth[counted], wanted)
        for measure, score in ((J, jaccard), (F, boundary)):
            scores[measure, number, counted] = score(ours, theirs)
    return scores


def point_scores(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return distances in 0.6 of the diagonal of the box of the true points, ``(2, frames, points)``.

    The first frame, and points that are unknown in it, do not count. In the second table lost points are left out of
    the box and of the count, as authors' evaluators of JHMDB do, so that losing one may raise the score.

    Args:
        found: (x, y), NaN for a lost one, ``(frames, points, 2)``.
        truth: the same, NaN where unknown.
    """
    known, seen = (np.asarray(np.isfinite(points).all(-1)) for points in (truth, found))
    known &= known[0]
    known[0] = False
    far = np.full((2, *known.shape), np.nan)
    for number, counted in enumerate((known, known & seen)):
        length = box_diagonals(truth, counted)
        usable = np.isfinite(length) & (length > 0)
        lost = np.where(seen[..., None], found, np.nan)[usable]
        apart = distances(lost, truth[usable], length[usable])
        far[number, usable] = np.where(counted[usable], apart, np.nan)
    return far


def class_tables(found: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return pixels by true and found class, of the later frames and of the first, ``(2, classes, classes)``."""
    later = confusion(found[1:], truth[1:], classes)
    return np.stack([later, confusion(found[:1], truth[:1], classes)])


def object_values(
    scores: Sequence[VideoScore], measure: int, whole: bool, first: int = 1, last: int | None = None
) -> np.ndarray:
    """Return the mean over frames of each object, or of all objects of a video together, ``(objects,)``.

    Args:
        scores: of the videos.
        measure: `J` or `F`.
        whole: all objects of a video together.
        first: frame that counts.
        last: frame that counts; None for all later ones.
    """
    found = []
    for score in scores:
        assert score.regions is not None
        of_objects = score.regions[measure, -1:] if whole else score.regions[measure, :-1]
        found += [known_mean(values[first : None if last is None else last + 1]) for values in of_objects]
    return np.array(found)


def known_mean(values: np.ndarray) -> float:
    """Return the mean of what is not NaN; NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def summary(scores: Sequence[VideoScore], thresholds: Sequence[float], horizons: Horizons) -> dict[str, float]:
    """Return the scores of all videos by name: objects weigh alike, and so do joints."""
    found: dict[str, float] = {}
    if scores[0].regions is not None:
        found |= region_summary(scores, horizons)
    if scores[0].far is not None:
        found |= point_summary(scores, thresholds, horizons)
    if scores[0].tables is not None:
        later, first = np.sum([score.tables for score in scores if score.tables is not None], 0)
        found |= {"miou": float(mean_iou(later)), "miou with the first": float(mean_iou(later + first))}
    return found


def region_summary(scores: Sequence[VideoScore], horizons: Horizons) -> dict[str, float]:
    """Return J and F: means, recalls and decays over objects, of all objects together, and by horizon."""
    found = {}
    for measure, name in ((J, "j"), (F, "f")):
        found[name] = known_mean(object_values(scores, measure, whole=False))
        found[f"{name} whole"] = known_mean(object_values(scores, measure, whole=True))
        each = [row[1:-1] for score in scores if score.regions is not None for row in score.regions[measure, :-1]]
        each = [row for row in each if len(row)]
        for what, of_frames in (("recall", recall), ("decay", decay)):
            found[f"{name} {what}"] = known_mean(np.array([of_frames(row) for row in each]))
    found["j&f"] = (found["j"] + found["f"]) / 2
    for first, last in horizons:
        found[f"j {horizon(first, last)}"] = known_mean(object_values(scores, J, False, first, last))
    return found


def point_summary(scores: Sequence[VideoScore], thresholds: Sequence[float], horizons: Horizons) -> dict[str, float]:
    """Return PCK at each threshold, with lost points left out too, by horizon, and the share that was lost."""
    far, without_lost = far_of(scores), far_of(scores, 1)
    if np.isnan(far).all():
        return {}
    found = {}
    for threshold in thresholds:
        found[f"pck@{threshold:g}"] = mean(right(far, threshold))
        kept = right(without_lost, threshold)
        found[f"jhmdb-crw:pck@{threshold:g}"] = mean(kept) if not np.isnan(kept).all() else float("nan")
    for first, last in horizons:
        late = far_of(scores, 0, first, last)
        known = not np.isnan(late).all()
        found[f"pck@{thresholds[0]:g} {horizon(first, last)}"] = (
            mean(right(late, thresholds[0])) if known else float("nan")
        )
    found["lost"] = float(np.isinf(far).sum() / (~np.isnan(far)).sum())
    return found


def far_of(scores: Sequence[VideoScore], table: int = 0, first: int = 0, last: int | None = None) -> np.ndarray:
    """Return distances in the frames of all videos, ``(frames, points)``."""
    end = None if last is None else last + 1
    return np.concatenate([score.far[table, first:end] for score in scores if score.far is not None])


def stretches(horizons: Sequence[int]) -> Horizons:
    """Return the first and the last frame of each stretch, the last one open.

    Raises:
        ConfigError: if frames do not rise, or begin before 1.

    Examples:
        >>> stretches([1, 6, 16])
        ((1, 5), (6, 15), (16, None))
    """
    if list(horizons) != sorted(set(horizons)) or not horizons or horizons[0] < 1:
        raise ConfigError(f"horizons: frames from 1 on, each later than the one before; got {list(horizons)}")
    return tuple(zip(horizons, [*(later - 1 for later in horizons[1:]), None], strict=True))


def horizon(first: int, last: int | None) -> str:
    """Return how far frames are from the first one, in words.

    Examples:
        >>> horizon(1, 5), horizon(16, None)
        ('1-5', '16+')
    """
    return f"{first}+" if last is None else f"{first}-{last}"


def over_time(scores: Sequence[VideoScore], threshold: float) -> dict[str, np.ndarray]:
    """Return J, and the share of points within a threshold, of each frame over all videos; NaN where none counts."""
    found = {}
    if scores[0].regions is not None:
        found["J"] = by_frame([score.regions[J, :-1] for score in scores if score.regions is not None])
    if scores[0].far is not None:
        hits = [right(score.far[0], threshold).T for score in scores if score.far is not None]
        found[f"PCK@{threshold:g}"] = by_frame(hits)
    return found


def by_frame(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of each frame over rows of all videos, each ``(rows, frames)``, NaN left out, ``(frames,)``."""
    longest = max(one.shape[1] for one in rows)
    padded = [np.pad(one, ((0, 0), (0, longest - one.shape[1])), constant_values=np.nan) for one in rows]
    return np.array([known_mean(column) for column in np.concatenate(padded).T])
