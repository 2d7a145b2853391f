"""Clips on a recording's timeline: which frames a start and a stride mean, and what stands past the end.

A *position* is the number of a frame, as if the recording went on for ever after its last frame ``n - 1``: positions
from ``n`` on are filled by the padding policy and marked as not valid.
"""

from typing import Literal

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline
from avssl.sampling.stride import Stride

Pad = Literal["last", "loop", "reflect", "error"]
"""What stands past the end: the last frame, the recording from its start, the recording backwards, or an error."""


def over(timeline: Timeline) -> float:
    """Return when the recording is over, in seconds: when frame ``n`` would appear, always after the last frame."""
    return max(timeline.end, float(timeline.times[-1]) + 2 * timeline.slack)


def time_of(timeline: Timeline, positions: np.ndarray) -> np.ndarray:
    """Return when each position appears, ``(...)`` in seconds; past the end at the mean distance of frames."""
    frames = len(timeline)
    beyond = over(timeline) * (positions / frames)
    return np.where(positions < frames, timeline.times[np.minimum(positions, frames - 1)], beyond)


def position_at(timeline: Timeline, times: np.ndarray) -> np.ndarray:
    """Return the position on screen at each time, ``(...)``; a frame that appears within the slack counts."""
    frames, end = len(timeline), over(timeline)
    beyond = np.floor((times + timeline.slack - end) * (frames / end)).astype(np.int64)
    return np.where(times + timeline.slack < end, timeline.at(times, timeline.slack), frames + beyond)


def advance(timeline: Timeline, positions: np.ndarray, length: Stride) -> np.ndarray:
    """Return the position on screen ``length`` after each of ``positions``, ``(...)``."""
    if not length.by_time:
        return positions + int(length.value)
    return position_at(timeline, time_of(timeline, positions) + length.duration)


def run(timeline: Timeline, starts: np.ndarray, frames: int, stride: Stride) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and asked times of the clips that start at positions ``starts``, each ``(clips, frames)``."""
    starts = np.asarray(starts, dtype=np.int64)
    if not stride.by_time:
        positions = starts[:, None] + int(stride.value) * np.arange(frames)
        return positions, time_of(timeline, positions)
    # A rate divides: k / 30 is nearer to the truth than k * (1 / 30).
    steps = np.arange(frames) / stride.value if stride.unit == "fps" else np.arange(frames) * stride.value
    times = time_of(timeline, starts)[:, None] + steps
    return position_at(timeline, times), times


def legal_starts(timeline: Timeline, frames: int, stride: Stride) -> int:
    """Return how many frames a clip may start at and end within the recording: ``0 .. legal_starts - 1``."""
    if not stride.by_time:
        return max(0, len(timeline) - (frames - 1) * int(stride.value))
    last = timeline.times + stride.duration * (frames - 1)
    return int(np.searchsorted(last, over(timeline) - timeline.slack, side="left"))


def clips_at(timeline: Timeline, starts: np.ndarray, frames: int, stride: Stride, pad: Pad, sampler: Sampler) -> Clips:
    """Return the clips that start at ``starts``, padded past the end."""
    positions, times = run(timeline, starts, frames, stride)
    return padded(timeline, positions, times, pad, sampler)


def padded(timeline: Timeline, positions: np.ndarray, times: np.ndarray, pad: Pad, sampler: Sampler) -> Clips:
    """Return the clips at ``positions``, ``(clips, frames)``, with what stands past the end by the policy ``pad``.

    Raises:
        ValueError: under ``pad="error"`` if a position lies past the end.
    """
    frames = len(timeline)
    valid = positions < frames
    if pad == "error" and not valid.all():
        raise ValueError(
            f"the recording is too short for {sampler}: it has {frames} frames and frame {positions.max()} was asked "
            "for; ask for less, or choose pad='last', 'loop' or 'reflect'"
        )
    if pad == "loop":
        index = positions % frames
    elif pad == "reflect":
        period = max(1, 2 * (frames - 1))
        index = np.minimum(positions % period, period - positions % period) if frames > 1 else positions * 0
    else:
        index = np.minimum(positions, frames - 1)
    return Clips(index=index.astype(np.int64), times=times.astype(np.float64), valid=valid)
