"""One file of a set: what is found out about it, at each depth, whatever is wrong with it."""

import math
import os

import numpy as np
import pytest

from avssl.data.sets.fixtures.media import write_picture, write_sound, write_video
from avssl.data.sets.inspection import Verdict, inspect, state_of
from tests.data.sets.spoiling import cut_short, spoil_packet, write_wave


def test_a_good_video_is_good_at_every_depth_and_tells_its_length(tmp_path):
    write_video(tmp_path / "a.mp4", frames=10, rate=20, sound_rate=16000)
    for depth in ("open", "decode"):
        verdict = inspect(tmp_path / "a.mp4", "video", depth)
        assert verdict.kind is None and verdict.frames == 10 and verdict.seconds == pytest.approx(0.5)
    assert inspect(tmp_path / "a.mp4", "video", "exists") == Verdict()


def test_what_is_not_there_and_what_is_empty_are_told_without_opening(tmp_path):
    (tmp_path / "empty.avi").touch()
    assert inspect(tmp_path / "none.avi", "video", "exists") == Verdict(kind="missing", about="is not there")
    for depth in ("exists", "open", "decode"):
        assert inspect(tmp_path / "empty.avi", "video", depth) == Verdict(kind="undecodable", about="an empty file")


def test_a_video_that_was_cut_short_cannot_be_opened(tmp_path):
    write_video(tmp_path / "a.mp4")
    cut_short(tmp_path / "a.mp4")
    assert inspect(tmp_path / "a.mp4", "video", "exists").kind is None
    verdict = inspect(tmp_path / "a.mp4", "video", "open")
    assert verdict.kind == "undecodable" and verdict.about and "\n" not in verdict.about


def test_damage_in_the_middle_is_found_by_decoding_alone(tmp_path):
    write_video(tmp_path / "a.mp4", frames=40, size=(120, 160))
    spoil_packet(tmp_path / "a.mp4", 20)
    assert inspect(tmp_path / "a.mp4", "video", "open").kind is None
    assert inspect(tmp_path / "a.mp4", "video", "decode").kind == "undecodable"


def test_a_page_that_was_saved_as_a_video_is_told(tmp_path):
    (tmp_path / "a.mp4").write_text("<html>404</html>")
    assert inspect(tmp_path / "a.mp4", "video", "open").kind == "undecodable"


def test_pictures_are_opened_by_their_header_and_decoded_whole(tmp_path):
    write_picture(tmp_path / "a.jpg", size=(200, 300))
    write_picture(tmp_path / "cut.jpg", size=(200, 300))
    cut_short(tmp_path / "cut.jpg")
    (tmp_path / "page.jpg").write_text("<html>404</html>")
    assert inspect(tmp_path / "a.jpg", "picture", "decode") == Verdict()
    assert inspect(tmp_path / "cut.jpg", "picture", "open") == Verdict()
    assert "truncated" in inspect(tmp_path / "cut.jpg", "picture", "decode").about
    assert "not a picture" in inspect(tmp_path / "page.jpg", "picture", "open").about


def test_sounds_tell_how_long_they_last(tmp_path):
    write_sound(tmp_path / "a.flac", seconds=0.7, rate=8000, channels=2)
    (tmp_path / "page.wav").write_text("<html>404</html>")
    for depth in ("open", "decode"):
        verdict = inspect(tmp_path / "a.flac", "sound", depth)
        assert verdict.kind is None and verdict.seconds == pytest.approx(0.7) and verdict.frames is None
        assert inspect(tmp_path / "page.wav", "sound", depth).kind == "undecodable"


def test_a_folder_of_frames_is_one_recording(tmp_path):
    for number in range(1, 4):
        write_picture(tmp_path / "clip" / f"{number:05d}.png", seed=number)
    (tmp_path / "empty").mkdir()
    assert inspect(tmp_path / "clip", "frames", "decode").frames == 3
    assert "no pictures" in inspect(tmp_path / "empty", "frames", "open").about
    (tmp_path / "clip" / "00002.png").write_text("no picture")
    assert inspect(tmp_path / "clip", "frames", "decode").kind == "undecodable"


def test_an_error_that_nobody_expects_is_a_verdict_with_its_name(tmp_path, monkeypatch):
    def odd(path, whole):
        raise IndexError("list index out of range")

    monkeypatch.setitem(inspect.__globals__["LOOKS"], "video", odd)
    (tmp_path / "a.mp4").write_text("x")
    verdict = inspect(tmp_path / "a.mp4", "video", "open")
    assert verdict == Verdict(kind="undecodable", about="IndexError: list index out of range", lasts=False)


def test_the_state_changes_when_a_file_or_a_file_of_a_folder_does(tmp_path):
    write_picture(tmp_path / "clip" / "1.png")
    before = state_of(tmp_path / "clip"), state_of(tmp_path / "clip" / "1.png")
    assert before == (state_of(tmp_path / "clip"), state_of(tmp_path / "clip" / "1.png"))
    os.utime(tmp_path / "clip" / "1.png", ns=(0, 0))
    assert state_of(tmp_path / "clip") != before[0] and state_of(tmp_path / "clip" / "1.png") != before[1]
    assert state_of(tmp_path / "nowhere") == "cannot be seen"


def test_the_level_of_the_loudest_second_is_told_where_all_was_decoded(tmp_path):
    wave = np.zeros(5 * 8000, np.float32)
    write_wave(tmp_path / "silence.wav", wave)
    wave[2 * 8000 : 3 * 8000] = 0.1
    write_wave(tmp_path / "one.wav", wave)
    assert inspect(tmp_path / "one.wav", "sound", "decode").level == pytest.approx(-20, abs=0.01)
    assert inspect(tmp_path / "silence.wav", "sound", "decode").level == -math.inf
    assert inspect(tmp_path / "one.wav", "sound", "open").level is None
    write_video(tmp_path / "tone.mp4", frames=10, rate=20, sound_rate=16000)
    write_video(tmp_path / "mute.mp4", frames=10, rate=20)
    assert inspect(tmp_path / "tone.mp4", "video", "open").sound is True
    mute = inspect(tmp_path / "mute.mp4", "video", "decode")
    assert mute.sound is False and mute.level is None
