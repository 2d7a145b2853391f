"""What was found over all videos as numbers, a table, notes, files and curves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL.Image import Image

from avssl.evaluation.propagation.adaptation import TOLD
from avssl.evaluation.propagation.clips import told
from avssl.evaluation.propagation.rows import ADAPTED, COPY
from avssl.evaluation.propagation.scoring import (
    F,
    Horizons,
    J,
    VideoScore,
    far_of,
    horizon,
    known_mean,
    object_values,
    over_time,
    summary,
)
from avssl.features.propagation.settings import OWN, Propagation
from avssl.metrics.bootstrap import Difference
from avssl.metrics.pck import right
from avssl.report.comparison import difference_notes, format_mean, group_at, item_difference, percent
from avssl.report.figures import Curve, curve_picture
from avssl.report.scores import RANDOM, TRAINED


@dataclass(eq=False, kw_only=True)
class Found:
    """What rows found of videos.

    Args:
        scores: of each row and each of its members, one for each video.
        paths: the videos that could be read.
        groups: what is not independent of each.
        lengths: their frames.
        failures: the others.
        strips: pictures by name.
    """

    scores: dict[str, list[list[VideoScore]]]
    paths: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    strips: dict[str, Image] = field(default_factory=dict)

    def values(self, thresholds: Sequence[float], horizons: Horizons) -> dict[str, dict[str, np.ndarray]]:
        """Return each row's scores by name, one for each member."""
        found = {}
        for name, members in self.scores.items():
            each = [summary(one, thresholds, horizons) for one in members]
            found[name] = {metric: np.array([one[metric] for one in each]) for metric in each[0]}
        return found


def numbers_of(found: Found, thresholds: Sequence[float], horizons: Horizons) -> dict[str, float]:
    """Return means over members by name, and the trained row's differences from the others."""
    numbers = {
        f"{row}/{metric}": float(values.mean())
        for row, own in found.values(thresholds, horizons).items()
        for metric, values in own.items()
    }
    for metric, of_rows in differences(found, thresholds[0], horizons).items():
        for row, one in of_rows.items():
            numbers |= difference_numbers(row, metric, one)
    return numbers


def difference_numbers(row: str, metric: str, one: Difference) -> dict[str, float]:
    """Return how far the trained row is above another, and the ends of the interval, by name."""
    path = f"{TRAINED}-{row}/{metric}"
    return {path: one.mean, f"{path}/low": one.low, f"{path}/high": one.high}


def differences(found: Found, threshold: float, horizons: Horizons) -> dict[str, dict[str, Difference]]:
    """Return how far the trained row is above each other, in all frames and in the last stretch, by metric.

    The bootstrap is over videos.
    """
    first = found.scores[TRAINED][0][0]
    groups = np.array(found.groups)
    result: dict[str, dict[str, Difference]] = {}
    for start, last in dict.fromkeys(((1, None), horizons[-1])):
        ways: dict[str, Any] = {}
        if first.regions is not None:
            ways["j"] = lambda one, start=start, last=last: object_values(one, J, False, start, last)
            ways["f"] = lambda one, start=start, last=last: object_values(one, F, False, start, last)
        if first.far is not None:
            ways[f"pck@{threshold:g}"] = lambda one, start=start, last=last: right(
                far_of(one, 0, start, last), threshold
            )
        for metric, way in ways.items():
            items = {row: np.stack([way(one) for one in members]) for row, members in found.scores.items()}
            if np.isnan(items[TRAINED]).all():  # or no video is that long
                continue
            items = {row: values.reshape(*values.shape[:2], -1) for row, values in items.items()}
            group = np.repeat(groups, [len(way([one])) for one in found.scores[TRAINED][0]])
            name = metric if start == 1 else f"{metric} {horizon(start, last)}"
            others = [row for row in items if row != TRAINED]
            result[name] = {row: item_difference(items[TRAINED], items[row], group) for row in others}
    return result


def columns_of(values: Mapping[str, np.ndarray], thresholds: Sequence[float]) -> dict[str, str]:
    """Return the metrics that a person reads, and their columns."""
    wanted = {"j": "J", "f": "F", "j whole": "J whole", "f whole": "F whole"}
    wanted |= {f"pck@{one:g}": f"PCK@{one:g}" for one in thresholds}
    wanted |= {"lost": "lost", "miou": "mIoU", "miou with the first": "mIoU with frame 0"}
    return {metric: column for metric, column in wanted.items() if metric in values}


