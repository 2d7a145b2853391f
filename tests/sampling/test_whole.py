import pytest

from avssl.sampling import Consecutive, SlidingClips, Timeline, fps, frames, seconds

TEN = Timeline.constant(frames=10, rate=25)


def index(sampler):
    return sampler(TEN).index.tolist()


def test_sliding_clips_stand_end_to_end_by_default():
    assert index(SlidingClips(frames=3)) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_sliding_clips_treat_the_tail_as_told():
    assert index(SlidingClips(frames=3, tail="backfill"))[3:] == [[7, 8, 9]]
    padded = SlidingClips(frames=3, tail="pad")(TEN)
    assert padded.index[3:].tolist() == [[9, 9, 9]]
    assert padded.valid[3:].tolist() == [[True, False, False]]


@pytest.mark.parametrize("tail", ["drop", "backfill", "pad"])
def test_no_clip_is_added_when_nothing_is_left_over(tail):
    assert index(SlidingClips(frames=5, tail=tail)) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_sliding_clips_overlap_with_a_short_hop_by_time():
    hops = index(SlidingClips(frames=5, hop=seconds(0.08)))
    assert [clip[0] for clip in hops] == [0, 2, 4]


def test_a_recording_shorter_than_a_sliding_clip_is_refused_or_padded():
    with pytest.raises(ValueError, match=r"do not hold one clip.*tail='pad'"):
        SlidingClips(frames=11)(TEN)
    for tail in ("pad", "backfill"):
        clips = SlidingClips(frames=11, tail=tail)(TEN)
        assert clips.index.tolist() == [[*range(10), 9]]
        assert not clips.valid[0, 10]


def test_consecutive_frames_to_the_end_or_so_many():
    assert index(Consecutive()) == [list(range(10))]
    assert index(Consecutive(frames=3, start=seconds(0.2))) == [[5, 6, 7]]
    assert index(Consecutive(stride=frames(4))) == [[0, 4, 8]]
    assert index(Consecutive(stride=fps(12.5), start=frames(1))) == [[1, 3, 5, 7, 9]]


def test_consecutive_frames_past_the_end_are_padded_and_starting_there_is_refused():
    assert index(Consecutive(frames=3, start=frames(8))) == [[8, 9, 9]]
    with pytest.raises(ValueError, match=r"over after 0.400 s"):
        Consecutive(start=seconds(0.4))(TEN)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SlidingClips(frames=4, tail="keep"), "tail must be one of"),
        (lambda: SlidingClips(frames=4, hop=3), "hop must be"),
        (lambda: Consecutive(start=fps(3)), "start must be a length"),
    ],
)
def test_what_cannot_be_is_refused_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make()
