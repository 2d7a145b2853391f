"""The page on which a person steps through the frames of a film and sees what was found, and how sure it is."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from avssl.cache import whole
from avssl.inference.tracking.drawing import LABELS
from avssl.report.overlays import color_of
from avssl.text import printable


class Shown:
    """The frames that the page shows, and where they lie.

    Args:
        out: the film beside which the page stands.
        frames: of the film.
        start: the frame that was marked; it is always shown.
        most: frames at most, spread evenly.
    """

    def __init__(self, out: Path, frames: int, start: int, most: int):
        self.page, self.folder = out.with_suffix(".html"), out.with_name(f"{out.stem}_page")
        self.start, self.of = start, frames
        spread = np.linspace(0, frames - 1, min(most, frames)).round().astype(int).tolist()
        self.frames = set(spread) | {start}


def write_page(shown: Shown, paths: Any, times: np.ndarray, title: str, by: str) -> Path:
    """Write the page; the frames lie beside it.

    Args:
        shown: which frames there are.
        paths: names and confidence of what was followed.
        times: of all frames, in seconds.
        title: of the film.
        by: what compared frames, in words.
    """
    order = sorted(shown.frames)
    data = {
        "title": printable(title),
        "by": printable(by),
        "start": order.index(shown.start),
        "of": shown.of,
        "folder": shown.folder.name,
        "frames": order,
        "times": [round(float(time), 3) for time in times[order]],
        "names": list(paths.names),
        "colors": ["#{:02x}{:02x}{:02x}".format(*color_of(one + 1, LABELS)) for one in range(len(paths.names))],
        "confidence": paths.confidence[order].round(3).T.tolist(),
    }
    text = files("avssl.inference.tracking").joinpath("page.html").read_text(encoding="utf-8")
    safe = json.dumps(data).replace("<", "\\u003c")
    with whole(shown.page) as part:
        part.write_text(text.replace("{{ data }}", safe), encoding="utf-8")
    return shown.page
