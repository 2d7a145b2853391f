"""What trackers found as numbers, a table, notes, files and pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from avssl.evaluation.propagation.pictures import TRUTH, shown_frames
from avssl.evaluation.propagation.tables import told
from avssl.evaluation.tracking.targets import Targets
from avssl.metrics.bootstrap import Difference
from avssl.metrics.tracks import centre_errors, frame_overlaps, otb_success, precision, success, success_rate
from avssl.report.comparison import difference_notes, format_mean, group_at, item_difference, percent
from avssl.report.overlays import color_of, sheet, thumbnail
from avssl.report.scores import RANDOM, TRAINED

GREY = "grey filter"


@dataclass(eq=False, kw_only=True)
class Followed:
    """What trackers found.

    Args:
        boxes: of each row and each of its members, of each video, ``(targets, frames, 4)``.
        truth: the true ones.
        sizes: height and width of the videos' pictures.
        paths: of the videos.
        groups: what is not independent of each.
        failures: videos that could not be followed.
        strips: pictures by name.
    """

    boxes: dict[str, list[list[np.ndarray]]]
    truth: list[np.ndarray] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    strips: dict[str, Image.Image] = field(default_factory=dict)

    def add(self, targets: Targets) -> None:
        """Take in a video before its boxes."""
        self.truth.append(targets.boxes)
        self.sizes.append((targets.frames.shape[-2], targets.frames.shape[-1]))
        self.paths.append(targets.path)
        self.groups.append(targets.group)

    def by_target(self, own: Sequence[np.ndarray], pixels: float) -> list[dict[str, float]]:
        """Return the scores of each target of each video."""
        found = []
        for boxes, truth in zip(own, self.truth, strict=True):
            for one, true in zip(boxes, truth, strict=True):
                overlaps, errors = frame_overlaps(one, true), centre_errors(one, true)
                found.append(
                    {
                        "success": success(overlaps[1:]),
                        f"precision@{pixels:g}": precision(errors[1:], pixels),
                        "otb:success": otb_success(overlaps),
                        f"otb:precision@{pixels:g}": precision(errors, pixels),
                    }
                )
        return found

    def summary(self, own: Sequence[np.ndarray], pixels: float) -> dict[str, float]:
        """Return the scores of a member by name."""
        each = self.by_target(own, pixels)
        scores = {name: float(np.nanmean([one[name] for one in each])) for name in each[0]}
        pooled = [
            frame_overlaps(boxes[:, 1:], truth[:, 1:], size).flatten()
            for boxes, truth, size in zip(own, self.truth, self.sizes, strict=True)
        ]
        overlaps = np.concatenate(pooled)
        scores["got10k:ao"] = success(overlaps)
        return scores | {f"got10k:sr@{one:g}": success_rate(overlaps, one) for one in (0.5, 0.75)}

    def values(self, pixels: float) -> dict[str, dict[str, np.ndarray]]:
        """Return each row's scores by name, one for each member."""
        found = {}
        for row, members in self.boxes.items():
            each = [self.summary(own, pixels) for own in members]
            found[row] = {name: np.array([one[name] for one in each]) for name in each[0]}
        return found


def numbers_of(found: Followed, pixels: float) -> dict[str, float]:
    """Return means over members by name, and the trained row's differences from the others."""
    numbers = {
        f"{row}/{metric}": float(values.mean())
        for row, own in found.values(pixels).items()
        for metric, values in own.items()
    }
    for row, one in differences(found, pixels).items():
        path = f"{TRAINED}-{row}/success"
        numbers |= {path: one.mean, f"{path}/low": one.low, f"{path}/high": one.high}
    return numbers


def differences(found: Followed, pixels: float) -> dict[str, Difference]:
    """Return how far the trained row's success is above each other's, with a bootstrap over videos."""
    items = {
        row: np.array([[one["success"] for one in found.by_target(own, pixels)] for own in members])[..., None]
        for row, members in found.boxes.items()
    }
    group = np.repeat(np.array(found.groups), [len(boxes) for boxes in found.truth])
    return {row: item_difference(items[TRAINED], own, group) for row, own in items.items() if row != TRAINED}


def table_of(found: Followed, pixels: float) -> tuple[dict[str, str], ...]:
    """Return a line a row, shares in percent."""
    columns = {"success": "success", f"precision@{pixels:g}": f"precision at {pixels:g} px"}
    columns |= {"otb:success": "OTB success", "got10k:ao": "AO", "got10k:sr@0.5": "SR.5", "got10k:sr@0.75": "SR.75"}
    return tuple(
        {"row": row} | {column: format_mean(own[name], spread=name == "success") for name, column in columns.items()}
        for row, own in found.values(pixels).items()
    )


def notes_of(found: Followed, pixels: float) -> Iterator[str]:
    """Yield what stands under the table."""
    column = percent("success", "success")
    for row in (RANDOM, GREY):
        yield from difference_notes({group_at(TRAINED): differences(found, pixels)[row]}, column, row)
    yield "By OTB's count the truth itself has a success of 95.2 %."
    if found.failures:
        yield f"{len(found.failures)} videos could not be followed; the first: {told(found.failures[0])}."


def tables_of(found: Followed, pixels: float) -> dict[str, list[dict[str, Any]]]:
    """Return all scores of all rows, and those of each target."""
    rows = [
        {"row": row, "metric": metric, "mean": round(float(own.mean()), 5), "members": len(own)}
        for row, values in found.values(pixels).items()
        for metric, own in values.items()
    ]
    names = [
        (path, number)
        for path, truth in zip(found.paths, found.truth, strict=True)
        for number in range(1, len(truth) + 1)
    ]
    targets = [
        {"video": path, "target": number, "row": row} | {name: round(value, 5) for name, value in one.items()}
        for row, members in found.boxes.items()
        for (path, number), one in zip(names, found.by_target(members[0], pixels), strict=True)
    ]
    return {"scores": rows, "targets": targets}


def strip_of(targets: Targets, rows: Mapping[str, np.ndarray]) -> Image.Image:
    """Draw the boxes that each row found in some frames, below the true ones."""
    times = shown_frames(len(targets.frames))
    images = targets.frames[times].permute(0, 2, 3, 1).numpy()
    lines = {
        name: [framed(image, boxes[:, time]) for image, time in zip(images, times, strict=True)]
        for name, boxes in {TRUTH: targets.boxes, **rows}.items()
    }
    return sheet(lines, Path(targets.path).stem)


def framed(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return a thumbnail of a frame with the outline of each box that is known."""
    small = thumbnail(image)
    picture = Image.fromarray(small)
    pen = ImageDraw.Draw(picture)
    scale = small.shape[1] / image.shape[1]
    for number, box in enumerate(boxes, 1):
        if np.isfinite(box).all() and (box[2:] > box[:2]).all():
            pen.rectangle((box * scale).tolist(), outline=color_of(number, 256), width=2)
    return np.asarray(picture)
