"""Worlds of pictures: the demo figures with their parts, crowds of them with boxes, rooms of solids with normals.

Where no annotated pictures are at hand they stand in for them, in the form in which official sets come: pictures,
palette masks and arrays beside them, and a manifest, see `avssl.data.scenes`.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from avssl.cache import cache_folder, whole
from avssl.data.boxes import Box, write_boxes
from avssl.data.demo.crowd import boxes_of, draw_crowd
from avssl.data.demo.drawing import draw_all
from avssl.data.demo.figures import PARTS, draw_figure
from avssl.data.demo.motion import STYLES
from avssl.data.demo.solids import draw_solids

VERSION = {"stills": "stills-v1", "crowd": "crowd-v1", "solids": "solids-v1"}  # change it whenever a picture changes
WORLDS = tuple(VERSION)
LOOKS = {"train": 1, "heldout": 4}  # pictures of each thing drawn
SEEDS = {  # the first half of a seed; the figures of the demo in stills, others in the rest
    "stills": {"train": 0, "heldout": 1},
    "crowd": {"train": 20, "heldout": 21},
    "solids": {"train": 10, "heldout": 11},
}
FRAMES = 64  # of a demo figure's recording


def prepare(
    world: str,
    root: str | Path | None = None,
    *,
    train: int = 700,
    heldout: int = 60,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Draw a world unless it is there already, and return its folder; it may be interrupted and called again.

    ``"stills"``: one frame of each training figure of the demo and four of each held-out one, 72x72 PNG, a palette
    PNG with the parts (0 background, ``1 + i`` for ``PARTS[i]``), and the boxes of the figure, its head and its
    torso, as far as they are seen. ``"crowd"``: one to three other figures in 96x96 pixels, at any place, with the
    same annotations. ``"solids"``: rooms with spheres and boxes, see `avssl.data.demo.solids`, and an ``.npz`` with
    ``normals`` for each. All have the same numbers of pictures, and a ``manifest.csv``.

    Args:
        world: one of `WORLDS`.
        root: the folder; None for one in the cache.
        train: things to learn from.
        heldout: things to measure on.
        workers: threads that draw; None for one per core, at most 8.
        progress: show a bar while drawing.
    """
    usual = (train, heldout) == (700, 60)
    name = VERSION[world] if usual else f"{VERSION[world]}-{train}-{heldout}"
    folder = Path(root) if root is not None else cache_folder("demo", name)
    for split in LOOKS:
        (folder / split).mkdir(parents=True, exist_ok=True)
    draw, row = {
        "stills": (_draw_still, _parts_row),
        "crowd": (_draw_crowd, _parts_row),
        "solids": (_draw_solids, _solids_row),
    }[world]
    things = [(split, number) for split, count in (("train", train), ("heldout", heldout)) for number in range(count)]
    missing = [one for one in things if not _drawn(folder, *one)]
    if missing:
        draw_all(lambda one: draw(folder, *one), missing, world, workers, progress)
    manifest = folder / "manifest.csv"
    rows = len(things) and sum(LOOKS[split] for split, _ in things)
    if missing or not manifest.exists() or len(manifest.read_text().splitlines()) != 1 + rows:
        with whole(manifest) as part:
            part.write_text(_table([row(folder, *one, look) for one in things for look in range(LOOKS[one[0]])]))
    return folder


def _files(split: str, number: int, look: int) -> str:
    return f"{split}/{number:05d}_{look}"


def _drawn(folder: Path, split: str, number: int) -> bool:
    """Tell whether a thing's last picture is there; it is written last."""
    return (folder / f"{_files(split, number, LOOKS[split] - 1)}.png").exists()


def _draw_still(folder: Path, split: str, number: int) -> None:
    drawing = draw_figure((SEEDS["stills"][split], number), style=STYLES[number % len(STYLES)], frames=FRAMES)
    for look in range(LOOKS[split]):
        frame = (number * 7 + look * FRAMES // LOOKS[split]) % FRAMES  # another moment for each figure
        boxes = boxes_of(drawing.parts[frame])
        _save_parts(folder / _files(split, number, look), drawing.frames[frame], drawing.parts[frame], boxes)


def _draw_crowd(folder: Path, split: str, number: int) -> None:
    for look in range(LOOKS[split]):
        crowd = draw_crowd((SEEDS["crowd"][split], number * LOOKS[split] + look))
        _save_parts(folder / _files(split, number, look), crowd.image, crowd.parts, crowd.boxes)


def _save_parts(stem: Path, image: np.ndarray, parts: np.ndarray, boxes: Sequence[Box]) -> None:
    """Write a picture, its palette mask and its boxes; the picture last, so that it always has its annotations."""
    mask = Image.frombytes("P", parts.shape[::-1], parts.tobytes())
    mask.putpalette(_palette())
    _save(stem.with_name(f"{stem.name}_parts.png"), mask)
    with whole(stem.with_name(f"{stem.name}.txt")) as part:
        part.write_text(write_boxes(boxes))
    _save(stem.with_name(f"{stem.name}.png"), Image.fromarray(image))


def _draw_solids(folder: Path, split: str, number: int) -> None:
    for look in range(LOOKS[split]):
        solids = draw_solids((SEEDS["solids"][split], number * LOOKS[split] + look))
        with whole(folder / f"{_files(split, number, look)}.npz") as part, open(part, "wb") as file:
            np.savez_compressed(file, normals=solids.normals)
        _save(folder / f"{_files(split, number, look)}.png", Image.fromarray(solids.image))


def _parts_row(folder: Path, split: str, number: int, look: int) -> dict[str, str]:
    name = _files(split, number, look)
    group = f"{split}/{number:05d}"
    about = {"path": f"{name}.png", "split": split, "group": group, "mask": f"{name}_parts.png", "truth": "exact"}
    return about | {"boxes": (folder / f"{name}.txt").read_text()}


def _solids_row(folder: Path, split: str, number: int, look: int) -> dict[str, str]:
    name = _files(split, number, look)
    return {"path": f"{name}.png", "split": split, "group": name, "normals": f"{name}.npz", "truth": "exact"}


def _save(path: Path, image: Image.Image) -> None:
    with whole(path) as part:
        image.save(part, format="PNG")


def _palette() -> list[int]:
    """Return colours of the parts as they are painted, black for the background; for people who open a mask."""
    return [0, 0, 0] + [round(255 * min(value, 1)) for *_, color in PARTS for value in color]


def _table(rows: list[dict[str, str]]) -> str:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(rows[0]) if rows else ["path"], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()
