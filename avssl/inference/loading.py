"""Moments of a recording as a method was taught to see and hear them: frames, and windows of sound around them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError, Trust
from avssl.evaluation.sound.clips import over, ready
from avssl.features.runs import find_run
from avssl.media import Reader, open_video
from avssl.methods import Method
from avssl.methods.sound.base import JointEmbedder, Localizer, PairScorer, SidedScorer
from avssl.methods.sound.pairs import view_clips
from avssl.sampling import Clips
from avssl.sampling.stride import Stride
from avssl.training.checkpoint import LAST, peek
from avssl.training.export import load_method

ALONE = np.zeros(1)  # a single frame, at the moment itself


@dataclass(frozen=True, eq=False, kw_only=True)
class Loaded:
    """A method, and how its training looked at recordings.

    Args:
        method: in evaluation mode.
        size: of the frames, as `avssl.media.open_video` takes it.
        seconds: length of a window of sound.
        within: when the frames of a clip are on screen, in seconds from its middle; ``[0]`` for a single frame.
        folder: of the run.
        device: where the method runs.
    """

    method: Method
    size: Any
    seconds: float
    within: np.ndarray
    folder: Path
    device: str

    @property
    def rate(self) -> int:
        """Samples a second that the method's spectrogram is made for."""
        assert isinstance(self.method, PairScorer | JointEmbedder | Localizer)
        return self.method.sound.spec.rate


def load_for(
    run: str | Path | None, runs: str | Path, kind: type, does: str, device: str = "cpu", trust: Trust = ()
) -> Loaded:
    """Return the method of a run that can do what is asked.

    Args:
        run: its folder; None for the one that was written last.
        runs: where runs lie.
        kind: a protocol of `avssl.methods.sound.base`.
        does: what it must be able to do, in words.
        device: where the method runs.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Raises:
        ConfigError: if there is no such run, or its method cannot do that.
    """
    folder = find_run(run, runs)
    method = load_method(folder, trust=trust)
    if not isinstance(method, kind):
        raise ConfigError(f"run: {type(method).__name__} of {folder} cannot {does}; name one that can, run=FOLDER")
    data = peek(folder / LAST)["settings"]["data"]
    sampler = data.get("sampler", {})
    try:
        within = within_of(sampler, folder) if method.encoder.takes == "clips" else np.zeros(1)
        seconds = seconds_of(sampler) or lasting(within, folder)
    except ConfigError:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(f"run: {folder} says nothing readable of how its training looked ({error})") from error
    return Loaded(
        method=method.to(device),
        size=sized(data.get("size")),
        seconds=seconds,
        within=within,
        folder=folder,
        device=device,
    )


def sized(size: Any) -> Any:
    return tuple(size) if isinstance(size, list) else size


def seconds_of(sampler: Mapping[str, Any]) -> float | None:
    """Return the length of windows that a sampler's settings name, or None if it is that of the clips."""
    while sampler:
        if sampler.get("seconds"):
            return float(sampler["seconds"])
        sampler = sampler.get("sampler", {})  # pyright: ignore[reportAssignmentType]
    return None


def lasting(within: np.ndarray, folder: Path) -> float:
    """Return the seconds that a clip of several frames lasts."""
    if len(within) < 2:
        raise ConfigError(f"run: the sampler of {folder} names no length of sound windows (seconds); train with one")
    return float((within[-1] - within[0]) * len(within) / (len(within) - 1))


def within_of(sampler: Mapping[str, Any], folder: Path) -> np.ndarray:
    """Return when the frames of a sampler's clips are on screen, in seconds from the middle of the clip.

    Raises:
        ConfigError: if the clips are not said in time.
    """
    while isinstance(sampler, dict) and "sampler" in sampler:
        sampler = sampler["sampler"]
    count = sampler.get("frames") or sampler.get("frames_per_segment") or 1
    stride = Stride.parse(sampler.get("stride", "frames(1)"))
    if not stride.by_time:
        raise ConfigError(
            f"run: the clips of {folder} are counted in frames, whose length in time differs between recordings; train "
            "with a stride in time, as fps(12.5)"
        )
    return (np.arange(int(count)) - count / 2) * stride.duration  # a frame stays on screen for a step


