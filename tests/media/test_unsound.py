"""Samples that are no sound (NaN, infinite, absurdly loud) are silence that is not valid, and spread to no other."""

import struct

import numpy as np
import pytest
import torch

from avssl.data import Sounds
from avssl.media import MediaError, OpenError, open_sound, open_video
from avssl.nets.spectrogram import Spectrogram, SpectrogramSpec
from tests.media.recording import Tape, chirp, record

RATE, PLACE = 16000, 8000
NO_SOUND = [np.nan, np.inf, -np.inf, 1e30, -3e38]


def wav(path, wave: np.ndarray, kind: str = "<f4"):
    """Write a WAV of floats, ``(channels, samples)``, as any program may."""
    data = np.ascontiguousarray(wave.T.astype(kind)).tobytes()
    width, channels = np.dtype(kind).itemsize, len(wave)
    head = struct.pack("<HHIIHH", 3, channels, RATE, RATE * channels * width, channels * width, 8 * width)
    chunks = b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path


def tone(channels: int = 1) -> np.ndarray:
    return np.stack([chirp(np.arange(RATE) / RATE)] * channels).astype(np.float32)


def spoiled(value: float, channels: int = 1) -> np.ndarray:
    wave = tone(channels)
    wave[0, PLACE] = value
    return wave


@pytest.mark.parametrize("value", NO_SOUND)
def test_a_sample_that_is_no_sound_is_silence_and_not_valid(tmp_path, value):
    path = wav(tmp_path / "a.wav", spoiled(value))
    for source in (path, path.read_bytes()):  # from the packets' places, and through the container
        found = open_sound(source).sound([[0.25, 0.75]], RATE)
        assert found.valid[0].logical_not().nonzero().flatten().tolist() == [4000]
        assert found.data[0, 0, 4000] == 0
        expected = tone()[0, 4000:12000]
        expected[4000] = 0
        np.testing.assert_array_equal(found.data[0, 0], expected)


@pytest.mark.parametrize("rate", [8000, 11025, 48000])
@pytest.mark.parametrize("value", NO_SOUND)
def test_it_spreads_to_no_other_when_the_rate_changes(tmp_path, value, rate):
    silent = spoiled(0.0)
    clean = open_sound(wav(tmp_path / "clean.wav", silent)).sound([[0.25, 0.75]], rate)
    found = open_sound(wav(tmp_path / "a.wav", spoiled(value))).sound([[0.25, 0.75]], rate)
    assert found.data.isfinite().all() and (~found.valid).sum() <= max(1, rate // RATE)
    assert torch.equal(found.data[:, 0][found.valid], clean.data[:, 0][found.valid])
    assert not found.data[:, 0][~found.valid].any()


@pytest.mark.parametrize("channels", [1, 2, None])
@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_one_bad_channel_makes_the_instant_no_sound(tmp_path, value, channels):
    wave = spoiled(value, channels=2)
    wave[1, PLACE] = -value
    found = open_sound(wav(tmp_path / "a.wav", wave)).sound([[0.0, 1.0]], RATE, channels)
    assert found.valid[0].logical_not().nonzero().flatten().tolist() in ([PLACE], [])  # 3e38 and -3e38 may cancel
    assert found.data.isfinite().all() and found.data.abs().max() < 2


def test_doubles_that_single_precision_cannot_hold_are_no_sound(tmp_path):
    wave = tone().astype(np.float64)
    wave[0, PLACE] = 1e300
    found = open_sound(wav(tmp_path / "a.wav", wave, "<f8")).sound([[0.0, 1.0]], RATE)
    assert found.valid[0].logical_not().nonzero().flatten().tolist() == [PLACE]


def test_whole_numbers_kept_as_floats_are_loud_but_sound(tmp_path):
    found = open_sound(wav(tmp_path / "a.wav", tone() * 2**31)).sound([[0.0, 1.0]], RATE)
    assert found.valid.all() and found.data.abs().max() > 1e9
    assert Spectrogram(SpectrogramSpec())(found.data).isfinite().all()


def test_the_sound_of_a_film_with_such_samples_is_masked_too(tmp_path):
    path = record(tmp_path / "film.mov", spoiled(np.nan), Tape(codec="pcm_f32le", rate=RATE, samples="flt"))
    with open_video(path) as video:
        found = video.sound([[0.0, 1.0]], RATE)
    assert found.valid[0].logical_not().nonzero().flatten().tolist() == [PLACE] and found.data.isfinite().all()


def test_a_coding_that_ffmpeg_does_not_know_is_one_line(tmp_path):
    content = wav(tmp_path / "a.wav", tone()).read_bytes()
    (tmp_path / "a.wav").write_bytes(content[:20] + b"\x99\x99" + content[22:])
    with pytest.raises(OpenError, match=r"a\.wav: FFmpeg does not know the coding of its sound stream"):
        open_sound(tmp_path / "a.wav")


@pytest.mark.parametrize("value", [0.5, *NO_SOUND])
def test_damage_is_sound_or_one_line(tmp_path, value):
    """Seeded: bytes changed anywhere, the header among them; nothing but our own errors."""
    chance, content = np.random.default_rng(2), wav(tmp_path / "a.wav", spoiled(value)).read_bytes()
    for _ in range(15):
        damaged = bytearray(content)
        for place in chance.integers(0, 60, 3):
            damaged[place] = chance.integers(256)
        try:
            found = open_sound(bytes(damaged), on_error="truncate").sound([[0.0, 0.1]], RATE)
        except MediaError:
            continue
        assert found.data.isfinite().all() and not found.data[:, 0][~found.valid].any()


@pytest.mark.parametrize("value", NO_SOUND)
def test_a_recording_of_nothing_else_is_silent_in_a_data_set_and_its_spectrogram_finite(tmp_path, value):
    wav(tmp_path / "a.wav", np.full((1, RATE), value, np.float32))
    item = Sounds(tmp_path, seconds=0.5, windows=2, rate=RATE)[0, 0]
    assert not item["sound_valid"].any() and item["silent"].all() and not item["sound"].any()
    assert Spectrogram(SpectrogramSpec())(item["sound"]).isfinite().all()
