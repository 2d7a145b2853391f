"""Draw the demo world once: hundreds of small real video files, their annotations and a manifest."""

import csv
import io
from pathlib import Path

from avssl.cache import cache_folder, whole
from avssl.data.demo.band import prepare as prepare_band
from avssl.data.demo.band.scenes import Preset
from avssl.data.demo.drawing import draw_all
from avssl.data.demo.figures import draw_figure
from avssl.data.demo.files import write_annotations, write_video
from avssl.data.demo.motion import STYLES
from avssl.data.demo.scenes import WORLDS
from avssl.data.demo.scenes import prepare as prepare_scenes

RATE = 25  # frames per second
VERSION = "figures-v1"  # change it whenever a picture changes: caches keep what was drawn before
ARROW_WORLD, ARROW = "figures-arrow", 0.7  # the figures, told forwards from backwards; how strongly by default
BANDS: dict[str, Preset] = {"band": "full", "band-easy": "easy"}  # worlds with sound, and their presets
SPLITS = {"train": 0, "heldout": 1}  # the first half of a recording's seed: the splits share nothing


def prepare(
    world: str = "figures",
    root: str | Path | None = None,
    *,
    train: int = 700,
    heldout: int = 60,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Draw the world unless it is there already, and return its folder.

    It may be interrupted at any time and called again: what was drawn stays. The folder holds ``manifest.csv`` with
    the columns ``path``, ``split`` (``train`` or ``heldout``), ``label`` (the place of the style in
    `avssl.data.demo.STYLES`) and ``keypoints`` (an ``.npz`` with ``keypoints``, ``visible`` and ``parts``, see
    `avssl.data.demo.Drawing`); paths count from the folder. Recording ``i`` of a split does not depend on how many
    there are.

    Args:
        world: ``"figures"``; ``"figures-arrow"``, the same with an arrow of time, whose strength in [0, 1] a number
            behind it sets (``"figures-arrow-0.35"``; 0.7 by default); ``"stills"`` and ``"solids"`` are worlds of
            pictures, see `avssl.data.demo.scenes`; ``"band"`` and ``"band-easy"`` are worlds with sound, of their own
            numbers, see `avssl.data.demo.band`.
        root: the folder; None for one in the cache.
        train: recordings to learn from.
        heldout: recordings to measure on, with other textures, bodies and motion.
        workers: threads that draw; None for one per core, at most 8.
        progress: show a bar while drawing.

    Raises:
        ValueError: if the world is unknown, or a count is negative.
    """
    if min(train, heldout) < 0:
        raise ValueError(f"counts must be at least 0; got train={train}, heldout={heldout}")
    if world in WORLDS:
        return prepare_scenes(world, root, train=train, heldout=heldout, workers=workers, progress=progress)
    if world in BANDS:
        return prepare_band(BANDS[world], root, workers=workers, progress=progress)
    arrow = _arrow(world)
    counts = {"train": train, "heldout": heldout}
    folder = Path(root) if root is not None else _cached(train, heldout, arrow)
    for split in SPLITS:
        (folder / split).mkdir(parents=True, exist_ok=True)
    rows = [_row(split, number) for split, count in counts.items() for number in range(count)]
    text = _table(rows)
    manifest = folder / "manifest.csv"
    missing = [row for row in rows if not ((folder / row["path"]).exists() and (folder / row["keypoints"]).exists())]
    if missing:
        draw_all(lambda row: _draw(folder, row, arrow), missing, "figures", workers, progress)
    if missing or not manifest.exists() or manifest.read_text() != text:
        with whole(manifest) as part:
            part.write_text(text)
    return folder


def _arrow(world: str) -> float:
    """Return the strength of the arrow of time in a world of figures, 0 in the plain one."""
    strength = world.removeprefix(ARROW_WORLD).removeprefix("-") if world.startswith(ARROW_WORLD) else "0"
    try:
        arrow = float(strength) if strength else ARROW
    except ValueError:
        arrow = -1.0
    if (world != "figures" and not world.startswith(ARROW_WORLD)) or not 0 <= arrow <= 1:
        named = ", ".join(("figures", f"{ARROW_WORLD} (or {ARROW_WORLD}-0.35, from 0 to 1)", *WORLDS, *BANDS))
        raise ValueError(f"world={world!r} is unknown; the demo has the worlds {named}")
    return arrow


def _cached(train: int, heldout: int, arrow: float) -> Path:
    """Return the cache's folder for these counts; other counts than the usual ones have folders of their own."""
    name = f"{VERSION}-arrow-{arrow:g}" if arrow else VERSION
    return cache_folder("demo", name if (train, heldout) == (700, 60) else f"{name}-{train}-{heldout}")


def _row(split: str, number: int) -> dict[str, str]:
    name = f"{split}/{number:05d}"
    return {"path": f"{name}.mp4", "split": split, "label": str(number % len(STYLES)), "keypoints": f"{name}.npz"}


def _table(rows: list[dict[str, str]]) -> str:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, ["path", "split", "label", "keypoints"], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _draw(folder: Path, row: dict[str, str], arrow: float) -> None:
    """Draw one recording; the video comes last, so that a video always has its annotations."""
    number = int(Path(row["path"]).stem)
    drawing = draw_figure((SPLITS[row["split"]], number), style=STYLES[int(row["label"])], rate=RATE, arrow=arrow)
    write_annotations(folder / row["keypoints"], drawing)
    write_video(folder / row["path"], drawing.frames, RATE)
