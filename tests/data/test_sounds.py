"""Sounds: windows where they were asked for, whatever the file, its rate, its channels and its length."""

import numpy as np
import pytest
import torch

from avssl.data import Sounds
from avssl.data.sets.fixtures.media import write_sound, write_video
from avssl.features.cache import FeatureCache
from avssl.features.extraction import Asked, extract
from avssl.features.rows import Recipe
from avssl.media.errors import MediaError
from avssl.nets import LogMel


@pytest.fixture
def folder(tmp_path):
    write_sound(tmp_path / "dog" / "a.wav", seconds=2.0, seed=1)
    write_sound(tmp_path / "dog" / "b.flac", seconds=0.4, rate=8000, seed=2)
    write_sound(tmp_path / "rain" / "c.mp3", seconds=3.0, rate=44100, channels=2, seed=3)
    write_video(tmp_path / "rain" / "d.mp4", frames=50, sound_rate=16000, seed=4)
    return tmp_path


def test_windows_are_even_from_start_to_end_and_of_one_rate(folder):
    data = Sounds(folder, windows=3, seconds=1.0)
    assert data.classes == ["dog", "rain"] and len(data) == 4
    for index in range(4):
        item = data[0, index]
        assert item["sound"].shape == (3, 1, 16000) and item["sound_valid"].shape == (3, 16000)
    long = data[0, 0]
    assert long["times"].tolist() == [[0.0, 1.0], [0.5, 1.5], [1.0, 2.0]] and long["sound_valid"].all()
    assert not long["silent"].any() and long["label"] == 0 and long["path"].endswith("a.wav")


def test_a_short_recording_is_filled_with_nothing_and_says_so(folder):
    item = Sounds(folder, windows=1, seconds=1.0)[1]
    assert 0.35 < item["sound_valid"].float().mean() < 0.45
    assert (item["sound"][0, 0][~item["sound_valid"][0]] == 0).all()


def test_random_windows_depend_on_the_key_alone(folder):
    data = Sounds(folder, pick="random", windows=4)
    assert torch.equal(data[3, 0]["times"], Sounds(folder, pick="random", windows=4)[3, 0]["times"])
    assert not torch.equal(data[3, 0]["times"], data[4, 0]["times"])


def test_silence_is_told(tmp_path):
    import wave

    with wave.open(str(tmp_path / "quiet.wav"), "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(np.zeros(32000, np.int16).tobytes())
    assert Sounds(tmp_path, windows=2)[0]["silent"].tolist() == [True, True]


def test_what_has_no_sound_raises_or_is_told(folder):
    write_video(folder / "rain" / "mute.mp4")
    data = Sounds(folder)
    with pytest.raises(MediaError, match=r"mute\.mp4"):
        data[4]
    assert Sounds(folder, on_bad="skip")[4]["failure"]["path"].endswith("mute.mp4")


def test_sounds_have_features_like_pictures(folder):
    found = extract(
        {"mel": Asked(LogMel())}, Sounds(folder, windows=2), Recipe(stream="sound"), FeatureCache(), quiet=True
    )
    assert found.features["mel"]["output"].shape == (4, 128) and found.rows.label.tolist() == [0, 0, 1, 1]
    clips = extract(
        {"mel": Asked(LogMel())},
        Sounds(folder, windows=2),
        Recipe(stream="sound", unit="clip"),
        FeatureCache(),
        quiet=True,
    )
    item = clips.features["mel"]["output"][:2].mean(0)
    np.testing.assert_allclose(item, found.features["mel"]["output"][0], atol=1e-5)


def test_numbers_that_cannot_be_are_refused(folder):
    with pytest.raises(ValueError, match="needs seconds > 0"):
        Sounds(folder, seconds=0)
