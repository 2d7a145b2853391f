"""The part of a recording that its ``start`` and ``end`` leave: what a sampler may choose from."""

import numpy as np

from avssl.data.recordings import Recording
from avssl.sampling import Clips, Timeline


def cut(timeline: Timeline, recording: Recording) -> tuple[Timeline, int]:
    """Return the part of a timeline that a recording's ``start`` and ``end`` leave, and its first frame's index."""
    if recording.start is None and recording.end is None:
        return timeline, 0
    start = recording.start or 0.0
    end = timeline.end if recording.end is None else recording.end
    inside = np.flatnonzero((timeline.times >= start) & (timeline.times < end))
    if not len(inside):
        raise ValueError(f"no frame lies between {start} s and {end} s; the recording lasts {timeline.end:.3f} s")
    end = min(end, timeline.end)
    first, zero = int(inside[0]), float(timeline.times[inside[0]])
    sound = None
    if timeline.sound is not None:
        sound = (max(timeline.sound[0], start) - zero, min(timeline.sound[1], end) - zero)
    part = Timeline(
        times=timeline.times[inside] - zero,
        end=end - zero,
        sound=sound if sound is not None and sound[1] > sound[0] else None,
        motion=None if timeline.motion is None else timeline.motion[inside],
    )
    return part, first


def shift(clips: Clips, first: int, whole: Timeline) -> Clips:
    """Return clips chosen on a part as clips of the whole recording."""
    if not first:
        return clips
    zero = float(whole.times[first])
    sound = None if clips.sound is None else clips.sound + zero
    return Clips(index=clips.index + first, times=clips.times + zero, valid=clips.valid, sound=sound)
