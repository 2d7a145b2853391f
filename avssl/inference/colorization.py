"""Colours for anybody's pictures, given by a method that has learned to."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from avssl.config import ConfigError, Count, Trust
from avssl.evaluation.recoloring.recolor import Recolors, gray, lab_of, recolored
from avssl.features.device import find_device
from avssl.features.runs import find_run
from avssl.inference.inpaint import pictures, save
from avssl.inference.recolored.testing import taught_size
from avssl.media.errors import MediaError
from avssl.media.pictures import read_picture
from avssl.report.overlays import sheet, thumbnail
from avssl.training.checkpoint import LAST, peek
from avssl.training.export import load_method

COLUMNS = "grey, coloured, truth"
SHEET = "sheet"
MOST = 64  # lines of the sheet
COLOURED = 0.5  # distance from grey in a and b, below which a picture has no colours but what rounding leaves


def colorize(
    *,
    files: Sequence[Path],
    out: Path | None = None,
    run: Path | None = None,
    runs: Path = Path("runs"),
    size: Count | None = None,
    device: str = "auto",
    trust: Trust = (),
) -> Path:
    """Let a method give pictures colours; see them beside the grey ones and the truth.

    Pictures keep their size and the lightness of each pixel. The method sees them at the size that it was taught with,
    and its colours are brought to theirs. A picture that cannot be read is told in one line, and the others go on.

    Args:
        files: pictures, or folders of them.
        out: folder for a PNG file a picture and ``sheet.png`` of the first 64; None for the run's ``colorized``.
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
        size: short side that the method sees, in pixels, of pictures that are larger; None for that of its training.
        device: where the method runs.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        The folder.

    Raises:
        ConfigError: if there is no picture, none can be read, or the run's method gives no colours.
    """
    folder = find_run(run, runs)
    device = find_device(device)
    method = load_method(folder, trust=trust).to(device)
    if not isinstance(method, Recolors):
        raise ConfigError(f"run: {type(method).__name__} of {folder} gives no colours; name one that does, run=FOLDER")
    size = size or taught_size(peek(folder / LAST)["settings"])
    out = out or folder / "colorized"
    out.mkdir(parents=True, exist_ok=True)
    names: set[str] = {SHEET}
    lines: dict[str, list[np.ndarray]] = {}
    errors = []
    for path in (paths := pictures(files)):
        try:
            truth = read_picture(path)
        except MediaError as error:
            print(f"left out: {error}")
            continue
        panels, error = colored(method, truth, size, device)
        name = free(path.stem, names)
        names.add(name)
        errors.append(error)
        save(Image.fromarray(np.hstack(panels)), out / f"{name}.png")
        if len(lines) < MOST:
            lines[name] = [thumbnail(panel) for panel in panels]
    if not lines:
        raise ConfigError(f"files: none of {len(paths)} could be read")
    save(sheet(lines, f"{COLUMNS}, from left to right"), out / f"{SHEET}.png")
    print(f"{len(errors)} pictures coloured, {len(paths) - len(errors)} left out; {COLUMNS}, from left to right")
    print(measured(errors))
    print(f"Written: {out}/{SHEET}.png, and a file a picture")
    return out


def colored(
    method: Recolors, truth: np.ndarray, size: int | None, device: str
) -> tuple[list[np.ndarray], tuple[float, float]]:
    """Return a picture grey, coloured and as it was, uint8 ``(H, W, 3)``, and how far colours and grey are from it."""
    pixels = np.ascontiguousarray(truth.transpose(2, 0, 1))[None]
    shown = [gray(pixels), recolored(method, pixels, size, device), pixels]
    grey, drawn, true = (lab_of(one.astype(np.float32) / 255)[0, 1:] for one in shown)
    panels = [np.ascontiguousarray(one[0].transpose(1, 2, 0)) for one in shown]
    return panels, (distance(drawn, true), distance(grey, true))


def measured(errors: Sequence[tuple[float, float]]) -> str:
    """Return how far colours are from the true ones, in one line; pictures that have none tell nothing.

    Args:
        errors: of each picture: of its colours, and of no colours.
    """
    known = [pair for pair in errors if pair[1] > COLOURED]
    if not known:
        return "nothing is measured: no picture came with colours"
    found, none = np.mean(known, axis=0)
    told = f"root mean square distance from the true a and b of CIE Lab {found:.2f}; of no colour at all {none:.2f}"
    grey = len(errors) - len(known)
    return f"{told}; left out of it: {grey} that came without colours" if grey else told


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the root mean square distance of colours ``(2, H, W)``."""
    return float(np.sqrt(np.square(one - other).sum(0).mean()))


def free(name: str, taken: set[str]) -> str:
    """Return a name that is not taken: this one, or with a number behind it."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