def open_whole(path: str | Path, size: Any = None) -> Reader:
    """Open a recording that has both picture and sound.

    Raises:
        ConfigError: if it has no sound.
        MediaError: if it cannot be read.
    """
    video = open_video(path, size=size)
    if video.timeline.sound is None:
        video.close()
        raise ConfigError(f"{path}: has no sound, and this needs picture and sound; give a recording with both")
    return video


def centres(video: Reader, every: float, name: str | Path = "the recording") -> np.ndarray:
    """Return moments in seconds, every so often, while both picture and sound last.

    Raises:
        ConfigError: if they never do; ``name`` says in which recording.
    """
    timeline = video.timeline
    sound = timeline.sound or (timeline.times[0], timeline.end)
    first, last = max(float(timeline.times[0]), sound[0]), min(float(timeline.end), sound[1])
    if last <= first:
        raise ConfigError(
            f"{name}: picture ({timeline.times[0]:.3f} to {timeline.end:.3f} s) and sound ({sound[0]:.3f} to "
            f"{sound[1]:.3f} s) have no moment in common"
        )
    count = max(1, int((last - first) / every))
    return first + (np.arange(count) + 0.5) * min(every, last - first)


def frames_at(video: Reader, times: np.ndarray, within: np.ndarray = ALONE) -> Tensor:
    """Return the frames on screen at moments, or clips around them, uint8 ``(N, frames, 3, H, W)``."""
    moments = times[:, None] + within
    index = np.searchsorted(video.timeline.times, moments + 1e-6, side="right").clip(1) - 1
    clips = Clips(index=index, times=moments, valid=np.ones(index.shape, bool))
    return video.read(clips).data


def sounds_at(video: Reader, times: np.ndarray, seconds: float, rate: int) -> tuple[Tensor, Tensor]:
    """Return windows of sound around moments, ``(N, 1, samples)``, and the share of each that the track holds."""
    starts = times - seconds / 2
    sound = video.sound(np.stack([starts, starts + seconds], 1), rate)
    return sound.data, sound.valid.float().mean(-1)


def pair_scorer(taught: Loaded, frames: Tensor) -> Callable[[np.ndarray, Tensor], np.ndarray]:
    """Return what scores chosen frames with windows of sound, row by row; a method with sides looks at frames once.

    Args:
        taught: judges pairs.
        frames: uint8 ``(N, frames, 3, H, W)``.

    Returns:
        A function of which frames, bool ``(N,)``, and of as many windows of sound ``(chosen, 1, samples)``, that
        gives scores ``(chosen,)``.
    """
    method, seen = taught.method, frames
    if isinstance(method, SidedScorer):
        seen = over(
            lambda some: method.side_of_pictures(apply_evaluation_views(some, taught)), frames, device=taught.device
        )

        def score(some: Tensor, sound: Tensor) -> Tensor:
            return method.score_sides(some, method.side_of_sounds(sound))

    else:
        assert isinstance(method, PairScorer)

        def score(some: Tensor, sound: Tensor) -> Tensor:
            return method.score_pairs(apply_evaluation_views(some, taught), sound)

    return lambda chosen, sound: over(score, seen[torch.from_numpy(chosen)], sound, device=taught.device).numpy()


def apply_evaluation_views(frames: Tensor, taught: Loaded) -> Tensor:
    """Return uint8 frames as floats in [0, 1], as the views of the method show them in evaluation."""
    assert isinstance(taught.method, PairScorer | JointEmbedder)
    key = torch.zeros(len(frames), 1, dtype=torch.int64, device=taught.device)
    return view_clips(ready(frames, taught.device), key, taught.method.views)
