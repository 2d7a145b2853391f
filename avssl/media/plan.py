"""The plan: which runs of the decoder serve the frames asked for, and which packets each run must be fed. Pure."""

from collections.abc import Sequence

import numpy as np

from avssl.media.base import Index, Interval


def plan_frames(index: Index, frames: np.ndarray) -> list[Interval]:
    """Group frames by the key frame that serves them, so that every stretch between key frames is decoded at most once.

    The key frame of a frame is the last one that is shown no later and stored no later; two intervals never share a
    packet, so there is nothing to gain by joining them.

    Args:
        index: the scan.
        frames: indices of displayed frames, any order and shape, repeats allowed, in ``[0, len(index))``.

    Returns:
        Intervals in file order, each with its targets rising.
    """
    wanted = np.unique(frames)
    if not len(wanted):
        return []
    groups: dict[int, list[int]] = {}
    for start, frame in zip(starts(index, wanted).tolist(), wanted.tolist(), strict=True):
        groups.setdefault(start, []).append(frame)
    return [Interval(start=start, targets=tuple(groups[start])) for start in sorted(groups)]


def starts(index: Index, frames: np.ndarray) -> np.ndarray:
    """Return the packet from which to decode for each frame: its key packet, or 0 where none is safe.

    A recording can only be entered in the middle if its packets can be found there: by their place in the file, or by
    times that tell them apart.
    """
    reachable = len(index.packet) and (len(index.offsets) or len(index.marks))
    if not reachable or not len(index.keys):
        return np.zeros(len(frames), np.int64)
    place = np.searchsorted(index.key_frames, frames, side="right") - 1
    while (late := (place >= 0) & (index.keys[place] > index.packet[frames])).any():
        place = place - late
    return np.where(place >= 0, index.keys[place], 0).astype(np.int64)


def feed(index: Index, interval: Interval) -> np.ndarray:
    """Return the packets to give to the decoder, rising: up to the last target, without those that no one needs."""
    if not len(index.packet):
        return np.arange(interval.start, index.packets)  # counting: until the last target has come out
    targets = index.packet[list(interval.targets)]
    packets = np.arange(interval.start, targets.max() + 1)
    needed = ~index.droppable[interval.start : targets.max() + 1]
    needed[targets - interval.start] = True
    return packets[needed]


def packets_fed(index: Index, plan: Sequence[Interval]) -> int:
    """Return how many packets a plan gives to the decoder; an upper bound where frames are only counted."""
    return sum(len(feed(index, interval)) for interval in plan)


def earlier(index: Index, interval: Interval) -> Interval | None:
    """Return the same targets from one key frame further back, or None at the start of the file."""
    if interval.start == 0:
        return None
    before = index.keys[index.keys < interval.start]
    return Interval(start=int(before[-1]) if len(before) else 0, targets=interval.targets)
