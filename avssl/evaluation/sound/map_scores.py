"""Maps against boxes: every score of every picture, and of rows that need no sound."""

import numpy as np
import torch
from torch import Tensor

from avssl.evaluation.sound.boxes import Sources
from avssl.evaluation.sound.clips import Heard, over
from avssl.methods import Method
from avssl.methods.sound.base import Localizer
from avssl.metrics import localisation as metric

LEVELS = np.arange(0.1, 1.0, 0.05)  # of a map brought to 0 to 1, to choose a threshold from
OTHERS = ("cIoU", "area", "IoU")  # columns of regions, which a point has not


def maps_of(method: Method, heard: Heard, sound: Tensor, device: str) -> np.ndarray:
    """Return maps in the pictures' size, in the method's own units, ``(N, H, W)``."""
    assert isinstance(method, Localizer)
    method.to(device).eval()
    found = over(method.locate, heard.frames, sound, device=device)
    size = (heard.frames.shape[-2], heard.frames.shape[-1])
    return torch.nn.functional.interpolate(found[:, None], size, mode="bilinear", align_corners=False)[:, 0].numpy()


def score_maps(maps: np.ndarray, sources: Sources, level: float) -> dict[str, np.ndarray]:
    """Return every score of every map, a row each; NaN where it does not apply."""
    height, width = maps.shape[1:]
    found: dict[str, list[float]] = {name: [] for name in ("pointing", "on the silent", "half", "IoU")}
    for row, (scores, truth) in enumerate(zip(maps, sources.truths(height, width), strict=True)):
        point, other = metric.peak(scores), sources.other[row]
        found["pointing"].append(sources.holds(row, point))
        found["on the silent"].append(np.nan if np.isnan(other[0]) else metric.within(point, other))
        found["half"].append(metric.consensus_iou(metric.top_half(scores), truth))
        found["IoU"].append(metric.consensus_iou(metric.above(scores, level), truth))
    return {name: np.array(values, float) for name, values in found.items()} | overlaps(np.array(found["half"]))


def overlaps(half: np.ndarray) -> dict[str, np.ndarray]:
    """Return the field's scores from each picture's IoU under its rule; ``area`` averages to that under the curve."""
    reached = half[:, None] >= metric.THRESHOLDS[None]
    return {"cIoU": (half >= 0.5).astype(float), "area": np.trapezoid(reached.astype(float), metric.THRESHOLDS, axis=1)}


def blind_rows(heard: Heard, sources: Sources) -> dict[str, dict[str, np.ndarray]]:
    """Return what needs no sound: a random point, the whole picture, the centre; and the most that half allows."""
    height, width = heard.frames.shape[-2:]
    truths = sources.truths(height, width)
    share = np.array([(truth > 0).mean() for truth in truths])
    whole = np.array([metric.consensus_iou(np.ones_like(truth, dtype=bool), truth) for truth in truths])
    disc, nothing = metric.centre_disc(height, width), np.full(len(truths), np.nan)
    middle = (width / 2, height / 2)
    silent = [np.nan if np.isnan(box[0]) else float(metric.within(middle, box)) for box in sources.other]
    cover = [np.nan if np.isnan(box[0]) else metric.box_mask(box, height, width).mean() for box in sources.other]
    half = np.array([metric.consensus_iou(disc, truth) for truth in truths])
    best = np.array([metric.best_half(truth) for truth in truths])
    return {
        "random point": {"pointing": share, "on the silent": np.array(cover)} | dict.fromkeys(OTHERS, nothing),
        "whole picture": {"pointing": nothing, "on the silent": nothing, "IoU": whole} | overlaps(whole),
        "centre": {"pointing": np.array([float(sources.holds(row, middle)) for row in range(len(truths))]),
                   "on the silent": np.array(silent), "IoU": half} | overlaps(half),
        "best half": {"pointing": nothing, "on the silent": nothing, "IoU": nothing} | overlaps(best),
    }  # fmt: skip


def chosen_level(maps: np.ndarray, sources: Sources) -> float:
    """Return the threshold of maps from 0 to 1 with the greatest mean IoU."""
    truths = sources.truths(maps.shape[1], maps.shape[2])
    pairs = list(zip(maps, truths, strict=True))
    means = [
        np.mean([metric.consensus_iou(metric.above(one, level), truth) for one, truth in pairs]) for level in LEVELS
    ]
    return float(LEVELS[int(np.argmax(means))])


def mean(rows: list[dict[str, np.ndarray]], name: str) -> float:
    """Return the mean over rows of a score, leaving out where it does not apply; NaN if it never does."""
    values = np.concatenate([row[name] for row in rows])
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else float("nan")
