"""Draw over every frame of a recording where its sound comes from, and keep the sound as it is."""

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import torch
from av.error import FFmpegError
from rich.console import Console
from rich.progress import track
from torch.nn import functional as F

from avssl.cache import whole
from avssl.config import ConfigError, Trust
from avssl.evaluation.sound.sheet import blend
from avssl.features.device import find_device
from avssl.inference.loading import Loaded, frames_at, load_for, open_whole, ready, sounds_at
from avssl.media import open_video
from avssl.media.source import Origin
from avssl.media.walk import demuxed, opened
from avssl.methods.sound.base import Localizer

PIECE = 64  # frames held at a time
CLOCK = Fraction(1, 90000)  # s: unit of the written presentation times


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
        strength: share of colour where the map is 1.
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
    if out.resolve() == video.resolve():
        raise ConfigError(f"out: {out} is the recording itself; give another file")
    if out.suffix.lower() not in (".mp4", ".mkv", ".mov"):
        raise ConfigError(f"out: {out} should end in .mp4, .mkv or .mov")
    method = load_for(run, runs, Localizer, "say where the sound comes from", find_device(device), trust)
    out.parent.mkdir(parents=True, exist_ok=True)
    named = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}[out.suffix.lower()]
    with open_whole(video, method.size) as small, open_video(video) as large, whole(out) as part:
        origin = Origin(video)
        with opened(origin) as source:
            check_holds(named, source, out)
        with av.open(str(part), "w", format=named) as container, opened(origin) as source:
            heard = source.streams.audio[0]
            sound = container.add_stream_from_template(heard)
            picture = started(container, large.info.height, large.info.width)
            times = large.timeline.times
            copied = copy_of(demuxed(origin, source, heard), container, sound)
            next(copied)
            for start in track(range(0, len(times), PIECE), "frames", console=Console(stderr=True), transient=True):
                piece = times[start : start + PIECE]
                for image, time in zip(overlay(small, large, method, piece, strength), piece, strict=True):
                    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                    frame.pts, frame.time_base = round(time / CLOCK), CLOCK
                    container.mux(picture.encode(frame))
                copied.send(float(piece[-1]))
            container.mux(picture.encode())
            copied.send(float("inf"))
    print(f"Written: {out}")
    return out


def started(container, height: int, width: int):
    """Return a stream of H.264 whose frames carry their own times."""
    stream = container.add_stream("libx264", options={"crf": "18", "preset": "veryfast"})
    stream.width, stream.height, stream.pix_fmt = width - width % 2, height - height % 2, "yuv420p"
    stream.time_base = stream.codec_context.time_base = CLOCK
    return stream


def check_holds(named: str, source, out: Path) -> None:
    """Try, in memory, whether a file of a kind can hold a recording's sound as it is: its head and a packet.

    Raises:
        ConfigError: if it cannot.
    """
    heard = source.streams.audio[0]
    try:
        with av.open(BytesIO(), "w", format=named) as trial:
            stream = trial.add_stream_from_template(heard)
            packet = next(packet for packet in source.demux(heard) if packet.dts is not None)
            packet.stream = stream
            trial.mux(packet)
    except FFmpegError as error:
        codec = heard.codec_context
        raise ConfigError(
            f"out: {out} cannot hold the recording's sound as it is ({codec.name}, {codec.layout.nb_channels} "
            "channels); write an .mkv instead"
        ) from error


def copy_of(packets, container, sound):
    """Copy packets of sound up to each time that is sent, in seconds, so that both streams grow together."""
    until = yield
    for packet in packets:
        if packet.dts is None:
            continue
        while float(packet.dts * packet.time_base) > until:
            until = yield
        packet.stream = sound
        container.mux(packet)
    while True:
        yield


@torch.no_grad()
def overlay(small, large, taught: Loaded, times: np.ndarray, strength: float) -> np.ndarray:
    """Return frames under their maps, uint8 ``(N, H, W, 3)``, with an even number of rows and columns.

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
    images = blend(images, fine, strength)
    height, width = images.shape[-2:]
    return np.ascontiguousarray(images[..., : height - height % 2, : width - width % 2].transpose(0, 2, 3, 1))
