"""What a masked method fills into videos and pictures, without flattery and with it, beside an untrained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from avssl import config
from avssl.config import ConfigError, Trust
from avssl.data.recordings import ENDINGS, PICTURES
from avssl.features.device import find_device
from avssl.features.runs import find_run, fresh_methods
from avssl.inference.files import files_given
from avssl.inference.inpaint import save, size_of
from avssl.installed import tool
from avssl.media import open_video
from avssl.media.errors import MediaError
from avssl.media.pictures import read_picture
from avssl.methods import VideoMAE
from avssl.methods.masked.videomae import Reconstruction
from avssl.report.overlays import sheet
from avssl.sampling import rng_for
from avssl.training.checkpoint import LAST, peek
from avssl.training.export import load_method

COLUMNS = ("truth", "what is seen", "filled in", "filled in with the true light",
           "untrained", "untrained with the true light")  # fmt: skip


def reconstruct(
    *,
    files: Sequence[Path],
    out: Path | None = None,
    run: Path | None = None,
    runs: Path = Path("runs"),
    seed: Annotated[int, Field(ge=0)] = 0,
    device: str = "auto",
    trust: Trust = (),
) -> Path:
    """Hide blocks of videos or pictures, let a run of VideoMAE fill them in, and draw it beside the truth.

    Networks that learn normalised blocks tell no brightness. ``filled in`` takes mean and deviation of each block from
    the nearest one that is seen. Published pictures put each block's *true* mean and deviation back (``with the true
    light``), which draws a picture even where nothing was learned: an untrained network stands beside, both ways.

    Clips are those of the run's sampler, in its size and as its views show them in evaluation; of each the first frame
    of every block in time is drawn. A file that cannot be read is told in one line, and the others go on.

    Args:
        files: videos, pictures (for an encoder of pictures), or folders of them.
        out: folder for a PNG file each; None for the run's ``reconstructed``.
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
        seed: decides, with the place of a file in the order of names, which clip is taken and what is hidden, and the
            untrained network.
        device: where the method runs.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        The folder.

    Raises:
        ConfigError: if there is no file, none can be read, or the run's method fills nothing in.
        ValueError: if the run's blocks do not divide the clips.
    """
    folder = find_run(run, runs)
    method = load_method(folder, trust=trust)
    if not isinstance(method, VideoMAE):
        raise ConfigError(f"run: {type(method).__name__} of {folder} fills no blocks; name a run of VideoMAE")
    untrained = fresh_methods(folder, trust)(seed)
    assert isinstance(untrained, VideoMAE)
    place = find_device(device)
    networks = [method.to(place), untrained.to(place).eval()]
    data = peek(folder / LAST)["settings"]["data"]
    out = out or folder / "reconstructed"
    out.mkdir(parents=True, exist_ok=True)
    clips = method.encoder.takes == "clips"
    endings, what = (ENDINGS, "video") if clips else (PICTURES, "picture")
    errors: list[list[float]] = []
    names: set[str] = set()
    paths = files_given(files, endings, what, f"{tool('reconstruct')} a.{'mp4' if clips else 'jpg'}")
    for number, path in enumerate(paths):
        try:
            frames = read(path, data, clips, rng_for(seed, epoch=0, sample=number))
        except MediaError as error:
            print(f"left out: {error}")
            continue
        batch = {"frames": frames.to(place), "key": torch.tensor([[seed, 0, number]], device=place)}
        trained, fresh = (network.fill(batch) for network in networks)
        name = path.stem if path.stem not in names else f"{path.stem}_{number}"
        names.add(name)
        save(sheet(lines_of(trained, fresh, method.encoder.tubelet), ", ".join(COLUMNS)), out / f"{name}.png")
        errors.append([error_of(one, kind) for one in (trained, fresh) for kind in ("honest", "flattering")])
    if not errors:
        raise ConfigError(f"files: none of {len(paths)} could be read")
    print(f"{len(errors)} files drawn, {len(paths) - len(errors)} left out; from left to right: {', '.join(COLUMNS)}")
    means = zip(COLUMNS[2:], np.mean(errors, 0), strict=True)
    told = ", ".join(f"{column} {value:.4f}" for column, value in means)
    print(f"mean squared error where hidden (values in [0, 1]): {told}")
    print(f"Written: {out}, a file each")
    return out


def read(path: Path, data: Mapping[str, Any], clips: bool, rng: np.random.Generator) -> Tensor:
    """Return the first clip that the run's sampler takes of a video, or a picture, uint8 ``(1, frames, 3, H, W)``."""
    if not clips:
        return torch.from_numpy(np.array(read_picture(path, size_of(dict(data))))).permute(2, 0, 1)[None, None]
    sampler = config.make(data["sampler"], "avssl.sampling.Sampler")
    with open_video(path, size=size_of(dict(data))) as video:
        return video.read(sampler(video.timeline, rng)).data[:1]


def error_of(found: Reconstruction, kind: str) -> float:
    """Return the mean squared error of a filled clip where it was hidden."""
    hidden = found.hidden.expand_as(found.truth)
    return (getattr(found, kind) - found.truth)[hidden].square().mean().item()


def lines_of(trained: Reconstruction, fresh: Reconstruction, tubelet: int) -> dict[str, list[np.ndarray]]:
    """Return a line of pictures for the first frame of each block in time, uint8 ``(H, W, 3)`` each."""
    columns = [trained.truth, trained.masked, trained.honest, trained.flattering, fresh.honest, fresh.flattering]
    return {
        f"frame {frame}": [
            (column[0, frame] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy() for column in columns
        ]
        for frame in range(0, trained.truth.shape[1], tubelet)
    }
