"""Worlds of pictures: the demo figures with their parts and boxes, and rooms of solids with exact normals.

Where no annotated pictures are at hand they stand in for them, in the form in which official sets come: pictures,
palette masks and arrays beside them, and a manifest, see `avssl.data.scenes`.
"""

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image

from avssl.cache import cache_folder, whole
from avssl.data.demo.drawing import draw_all
from avssl.data.demo.figures import PARTS, draw_figure
from avssl.data.demo.motion import STYLES
from avssl.data.demo.solids import draw_solids

WORLDS = ("stills", "solids")
VERSION = {"stills": "stills-v1", "solids": "solids-v1"}  # change it whenever a picture changes
LOOKS = {"train": 1, "heldout": 4}  # pictures of each thing drawn
SEEDS = {"stills": {"train": 0, "heldout": 1}, "solids": {"train": 10, "heldout": 11}}  # the figures' own in stills
FRAMES = 64  # of a demo figure's recording
BOXES = {"head": ("head",), "torso": ("torso",), "figure": tuple(name for name, *_ in PARTS)}  # objects and their parts
LEAST = 9  # pixels that must be seen of an object for it to get a box


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
    torso, as far as they are seen. ``"solids"``: rooms with spheres and boxes, see `avssl.data.demo.solids`, the same
    numbers of pictures, and an ``.npz`` with ``normals`` for each. The folder holds ``manifest.csv``.

    Args:
        world: one of `WORLDS`.
        root: the folder; None for one in the cache.
        train: things to learn from.
        heldout: things to measure on.
        workers: threads that draw; None for one a core, at most 8.
        progress: show a bar while drawing.
    """
    usual = (train, heldout) == (700, 60)
    name = VERSION[world] if usual else f"{VERSION[world]}-{train}-{heldout}"
    folder = Path(root) if root is not None else cache_folder("demo", name)
    for split in LOOKS:
        (folder / split).mkdir(parents=True, exist_ok=True)
    draw, row = (_draw_still, _still_row) if world == "stills" else (_draw_solids, _solids_row)
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


def boxes_of(parts: np.ndarray) -> str:
    """Return the boxes of a figure's objects as a manifest writes them, see `avssl.data.scenes.read_boxes`.

    Args:
        parts: 0 for the background, ``1 + i`` for ``PARTS[i]``, ``(H, W)``.
    """
    names = [name for name, *_ in PARTS]
    found = []
    for thing, members in BOXES.items():
        rows, columns = np.nonzero(np.isin(parts, [1 + names.index(member) for member in members]))
        if len(rows) >= LEAST:
            edges = columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5
            found.append(" ".join([*(f"{edge:g}" for edge in edges), thing]))
    return " | ".join(found)


def _files(split: str, number: int, look: int) -> str:
    return f"{split}/{number:05d}_{look}"


def _drawn(folder: Path, split: str, number: int) -> bool:
    """Tell whether a thing's last file is there; it is written last."""
    return (folder / f"{_files(split, number, LOOKS[split] - 1)}.png").exists()


def _draw_still(folder: Path, split: str, number: int) -> None:
    drawing = draw_figure((SEEDS["stills"][split], number), style=STYLES[number % len(STYLES)], frames=FRAMES)
    looks = LOOKS[split]
    for look in range(looks):
        frame = (number * 7 + look * FRAMES // looks) % FRAMES  # another moment for each figure
        mask = Image.frombytes("P", drawing.parts.shape[:0:-1], drawing.parts[frame].tobytes())
        mask.putpalette(_palette())
        _save(folder / f"{_files(split, number, look)}_parts.png", mask)
        _save(folder / f"{_files(split, number, look)}.png", Image.fromarray(drawing.frames[frame]))


def _draw_solids(folder: Path, split: str, number: int) -> None:
    for look in range(LOOKS[split]):
        solids = draw_solids((SEEDS["solids"][split], number * LOOKS[split] + look))
        with whole(folder / f"{_files(split, number, look)}.npz") as part, open(part, "wb") as file:
            np.savez_compressed(file, normals=solids.normals)
        _save(folder / f"{_files(split, number, look)}.png", Image.fromarray(solids.image))


def _still_row(folder: Path, split: str, number: int, look: int) -> dict[str, str]:
    name = _files(split, number, look)
    with Image.open(folder / f"{name}_parts.png") as mask:
        boxes = boxes_of(np.asarray(mask))
    about = {"path": f"{name}.png", "split": split, "group": f"{split}/{number:05d}"}
    return about | {"mask": f"{name}_parts.png", "boxes": boxes, "truth": "exact"}


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
