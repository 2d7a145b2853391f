"""Holes in anybody's pictures, filled by a method that has learned to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from avssl.cache import whole
from avssl.config import ConfigError, Trust
from avssl.data.recordings import PICTURES
from avssl.features.device import find_device
from avssl.features.runs import find_run
from avssl.inference.files import files_given
from avssl.installed import tool
from avssl.media.errors import MediaError
from avssl.media.pictures import read_picture
from avssl.methods import ContextEncoder
from avssl.methods.pretext.context_encoder import errors as errors_in
from avssl.report.overlays import sheet
from avssl.training.checkpoint import LAST, peek
from avssl.training.export import load_method

COLUMNS = "hole, filled, truth"


def inpaint(
    *,
    files: Sequence[Path],
    out: Path | None = None,
    run: Path | None = None,
    runs: Path = Path("runs"),
    seed: Annotated[int, Field(ge=0)] = 0,
    device: str = "auto",
    trust: Trust = (),
) -> Path:
    """Take holes out of pictures and let a context encoder fill them; see both beside the truth.

    Pictures come in the size that the run was trained with, and as its views show them in evaluation. A picture that
    cannot be read is told in one line, and the others go on.

    Args:
        files: pictures, or folders of them.
        out: folder for a PNG file a picture and ``sheet.png`` of all; None for the run's ``inpainted``.
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
        seed: decides, with the place of a picture in the order of names, where its hole is.
        device: where the method runs.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        The folder.

    Raises:
        ConfigError: if there is no picture, none can be read, or the run's method fills no holes.
        ValueError: if the run's data and views do not bring pictures to the size of the method.
    """
    folder = find_run(run, runs)
    method = load_method(folder, trust=trust)
    if not isinstance(method, ContextEncoder):
        raise ConfigError(f"run: {type(method).__name__} of {folder} fills no holes; name a run of ContextEncoder")
    method, size = method.to(find_device(device)), size_of(peek(folder / LAST)["settings"]["data"])
    out = out or folder / "inpainted"
    out.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[np.ndarray]] = {}
    errors: list[list[float]] = []
    for number, path in enumerate(paths := pictures(files)):
        try:
            picture = read_picture(path, size)
        except MediaError as error:
            print(f"left out: {error}")
            continue
        panels, *error = filled(method, picture, torch.tensor([[seed, number]]))
        name = path.stem if path.stem not in (*lines, "sheet") else f"{path.stem}_{number}"
        lines[name] = panels
        errors.append(error)
        save(Image.fromarray(np.hstack(panels)), out / f"{name}.png")
    if not lines:
        raise ConfigError(f"files: none of {len(paths)} could be read")
    save(sheet(lines, f"{COLUMNS}, from left to right"), out / "sheet.png")
    print(f"{len(lines)} pictures filled, {len(paths) - len(lines)} left out; {COLUMNS}, from left to right")
    error, floor = np.mean(errors, 0)
    print(f"mean squared error in the holes {error:.4f}, of the mean colour seen {floor:.4f} (values in [0, 1])")
    print(f"Written: {out}/sheet.png, and a file a picture")
    return out


def filled(method: ContextEncoder, picture: np.ndarray, key: torch.Tensor) -> tuple[list[np.ndarray], float, float]:
    """Return a picture with its hole, filled and as it was, uint8 ``(size, size, 3)``, and squared errors in the hole.

    They are of the filled picture, and of the mean colour of what is seen.
    """
    device = method.encoder.mean.device
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].to(device).float() / 255
    shown = method.fill(pixels, key.to(device))
    found = errors_in(shown.truth, shown.hole, shown.filled)
    panels = [
        (one[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        for one in (shown.masked, shown.filled, shown.truth)
    ]
    return panels, found["error"].item(), found["mean_error"].item()


def pictures(files: Sequence[Path]) -> list[Path]:
    """Return the pictures that were named, and those in folders that were, in the order of their names.

    Raises:
        ConfigError: if one does not exist, or a folder holds none.
    """
    return files_given(files, PICTURES, "picture", f"{tool('inpaint')} a.jpg")


def save(image: Image.Image, path: Path) -> None:
    """Write a picture whole or not at all."""
    with whole(path) as part:
        image.save(part, format="PNG")


def size_of(data: dict[str, Any]) -> Any:
    """Return the size that a run's data has, as `read_picture` takes it."""
    size = data.get("size")
    return tuple(size) if isinstance(size, list) else size