def table_of(found: Found, thresholds: Sequence[float], horizons: Horizons) -> tuple[dict[str, str], ...]:
    """Return a line a row, shares in percent."""
    table = []
    names = [horizon(*one) for one in horizons]
    for row, values in found.values(thresholds, horizons).items():
        cells = {"row": row}
        cells |= {
            column: format_mean(values[metric], spread=column in ("J", f"PCK@{thresholds[0]:g}"))
            for metric, column in columns_of(values, thresholds).items()
        }
        for metric in ("j", f"pck@{thresholds[0]:g}"):
            if metric in values:
                late = [values[f"{metric} {name}"].mean() for name in names]
                column = f"{'J' if metric == 'j' else metric.upper()} at {', '.join(names)}"
                cells[column] = " / ".join("-" if np.isnan(one) else f"{100 * one:.0f}" for one in late)
        table.append(cells)
    return tuple(table)


def notes_of(found: Found, thresholds: Sequence[float], horizons: Horizons, settings: Propagation) -> Iterator[str]:
    """Yield what stands under the table."""
    for metric, of_rows in differences(found, thresholds[0], horizons).items():
        column = percent(metric, metric.upper())
        floors = {row: one for row, one in of_rows.items() if row == COPY or row.startswith("pixels")}
        best = min(floors, key=lambda row, floors=floors: floors[row].mean)
        for row in (RANDOM, best, *({ADAPTED} & set(of_rows))):
            yield from difference_notes({group_at(TRAINED): of_rows[row]}, column, row)
    yield from adaptation_notes(found)
    if settings.name != OWN.name:
        yield f"Propagated as the evaluator of {settings.name} does; numbers of other settings do not compare."
    short = sum(length < 3 for length in found.lengths)
    if short and found.scores[TRAINED][0][0].regions is not None:
        yield f"{short} videos have fewer than three frames, of which J and F count none."
    yield from failure_notes(found.failures)


def failure_notes(failures: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield a sentence on the videos that could not be scored; none where there are none."""
    if failures:
        yield f"{len(failures)} videos could not be scored; the first: {told(failures[0])}."


def adaptation_notes(found: Found) -> Iterator[str]:
    """Yield what adaptation did to its own loss, and in how many videos there was nothing to learn."""
    values = adaptations(found)
    if not len(values):
        return
    each = [f"{name} {known_mean(values[:, place]):.3f} to {known_mean(values[:, place + len(TOLD)]):.3f}"
            for place, name in enumerate(TOLD) if not np.isnan(values[:, place]).all()]  # fmt: skip
    if each:
        yield f"Adapted to each of {len(values)} videos, on clips spread over it: {', '.join(each)} (means)."
    if still := int((values[:, -1] == 0).sum()):
        yield f"{still} of these stand still or have one frame: they teach no more than that places differ."


def adaptations(found: Found) -> np.ndarray:
    """Return what adaptation did to each video, ``(videos, before, after and motion)``; no video without one."""
    rows = [score.adapted for score in found.scores.get(ADAPTED, [[]])[0] if score.adapted is not None]
    return np.stack(rows) if rows else np.empty((0, 2 * len(TOLD) + 1))


def tables_of(found: Found, thresholds: Sequence[float], horizons: Horizons) -> dict[str, list[dict[str, Any]]]:
    """Return all scores of all rows, those of each video, and what adaptation did to each."""
    rows = [
        {"row": row, "metric": metric, "mean": round(float(own.mean()), 5), "members": len(own)}
        for row, values in found.values(thresholds, horizons).items()
        for metric, own in values.items()
    ]
    videos = []
    for number, path in enumerate(found.paths):
        for row, members in found.scores.items():
            one = [members[0][number]]
            cells: dict[str, Any] = {"video": path, "row": row}
            if one[0].regions is not None:
                cells |= {"j": round(known_mean(object_values(one, J, False)), 5)}
                cells |= {"f": round(known_mean(object_values(one, F, False)), 5)}
            if one[0].far is not None:
                cells |= {"pck": round(known_mean(right(one[0].far[0], thresholds[0])), 5)}
            videos.append(cells)
    names = [f"{name} {when}" for when in ("before", "after") for name in TOLD] + ["motion"]
    adapted = [
        {"video": path} | {name: round(float(value), 5) for name, value in zip(names, values, strict=True)}
        for path, values in zip(found.paths, adaptations(found), strict=False)
    ]
    return {"scores": rows, "videos": videos} | ({"adaptation": adapted} if adapted else {})


def pictures_of(found: Found, threshold: float) -> dict[str, Image]:
    """Return curves over the frames since the first, a panel a measure."""
    panels: dict[str, list[Curve]] = {}
    for row, members in found.scores.items():
        for name, curve in over_time(members[0], threshold).items():
            times = np.flatnonzero(~np.isnan(curve))
            if len(times):
                panels.setdefault(name, []).append(Curve(row, times, curve[times]))
    return {"over_time": curve_picture(panels, "frames since the first", "score")} if panels else {}
