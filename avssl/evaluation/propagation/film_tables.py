"""What was found of films without labels as numbers, a table, notes, a file and curves."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL.Image import Image

from avssl.evaluation.propagation.colours import ALL, MOVED, errors_of
from avssl.evaluation.propagation.rows import COPY
from avssl.evaluation.propagation.scoring import Horizons, by_frame, horizon, known_mean
from avssl.evaluation.propagation.tables import difference_numbers, failure_notes
from avssl.metrics.bootstrap import Difference
from avssl.report.comparison import Metric, difference_notes, format_mean, group_at, item_difference
from avssl.report.figures import Curve, curve_picture
from avssl.report.scores import RANDOM, TRAINED

ERROR = Metric(name="error", column="error", form=".4f")


@dataclass(eq=False, kw_only=True)
class Films:
    """What rows found of films.

    Args:
        errors: of each row and each of its members, one for each video, as `carry_colours` gives them.
        paths: the videos that could be read.
        groups: what is not independent of each.
        failures: the others.
        strips: pictures by name.
    """

    errors: dict[str, list[list[np.ndarray]]]
    paths: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    strips: dict[str, Image] = field(default_factory=dict)


def values_of(found: Films, horizons: Horizons) -> dict[str, dict[str, np.ndarray]]:
    """Return each row's errors by name, one for each member; videos weigh alike."""
    ways = {"error": (MOVED, 1, None), "error all": (ALL, 1, None)}
    ways |= {f"error {horizon(*one)}": (MOVED, *one) for one in horizons}
    return {
        row: {name: np.array([known_mean(errors_of(one, *way)) for one in members]) for name, way in ways.items()}
        for row, members in found.errors.items()
    }


def numbers_of(found: Films, horizons: Horizons) -> dict[str, float]:
    """Return means over members by name, and the trained row's differences from the others."""
    numbers = {
        f"{row}/{name}": float(own.mean())
        for row, values in values_of(found, horizons).items()
        for name, own in values.items()
    }
    for row, one in differences(found).items():
        numbers |= difference_numbers(row, ERROR.name, one)
    return numbers


def differences(found: Films) -> dict[str, Difference]:
    """Return how far the trained row's error is above each other's, with a bootstrap over videos."""
    errors = {row: np.stack([errors_of(one) for one in members])[..., None] for row, members in found.errors.items()}
    if np.isnan(errors[TRAINED]).all():
        return {}
    others = [row for row in errors if row != TRAINED]
    return {row: item_difference(errors[TRAINED], errors[row], np.array(found.groups)) for row in others}


def table_of(found: Films, horizons: Horizons) -> Iterator[dict[str, str]]:
    """Yield a line a row."""
    names = [horizon(*one) for one in horizons]
    for row, values in values_of(found, horizons).items():
        late = [values[f"error {name}"].mean() for name in names]
        yield {
            "row": row,
            "error": format_mean(values["error"], 1, ".4f"),
            f"at {', '.join(names)}": " / ".join("-" if np.isnan(one) else f"{one:.3f}" for one in late),
            "all cells": format_mean(values["error all"], 1, ".4f", spread=False),
        }


def notes_of(found: Films, change: float) -> Iterator[str]:
    """Yield what stands under the table."""
    of_rows = differences(found)
    if not of_rows:
        yield f"No cell's brightness changes by more than {change:g}: lower evaluator.change, or take films that move."
    else:
        floors = [row for row in of_rows if row == COPY or row.startswith("pixels")]
        best = max(floors, key=lambda row: of_rows[row].mean)
        for row in (RANDOM, best):
            yield from difference_notes({group_at(TRAINED): of_rows[row]}, ERROR, row)
    counts = np.sum([film[:, 1].sum(0) for film in found.errors[TRAINED][0]], 0)
    yield f"Brightness has changed in {100 * counts[MOVED] / counts[ALL]:.0f} % of cells; less than 0 is better."
    yield from failure_notes(found.failures)


def videos_of(found: Films) -> Iterator[dict[str, Any]]:
    """Yield the errors of each video by each row's first member."""
    for number, path in enumerate(found.paths):
        for row, members in found.errors.items():
            film = members[0][number]
            counts = film[:, 1].sum(0)
            yield {
                "video": path,
                "row": row,
                "error": round(float(errors_of([film])[0]), 5),
                "error all": round(float(errors_of([film], ALL)[0]), 5),
                "changed": round(float(counts[MOVED] / counts[ALL]), 4),
            }


def curves_of(found: Films) -> dict[str, Image]:
    """Return the error over the frames since the first."""
    curves = []
    for row, members in found.errors.items():
        with np.errstate(invalid="ignore"):
            frames = by_frame([(film[:, 0, MOVED] / film[:, 1, MOVED])[None] for film in members[0]])
        times = np.flatnonzero(~np.isnan(frames))
        if len(times):
            curves.append(Curve(row, times + 1, frames[times]))
    title = "cells whose brightness has changed"
    return {"over_time": curve_picture({title: curves}, "frames since the first", "error")} if curves else {}
