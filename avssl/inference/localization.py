"""Draw over every frame of a recording where its sound comes from, and keep the sound as it is."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from avssl.config import ConfigError, Trust
from avssl.evaluation.sound.clips import ready
from avssl.evaluation.sound.sheet import blend
from avssl.features.device import find_device
from avssl.inference.film import check_out, write_film
from avssl.inference.loading import Loaded, frames_at, load_for, open_whole, sounds_at
from avssl.media import open_video
from avssl.methods.sound.base import Localizer
from avssl.progress import track

PIECE = 64  # frames held at a time


def localise(
    *,
    video: Path,
    out: Path,
    run: Path | None = None,
    runs: Path = Path("runs"),
    device: str = "auto",
    strength: float = 0.6,
    trust: Trust = (),
) -> Path:
    """Write a recording again with a heat map over each frame of where its sound comes from.

    The map is the method's own probability for each place, the logistic function of its score, so that nothing lights
    up where nothing that is seen is heard; the window of sound lies round each frame. Frames keep their presentation
    times, whatever their rate; the sound's packets are copied, not coded anew.

    Args:
        video: a recording with picture and sound.
        out: the file to write, such as ``OUT.mp4``.
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
        device: where the method runs.
        strength: share of colour where the map is 1; where it is 0, a quarter of that, of black.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        The file.

    Raises:
        ConfigError: if the recording has no sound, the run's method has no maps, ``out`` is the recording itself, or a
            file of its kind cannot hold the sound.
        MediaError: if the recording cannot be read.
    """
    if not 0 < strength <= 1:
        raise ConfigError(f"strength: got {strength}; should be above 0 and at most 1")
    check_out(video, out)
    method = load_for(run, runs, Localizer, "say where the sound comes from", find_device(device), trust)
    with open_whole(video, method.size) as small, open_video(video) as large:
        times = large.timeline.times
        starts = track(range(0, len(times), PIECE), "frames")
        pieces = (times[start : start + PIECE] for start in starts)
        write_film(video, large, out, ((piece, overlay(small, large, method, piece, strength)) for piece in pieces))
    print(f"Written: {out}; from dark (probability 0) to bright yellow (1) that the sound comes from there")
    return out


@torch.no_grad()
def overlay(small, large, taught: Loaded, times: np.ndarray, strength: float) -> np.ndarray:
    """Return frames under their maps, uint8 ``(N, H, W, 3)``.

    Args:
        small: the recording in the size that the method was taught with.
        large: the same as filmed.
        taught: has maps.
        times: of the frames, in seconds.
        strength: share of colour where the map is 1.
    """
    sound, share = sounds_at(small, times, taught.seconds, taught.rate)
    assert isinstance(taught.method, Localizer)
    maps = (
        taught.method.locate(ready(frames_at(small, times, taught.within), taught.device), sound.to(taught.device))
        .float()
        .sigmoid()
        .cpu()
    )
    maps = maps * (share > 0)[:, None, None]  # where nothing is heard nothing sounds
    images = frames_at(large, times)[:, 0].numpy()
    fine = F.interpolate(maps[:, None], images.shape[-2:], mode="bilinear", align_corners=False)[:, 0].numpy()
    return blend(images, fine, strength).transpose(0, 2, 3, 1)
