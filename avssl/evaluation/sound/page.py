"""A page of queries and what was found, on which sounds can be played; whole in itself, as data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from avssl.evaluation.sound.clips import Heard
from avssl.evaluation.sound.direction import DIRECTIONS, Direction, orders
from avssl.report.embedded import picture_data, sound_data

FOUND = 5  # neighbours of each query


def page_of(
    heard: Heard, spaces: Mapping[str, Mapping[str, np.ndarray]], classes: Sequence[str], rate: int, queries: int
) -> str:
    """Return the HTML of a sheet: for each direction queries, and their neighbours in each space.

    Args:
        heard: the pairs; neighbours are of other recordings.
        spaces: from a name to embeddings of ``"picture"`` and ``"sound"``.
        classes: names of the labels; empty shows numbers.
        rate: of the sound, in samples a second.
        queries: how many of each direction, spread evenly.
    """
    rows = np.linspace(0, len(heard) - 1, min(queries, len(heard))).round().astype(int)
    sections = [{"title": str(direction), "queries": asked(heard, spaces, classes, rate, rows, direction)}
                for direction in DIRECTIONS]  # fmt: skip
    loader = PackageLoader("avssl.evaluation.sound", ".")
    template = Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("sheet.html")
    return template.render(sections=sections)


def asked(
    heard: Heard,
    spaces: Mapping[str, Mapping[str, np.ndarray]],
    classes: Sequence[str],
    rate: int,
    rows: np.ndarray,
    direction: Direction,
) -> list[dict[str, Any]]:
    """Return what the page shows of the queries of one direction."""
    recording, label = heard.recording.numpy(), heard.label.numpy()
    shown = [{"item": cell(heard, int(row), direction.query, classes, rate), "lines": []} for row in rows]
    for name, space in spaces.items():
        for number, (_, order) in enumerate(orders(space[direction.query][rows], space[direction.gallery])):
            assert number == 0, "few queries are one piece"
            for query, row, found in zip(shown, rows, order, strict=True):
                near = [int(one) for one in found if recording[one] != recording[row]][:FOUND]
                cells = [
                    cell(heard, one, direction.gallery, classes, rate) | {"right": bool(label[one] == label[row])}
                    for one in near
                ]
                query["lines"].append({"name": name, "cells": cells})
    return shown


def cell(heard: Heard, row: int, sense: str, classes: Sequence[str], rate: int) -> dict[str, Any]:
    """Return a picture or a sound as data, with the name of its class."""
    number = int(heard.label[row])
    name = classes[number] if 0 <= number < len(classes) else str(number)
    if sense == "picture":
        return {"name": name, "picture": picture_data(heard.frames[row, 0].numpy()), "sound": None}
    return {"name": name, "picture": None, "sound": sound_data(heard.sound[row].mean(0).numpy(), rate)}
