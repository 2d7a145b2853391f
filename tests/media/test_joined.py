"""Files joined end to end: a window is part of any larger one, and what has no place on the clock is not valid."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avssl.media import open_sound, open_video
from tests.media.recording import Tape, chirp, record

RATE = 48000
FIRST, SECOND = 2.0, 1.4  # seconds
SOUNDS = {
    "flac": Tape(codec="flac", film=None),
    "mka": Tape(codec="flac", film=None),
    "opus": Tape(codec="libopus", film=None),
    "ogg": Tape(codec="libvorbis", film=None, layout="stereo"),
    "oga": Tape(codec="flac", film=None),
    "aac": Tape(codec="aac", film=None),
    "ac3": Tape(codec="ac3", film=None),
    "mp2": Tape(codec="mp2", film=None),
    "mp3": Tape(codec="libmp3lame", film=None),
    "wav": Tape(film=None),
    "caf": Tape(film=None),
}
FILMS = {
    "ts": Tape(codec="aac", film="mpeg2video"),
    "mkv": Tape(codec="flac"),
    "webm": Tape(codec="libopus", film="libvpx"),
    "mpg": Tape(codec="mp2", film="mpeg2video"),
    "nut": Tape(codec="mp2"),
    "flv": Tape(codec="aac", film="flv1", rate=44100),
    "avi": Tape(codec="pcm_s16le"),
    "mp4": Tape(codec="aac"),
}
KINDS = {**SOUNDS, **FILMS}
RESTARTING = {"flac", "mka", "opus", "ogg", "ts", "mkv", "webm", "mpg", "nut"}  # whose clock starts again at the joint


def wave(seconds: float, pitch: float, tape: Tape) -> np.ndarray:
    times = np.arange(round(seconds * tape.rate)) / tape.rate
    return np.repeat(chirp(times * pitch)[None], 2 if tape.layout == "stereo" else 1, 0).astype(np.float32)


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """A function that gives the first part and both parts joined, of a kind."""
    folder = tmp_path_factory.mktemp("joined")

    def make(kind: str) -> tuple[Path, Path]:
        first, both = folder / f"first.{kind}", folder / f"both.{kind}"
        if not both.exists():
            tape = KINDS[kind]
            record(first, wave(FIRST, 1, tape), tape)
            second = record(folder / f"second.{kind}", wave(SECOND, 3, tape), tape)
            both.write_bytes(first.read_bytes() + second.read_bytes())
        return first, both

    return make


def heard(source, low: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a window's samples and where they are valid."""
    with open_sound(source, on_error="truncate") as recording:
        sound = recording.sound([[low, low + seconds]], RATE)
    return sound.data[0, 0].numpy(), sound.valid[0].numpy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("on_disk", [True, False])
def test_a_window_is_part_of_any_larger_window(joined, kind, on_disk):
    both = joined(kind)[1]
    source = both if on_disk else both.read_bytes()
    data, valid = heard(source, -0.2, 4)
    for low in (-0.1, 0.35, 1.3, 1.55, 1.9, 2.05, 2.6, 3.2):
        part, known = heard(source, low, 0.25)
        start = round((low + 0.2) * RATE)
        assert (known != valid[start : start + len(known)]).sum() <= 2, low
        assert np.abs(part - data[start : start + len(part)]).mean() < 0.02, low  # another part differs by 0.2 and more


@pytest.mark.parametrize("kind", sorted(RESTARTING))
@pytest.mark.parametrize("on_disk", [True, False])
def test_where_the_clock_starts_again_the_first_part_stands_and_no_more_is_valid(joined, kind, on_disk):
    first, both = joined(kind)
    expected, known = heard(first, -0.2, 4)
    data, valid = heard(both if on_disk else both.read_bytes(), -0.2, 4)
    assert known.sum() > 1.9 * RATE
    assert (known != valid).sum() <= 0.05 * RATE  # FFmpeg may lose or keep what pads the last codec frame
    np.testing.assert_allclose(data[valid & known], expected[valid & known], atol=0.03)


@pytest.mark.parametrize("kind", ["ts", "mkv", "mpg"])
def test_pictures_of_both_parts_are_counted_and_the_sound_of_the_second_goes_with_none(joined, kind):
    both = joined(kind)[1]
    with open_video(both) as video:
        frames = round(FIRST * 25) + round(SECOND * 25)
        assert frames - 1 <= len(video) <= frames and video.info.mode == "ordinal"
        assert "a clock starts again" in video.explain()
        assert video.info.sound is not None and abs(video.info.sound.end - FIRST) < 0.1
        sound = video.sound([[0.5, 3.5]], RATE)
    ends = round(1.5 * RATE)
    assert sound.valid[0, : ends - 4000].all() and not sound.valid[0, ends + 4000 :].any()


def test_sound_that_begins_after_the_pictures_have_started_again_is_not_heard_with_the_first_ones(tmp_path):
    tape = Tape(codec="mp2", film="mpeg2video")
    late = Tape(codec="mp2", film="mpeg2video", sound_start=Fraction(1))
    first = record(tmp_path / "first.ts", wave(0.4, 1, tape), tape)
    second = record(tmp_path / "second.ts", wave(1.5, 3, late), late)
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    with open_video(both) as video:
        assert not video.sound([[0.6, 2.5]], RATE).valid.any()
