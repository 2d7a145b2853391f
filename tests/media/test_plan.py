"""The plan feeds each packet at most once, all that a frame needs, and nothing that no one needs."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.media import reader
from avssl.media.base import Backend, Index, Interval, VideoInfo
from avssl.media.plan import earlier, feed, packets_fed, plan_frames, starts

INFO = VideoInfo(
    stream=0,
    container="mov",
    codec="h264",
    pixel_format="yuv420p",
    bit_depth=8,
    height=4,
    width=6,
    rotation=0,
    flipped=False,
    pixel_aspect=Fraction(1),
    color_matrix="bt709",
    color_range="limited",
    color_transfer="bt709",
    frames=0,
    start=0.0,
    duration=0.0,
    constant_rate=True,
    mode="pts",
    sound=None,
)


def index_of(groups: list[list[int]], droppable: list[bool], *, open_groups: bool = False) -> Index:
    """Return the index of groups of pictures: for each, the order in which its packets are shown.

    With ``open_groups``, each group's second packet is shown before its key frame.
    """
    times, keys, base = [], [], 0
    for group in groups:
        keys.append(len(times))
        shown = [base + place for place in group]
        if open_groups and len(group) > 1 and base:
            shown[0], shown[1] = shown[1], shown[0]
            if shown[0] < shown[1]:
                shown[0], shown[1] = shown[1], shown[0]
        times += shown
        base += len(group)
    packet = np.argsort(times)
    pts = np.sort(times)
    return Index(
        mode="pts",
        pts=pts,
        durations=np.ones_like(pts),
        packet=packet.astype(np.int32),
        keys=np.array(keys, np.int32),
        key_frames=np.searchsorted(pts, np.array(times)[keys]).astype(np.int32),
        droppable=np.array([drop and place not in keys for place, drop in enumerate(droppable)]),
        marks=np.array(times),
        seeks=np.array(times)[keys],
        offsets=np.arange(len(times)),
        sizes=np.ones(len(times), np.int32),
        discarded=0,
        reordered=open_groups,
        time_base=Fraction(1),
        coding=None,
        info=replace(INFO, frames=len(pts)),
    )


@st.composite
def indices(draw) -> Index:
    groups = []
    for size in draw(st.lists(st.integers(1, 9), min_size=1, max_size=6)):
        groups.append([0, *draw(st.permutations(range(1, size)))])
    count = sum(map(len, groups))
    droppable = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return index_of(groups, droppable, open_groups=draw(st.booleans()))


@st.composite
def requests(draw) -> tuple[Index, np.ndarray]:
    index = draw(indices())
    frames = draw(st.lists(st.integers(0, len(index) - 1), min_size=1, max_size=12))
    return index, np.array(frames)


@settings(deadline=None)
@given(requests())
def test_every_frame_is_served_once_and_no_packet_is_fed_twice(request_):
    index, frames = request_
    plan = plan_frames(index, frames)
    targets = [frame for interval in plan for frame in interval.targets]
    assert sorted(targets) == np.unique(frames).tolist()
    fed = [packet for interval in plan for packet in feed(index, interval).tolist()]
    assert packets_fed(index, plan) == len(fed)
    if not index.reordered:
        assert len(set(fed)) == len(fed)


@settings(deadline=None)
@given(requests())
def test_a_run_starts_at_the_nearest_key_frame_and_feeds_all_that_may_be_needed(request_):
    index, frames = request_
    for interval in plan_frames(index, frames):
        packets = feed(index, interval)
        last = index.packet[list(interval.targets)].max()
        assert interval.start in index.keys or interval.start == 0
        assert packets[-1] == last and (np.diff(packets) > 0).all()
        needed = [place for place in range(interval.start, last + 1) if not index.droppable[place]]
        assert set(needed) <= set(packets.tolist())
        extra = set(packets.tolist()) - set(needed)
        assert extra <= set(index.packet[list(interval.targets)].tolist())
        for frame in interval.targets:  # no later key packet is both stored before and shown no later
            later = index.keys[(index.keys > interval.start) & (index.keys <= index.packet[frame])]
            assert (index.pts[frame] < index.marks[later]).all()


@settings(deadline=None)
@given(requests())
def test_the_plan_of_a_union_costs_no_more_than_its_parts(request_):
    index, frames = request_
    whole = packets_fed(index, plan_frames(index, frames))
    parts = sum(packets_fed(index, plan_frames(index, frame[None])) for frame in np.unique(frames))
    assert whole <= parts


def test_known_groups_give_known_packets():
    # shown order of packets: I0 P3 b1 b2 | I4 P7 b5 b6
    index = index_of([[0, 3, 1, 2], [0, 3, 1, 2]], [False, False, True, True] * 2)
    assert plan_frames(index, np.array([2, 5, 1, 5])) == [
        Interval(start=0, targets=(1, 2)),
        Interval(start=4, targets=(5,)),
    ]
    assert feed(index, Interval(start=0, targets=(2,))).tolist() == [0, 1, 3]
    assert feed(index, Interval(start=0, targets=(1,))).tolist() == [0, 1, 2]
    assert feed(index, Interval(start=4, targets=(4,))).tolist() == [4]
    assert plan_frames(index, np.array([], np.int64)) == []


def test_a_frame_shown_before_the_key_frame_that_precedes_it_belongs_to_the_group_before():
    index = index_of([[0, 1, 2], [0, 1, 2]], [False] * 6, open_groups=True)
    assert index.packet.tolist() == [0, 1, 2, 4, 3, 5]  # frame 3 is stored after key packet 3 and shown before it
    assert starts(index, np.arange(6)).tolist() == [0, 0, 0, 0, 3, 3]


def test_without_places_or_times_every_run_starts_at_the_beginning():
    index = index_of([[0, 1], [0, 1]], [False] * 4)
    blind = replace(index, marks=np.empty(0, np.int64), offsets=np.empty(0, np.int64))
    assert starts(blind, np.arange(4)).tolist() == [0] * 4
    assert starts(replace(blind, marks=index.marks), np.arange(4)).tolist() == [0, 0, 2, 2]


def test_counting_feeds_everything():
    index = replace(index_of([[0, 1], [0, 1]], [False, True] * 2), packet=np.empty(0, np.int32))
    plan = plan_frames(index, np.array([3, 1]))
    assert plan == [Interval(start=0, targets=(1, 3))]
    assert feed(index, plan[0]).tolist() == [0, 1, 2, 3]


def test_going_back_leads_to_the_start_and_ends_there():
    index = index_of([[0], [0], [0]], [False] * 3)
    interval = Interval(start=2, targets=(2,))
    seen = []
    while interval is not None:
        seen.append(interval.start)
        interval = earlier(index, interval)
    assert seen == [2, 1, 0]


class Counting(Backend):
    """Paints each frame with its number, and counts."""

    name = "counting"
    calls = 0

    def decode(self, plan, slots, report, deadline):
        Counting.calls += 1
        for interval in plan:
            report.decoded += len(feed(self.index, interval))
            for frame in interval.targets:
                slots[frame][...] = frame
                report.filled.add(frame)

    def close(self):
        pass


@pytest.fixture
def counting(zoo, monkeypatch):
    monkeypatch.setitem(reader.BACKENDS, "counting", f"{__name__}:Counting")
    monkeypatch.setattr(reader, "import_module", lambda name: __import__("types").SimpleNamespace(Counting=Counting))
    Counting.calls = 0
    with reader.open_video(zoo["gop12.mp4"].path, backend="counting") as video:
        yield video


def test_overlapping_clips_are_decoded_as_their_union(counting):
    clips = np.array([[10, 14, 18], [14, 18, 22], [18, 14, 10]])
    frames = counting.frames(clips)
    assert Counting.calls == 1 and counting.report.filled == {10, 14, 18, 22}
    assert counting.report.decoded == packets_fed(counting.index, plan_frames(counting.index, clips))
    assert frames.data.shape == (3, 3, 3, 64, 96)
    assert (frames.data.numpy() == clips[..., None, None, None]).all()
    assert frames.data[0, 1].data_ptr() == frames.data.data_ptr() + 1 * frames.data.stride(1)
