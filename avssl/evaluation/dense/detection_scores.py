"""Detections scored: average precision of trials, of classes and of single pictures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from avssl.evaluation.dense.trials import Groups, Trial, Weighed
from avssl.metrics import boxes
from avssl.metrics.boxes import Found, Points, Truth, ap_name

Asked = Sequence[tuple[float, Points]]  # thresholds, and how the area is taken
CHUNK = 50  # resamples that are scored at once


def found_of(trial: Trial) -> Found:
    """Return the boxes of a trial, whose ``found`` holds rows of `detect`."""
    found = trial.found["found"]
    return Found(
        picture=found[:, 0].astype(np.int64),
        kind=found[:, 1].astype(np.int64),
        score=found[:, 2].astype(np.float64),
        box=found[:, 3:].astype(np.float64),
    )


def truth_of(items: Sequence[Mapping[str, Any]]) -> Truth:
    """Return the objects of pictures, ``boxes``, ``kinds`` and ``ignored`` of each, numbered in order."""
    return Truth(
        picture=np.repeat(np.arange(len(items)), [len(item["kinds"]) for item in items]),
        kind=np.concatenate([item["kinds"] for item in items]).astype(np.int64),
        box=np.concatenate([item["boxes"] for item in items]).astype(np.float64),
        ignored=np.concatenate([item["ignored"] for item in items]).astype(bool),
    )


def per_class(trial: Trial, truth: Truth, classes: int, asked: Asked) -> np.ndarray:
    """Return the average precision for each thing asked and class, ``(asked, classes)``; NaN without objects."""
    found = found_of(trial)
    return np.array(
        [[boxes.average_precision(found, truth, kind, one, points) for kind in range(classes)] for one, points in asked]
    )


def class_rows(
    groups: Groups, scores: Mapping[int, np.ndarray], classes: Sequence[str], asked: Asked
) -> Iterator[dict[str, Any]]:
    """Yield one row per class, means over seeds; an empty score where it has no object.

    Args:
        groups: the trials.
        scores: by the ``id`` of a trial, see `per_class`.
        classes: their names.
        asked: what was asked.
    """
    for group, trials in groups.items():
        each = np.mean([scores[id(trial)] for trial in trials], 0)
        for kind, name in enumerate(classes):
            cells = {
                ap_name(one, points): "" if np.isnan(each[place, kind]) else round(float(each[place, kind]), 4)
                for place, (one, points) in enumerate(asked)
            }
            yield {"row": group.row, "encoder": group["encoder"], "class": name} | cells


def picture_rows(
    trials: Sequence[Trial], paths: Sequence[str], truth: Truth, threshold: float
) -> Iterator[dict[str, Any]]:
    """Yield one row per trial and picture: objects, how many of them were found, and boxes that are wrong."""
    objects = np.bincount(truth.picture[~truth.ignored], minlength=len(paths))
    for trial in trials:
        found = found_of(trial)
        right, wrong = np.zeros(len(paths), int), np.zeros(len(paths), int)
        for kind in np.unique(found.kind):
            matches = boxes.match_boxes(found, truth, int(kind), threshold)
            np.add.at(right, matches.picture[matches.right == 1], 1)
            np.add.at(wrong, matches.picture[matches.right == 0], 1)
        about = {"row": trial.row, "encoder": trial.tuning, "seed": trial.seed}
        for number, path in enumerate(paths):
            counts = {"objects": objects[number], "found": right[number], "wrong": wrong[number]}
            yield about | {"path": path} | {name: int(count) for name, count in counts.items()}


def weighed(found: Found, truth: Truth, classes: int, pictures: int, threshold: float, points: Points) -> Weighed:
    """Return what gives the mean average precision when test pictures count several times."""
    classes_found = []
    for kind in range(classes):
        objects = truth.picture[(truth.kind == kind) & ~truth.ignored]
        if len(objects):
            one = boxes.match_boxes(found, truth, kind, threshold)
            counted = ~np.isnan(one.right)
            classes_found.append((one.picture[counted], one.right[counted], np.bincount(objects, minlength=pictures)))

    def score(weights: np.ndarray) -> np.ndarray:
        parts = [
            np.stack([_weighed_ap(part, places, right, counts, points) for places, right, counts in classes_found])
            for part in _chunks(weights)
        ]
        every = np.concatenate(parts, 1)
        there = ~np.isnan(every)
        return np.where(there, every, 0).sum(0) / np.maximum(there.sum(0), 1)

    return score


def _chunks(weights: np.ndarray) -> list[np.ndarray]:
    return [weights[start : start + CHUNK] for start in range(0, len(weights), CHUNK)]


def _weighed_ap(
    weights: np.ndarray, picture: np.ndarray, right: np.ndarray, objects: np.ndarray, points: Points
) -> np.ndarray:
    """Return the average precision of a class under each row of weights, NaN where no object of it is left."""
    total = weights @ objects
    each = weights[:, picture].astype(np.float64)
    hits, asked = np.cumsum(each * right, -1), np.cumsum(each, -1)
    precision = np.divide(hits, asked, out=np.zeros_like(hits), where=asked > 0)
    recall = hits / np.maximum(total, 1)[:, None]
    return np.where(total > 0, boxes.area_of(recall, precision, points), np.nan)
