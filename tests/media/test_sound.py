"""Windows of sound have exactly the samples asked for, and each sample is the one of its instant."""

import io
import os
import pickle
import wave as wav
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avssl.media import DecodeError, DecodeTimeout, OpenError, open_sound, open_video
from avssl.media import track as tracks
from avssl.media.source import Origin
from avssl.media.track import Track
from tests.media.filming import film_grey
from tests.media.recording import Tape, chirp, clicks, record

LATE, NONE = Fraction(12, 25), Fraction(0)
AT = (0.52, 1.0, 1.72, 2.48)  # in the container's time
LOSSLESS = [
    ("pcm_s16le", "mov"),
    ("pcm_s16le", "mkv"),
    ("pcm_f32le", "mov"),
    ("pcm_s24le", "mkv"),
    ("flac", "mkv"),
    ("flac", "mp4"),
    ("alac", "mp4"),
]
LOSSY = [
    ("aac", "mp4", 1.0),
    ("aac", "mkv", 1.0),
    ("aac", "ts", 1.0),
    ("aac", "flv", 1.0),
    ("libopus", "webm", 1.01),  # the muxer rounds the delay of 6.5 ms to whole milliseconds
    ("libopus", "mp4", 1.0),
    ("libmp3lame", "mkv", 1.0),
    ("libmp3lame", "mp4", 1.0),
    ("ac3", "mkv", 1.0),
]
FILM = {"webm": "libvpx-vp9", "flv": "flv1"}


def loudest(sound, window: float) -> float:
    """Return the time of the loudest sample of the first window, which starts at ``window``."""
    return window + sound.data[0, 0].abs().argmax().item() / sound.rate


def flash_and_clicks(path: Path, tape: Tape) -> tuple[list[float], list[float]]:
    """Return on the video's clock where each click is heard and where it belongs, having checked the flashes."""
    wave = clicks(3.2, tuple(time - float(tape.sound_start) for time in AT), tape.rate)
    record(path, wave, tape, flashes=AT)
    heard, meant = [], []
    with open_video(path) as video:
        shift = float(tape.film_start)
        for time in AT:
            if time >= shift:
                assert video.at([time - shift + 0.001]).data.float().mean() > 200
                assert video.at([time - shift - 0.039]).data.float().mean() < 50
            window = time - shift - 0.21
            heard.append(loudest(video.sound([[window, window + 0.4]], tape.rate), window))
            meant.append(time - shift)
    return heard, meant


@pytest.mark.parametrize(("film_start", "sound_start"), [(NONE, NONE), (LATE, NONE), (NONE, Fraction(1, 4))])
@pytest.mark.parametrize(("codec", "container"), LOSSLESS)
def test_lossless_sound_is_in_step_to_the_sample(tmp_path, codec, container, film_start, sound_start):
    tape = Tape(codec=codec, film_start=film_start, sound_start=sound_start)
    heard, meant = flash_and_clicks(tmp_path / f"film.{container}", tape)
    np.testing.assert_allclose(heard, meant, atol=0.6 / 48000)


@pytest.mark.parametrize("film", ["mpeg4", "libx264"])
def test_sound_in_avi_is_in_step_to_the_sample_even_where_frames_are_only_counted(tmp_path, film):
    heard, meant = flash_and_clicks(tmp_path / "film.avi", Tape(film=film))
    np.testing.assert_allclose(heard, meant, atol=0.6 / 48000)


def test_sound_in_a_program_stream_is_in_step_to_the_millisecond(tmp_path):
    heard, meant = flash_and_clicks(tmp_path / "film.mpg", Tape(codec="mp2", film="mpeg2video"))
    np.testing.assert_allclose(heard, meant, atol=0.001)


@pytest.mark.parametrize(("film_start", "sound_start"), [(NONE, NONE), (LATE, NONE), (NONE, Fraction(1, 4))])
@pytest.mark.parametrize(("codec", "container", "limit"), LOSSY)
def test_lossy_sound_is_in_step_to_the_millisecond(tmp_path, codec, container, limit, film_start, sound_start):
    tape = Tape(
        codec=codec,
        film=FILM.get(container, "mpeg4"),
        film_start=film_start,
        sound_start=sound_start,
    )
    heard, meant = flash_and_clicks(tmp_path / f"film.{container}", tape)
    np.testing.assert_allclose(heard, meant, atol=limit / 1000)


@pytest.fixture(scope="module")
def tone(tmp_path_factory) -> dict[str, Path]:
    """Fourteen seconds of a chirp in many kinds of file."""
    folder = tmp_path_factory.mktemp("tone")
    kinds = {
        "pcm.mov": Tape(),
        "pcm.mkv": Tape(),
        "pcm.avi": Tape(),
        "flac.mkv": Tape(codec="flac"),
        "aac.mp4": Tape(codec="aac", bits=96000),
        "aac.mkv": Tape(codec="aac", bits=96000),
        "aac.ts": Tape(codec="aac", bits=96000),
        "opus.webm": Tape(codec="libopus", film="libvpx-vp9"),
        "mp3.mkv": Tape(codec="libmp3lame"),
        "mp3.mp3": Tape(codec="libmp3lame", film=None),
        "low.mp3": Tape(codec="libmp3lame", film=None, bits=32000),
        "pcm.wav": Tape(film=None),
        "flac.flac": Tape(codec="flac", film=None),
        "flac.ogg": Tape(codec="flac", film=None),
        "opus.ogg": Tape(codec="libopus", film=None),
        "aac.m4a": Tape(codec="aac", film=None, bits=96000),
        "mp2.mpg": Tape(codec="mp2", film="mpeg1video"),
    }
    wave = chirp(np.arange(14 * 48000) / 48000).astype(np.float32)[None]
    return {name: record(folder / name, wave, tape) for name, tape in kinds.items()}


LOSSLESS_TONES = ("pcm.mov", "pcm.mkv", "pcm.avi", "flac.mkv", "pcm.wav", "flac.flac", "flac.ogg")
ALL_TONES = (
    *LOSSLESS_TONES, "aac.mp4", "aac.mkv", "aac.ts", "opus.webm", "mp3.mkv", "mp3.mp3", "low.mp3", "opus.ogg",
    "aac.m4a", "mp2.mpg",
)  # fmt: skip


def decibels(truth: torch.Tensor | np.ndarray, found: torch.Tensor | np.ndarray) -> float:
    """Return how far the difference lies below the truth, capped at 200."""
    truth, found = np.asarray(truth, np.float64), np.asarray(found, np.float64)
    return 10 * np.log10((truth**2).mean() / max(((truth - found) ** 2).mean(), 1e-20 * (truth**2).mean()))


@pytest.mark.parametrize("name", ALL_TONES)
def test_any_window_is_a_slice_of_the_whole_track(tone, name):
    sound = open_sound(tone[name])
    start = sound.info.start
    whole = sound.sound([[start, start + 13.5]], 48000)
    assert whole.valid.all() and whole.data.shape == (1, 1, 648000)
    first = np.random.default_rng(0).integers(0, 648000 - 12000, 12)
    windows = start + np.stack([first, first + 12000], axis=1) / 48000
    for place, window in zip(first, windows, strict=True):  # each by a seek of its own
        found = sound.sound(window[None], 48000).data[0, 0]
        if name in LOSSLESS_TONES:
            assert torch.equal(found, whole.data[0, 0, place : place + 12000])
        else:
            assert decibels(whole.data[0, 0, place : place + 12000], found) > 60
    together = sound.sound(windows, 48000)
    assert together.data.shape == (12, 1, 12000)


@pytest.mark.parametrize(
    ("rate_in", "rate_out"),
    [(48000, 16000), (44100, 16000), (16000, 44100), (8000, 192000), (192000, 8000), (44100, 48000), (22050, 22051)],
)
def test_a_resampled_sine_is_clean_and_in_phase_at_any_start(tmp_path, rate_in, rate_out):
    times = np.arange(2 * rate_in) / rate_in
    pitch = 0.35 * min(rate_in, rate_out)
    wave = (0.8 * np.sin(2 * np.pi * pitch * times)).astype(np.float32)[None]
    path = record(tmp_path / "sine.wav", wave, Tape(codec="pcm_f32le", rate=rate_in, film=None, samples="flt"))
    for start in (0.5, 0.5 + 1 / rate_out, 0.7312345678):
        found = open_sound(path).sound([[start, start + 0.25]], rate_out)
        truth = 0.8 * np.sin(2 * np.pi * pitch * (start + np.arange(found.data.shape[2]) / rate_out))
        assert found.data.shape[2] == round(0.25 * rate_out) and decibels(truth, found.data[0, 0]) > 75


def test_what_the_new_rate_cannot_hold_is_gone(tmp_path):
    wave = (0.8 * np.sin(2 * np.pi * 8200 * np.arange(96000) / 48000)).astype(np.float32)[None]
    path = record(tmp_path / "high.wav", wave, Tape(codec="pcm_f32le", film=None, samples="flt"))
    found = open_sound(path).sound([[0.5, 1.5]], 16000)
    assert found.data.abs().max() < 0.8 * 10 ** (-75 / 20)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.floats(-3, 17, allow_nan=False),
    length=st.floats(0.001, 1.5),
    rate=st.sampled_from([8000, 11025, 16000, 44100, 48000]),
    name=st.sampled_from(["pcm.mkv", "aac.mp4", "opus.webm", "mp3.mp3"]),
)
def test_every_window_has_its_samples_and_a_mask_that_is_the_track(tone, start, length, rate, name):
    sound = open_sound(tone[name])
    info = sound.info
    found = sound.sound([[start, start + length]], rate)
    count = round(round(length * rate, 4))
    assert found.data.shape == (1, 1, count) and found.data.dtype == torch.float32
    assert found.valid.shape == (1, count) and found.valid.dtype == torch.bool
    instants = start + np.arange(found.valid.shape[1]) / rate
    slack, frame = 1 / info.rate, 1024 / info.rate  # the last frame of a codec is longer than its packet may say
    inside = (instants > info.start + slack) & (instants < info.end - 0.0015)  # WebM rounds to milliseconds
    outside = (instants < info.start - slack) | (instants > info.end + frame)
    valid = found.valid[0].numpy()
    assert valid[inside].all() and not valid[outside].any()
    assert not found.data[0, :, ~found.valid[0]].any()


def test_windows_before_behind_across_and_without_length(tone):
    with open_video(tone["pcm.mov"]) as video:
        sound = video.sound([[-2.0, -1.0], [30.0, 31.0], [-0.5, 0.5], [13.5, 14.5]], 16000)
        assert sound.data.shape == (4, 1, 16000)
        assert sound.valid.float().mean(1).tolist() == [0, 0, 0.5, 0.5]
        assert not sound.data[:2].any() and sound.data[2, 0, 8000:].any() and not sound.data[2, 0, :8000].any()
        with pytest.raises(ValueError, match="at least one sample"):
            video.sound([[1.0, 1.0]], 16000)
        with pytest.raises(ValueError, match="at least one sample"):
            video.sound([[1.0, 0.5]], 16000)
        with pytest.raises(ValueError, match=r"one length.*0\.5 to 1 s"):
            video.sound([[0.0, 1.0], [1.0, 1.5]], 16000)
        with pytest.raises(ValueError, match=r"\(windows, 2\)"):
            video.sound([0.0, 1.0], 16000)
        with pytest.raises(ValueError, match="finite"):
            video.sound([[0.0, float("nan")]], 16000)
        with pytest.raises(ValueError, match="rate must be"):
            video.sound([[0.0, 1.0]], 0)
        with pytest.raises(ValueError, match="channels must be"):
            video.sound([[0.0, 1.0]], 16000, channels=3)
        assert video.sound(np.empty((0, 2)), 16000).data.shape[0] == 0


def test_lengths_that_differ_by_rounding_are_one_length(tone):
    starts = np.array([0.1, 0.7, 1.1, 2.0, 3.3])
    windows = np.stack([starts, starts + 0.3], axis=1)
    sound = open_sound(tone["pcm.mkv"])
    assert sound.sound(windows, 44100).data.shape == (5, 1, 13230)
    assert {sound.sound(window[None], 11025).data.shape[2] for window in windows} == {3308}  # 3307.5 of them


def test_overlapping_windows_are_decoded_once(tone, monkeypatch):
    decoded, seeks = [], []
    fold, seek = tracks.fold, Track._seek
    monkeypatch.setattr(tracks, "fold", lambda frame, channels: decoded.append(frame.samples) or fold(frame, channels))
    monkeypatch.setattr(Track, "_seek", lambda track, target: seeks.append(target) or seek(track, target))
    sound = open_sound(tone["aac.mp4"].read_bytes())
    decoded.clear(), seeks.clear()
    starts = 8 + np.arange(20) * 0.1
    sound.sound(np.stack([starts, starts + 1.0], axis=1), 16000)
    assert len(seeks) == 1 and sum(decoded) < (2.9 + 0.7) * 48000
    seeks.clear()
    sound.sound([[12.0, 12.5], [5.0, 5.5], [5.2, 5.7]], 16000)
    assert len(seeks) == 2  # in order of time, whatever the order asked in


def test_channels_are_folded_as_said(tmp_path):
    left, right = chirp(np.arange(24000) / 48000), chirp(np.arange(24000) / 48000 + 3)
    path = record(tmp_path / "two.mov", np.stack([left, right]).astype(np.float32), Tape(layout="stereo"))
    with open_video(path) as video:
        kept = video.sound([[0.1, 0.3]], 48000, channels=None).data
        mono, stereo = video.sound([[0.1, 0.3]], 48000).data, video.sound([[0.1, 0.3]], 48000, channels=2).data
    assert kept.shape == (1, 2, 9600) and torch.equal(stereo, kept)
    torch.testing.assert_close(mono, kept.mean(1, keepdim=True))
    assert decibels(left[4800:14400], kept[0, 0]) > 75 and decibels(right[4800:14400], kept[0, 1]) > 75
    single = record(tmp_path / "one.mov", left[None].astype(np.float32), Tape())
    both = open_sound(single).sound([[0.1, 0.3]], 48000, channels=2).data
    assert both.shape == (1, 2, 9600) and torch.equal(both[:, 0], both[:, 1])


def test_eight_channels_come_back_each_on_its_own(tmp_path):
    wave = np.stack([(channel + 1) / 10 * np.ones(24000) for channel in range(8)]).astype(np.float32)
    path = record(tmp_path / "cinema.mov", wave, Tape(codec="pcm_f32le", layout="7.1", samples="flt"))
    sound = open_sound(path)
    assert sound.info.channels == 8 and sound.info.layout == "7.1"
    np.testing.assert_allclose(sound.sound([[0.2, 0.3]], 48000, channels=None).data[0, :, 50], wave[:, 0], atol=1e-6)
    np.testing.assert_allclose(sound.sound([[0.2, 0.3]], 48000).data[0, 0, 50], wave[:, 0].mean(), atol=1e-6)
    folded = sound.sound([[0.2, 0.3]], 48000, channels=2).data[0, :, 50]
    left, right = wave[[0, 2, 4, 6], 0], wave[[1, 2, 5, 7], 0]  # front, centre, back, side; not the bass
    weights = np.array([1, 0.5**0.5, 0.5**0.5, 0.5**0.5])
    np.testing.assert_allclose(folded, [left @ weights, right @ weights], atol=1e-5)


@pytest.mark.parametrize(("codec", "container"), [("aac", "mp4"), ("flac", "mkv"), ("libopus", "mkv"), ("ac3", "mkv")])
def test_many_channels_of_a_compressed_track_come_back_each_on_its_own(tmp_path, codec, container):
    layout, count = ("5.1", 6) if codec == "ac3" else ("7.1", 8)
    times = np.arange(24000) / 48000
    wave = np.stack([0.2 * np.sin(2 * np.pi * (200 + 50 * channel) * times) for channel in range(count)])
    tape = Tape(codec=codec, layout=layout, bits=None if codec == "flac" else 448000)
    sound = open_sound(record(tmp_path / f"cinema.{container}", wave.astype(np.float32), tape))
    found = sound.sound([[0.1, 0.4]], 48000, channels=None).data[0]
    assert found.shape == (count, 14400)
    heard = np.abs(np.fft.rfft(found.numpy() * np.hanning(14400))).argmax(axis=1) / 0.3
    bass = 3  # the channel of low frequencies, which codecs may cut
    np.testing.assert_allclose(np.delete(heard, bass), np.delete(200 + 50 * np.arange(count), bass), atol=4)


def test_channels_that_ffmpeg_cannot_fold_are_a_clear_error(tmp_path):
    wave = np.full((9, 4800), 0.1, np.float32)
    path = record(tmp_path / "nine.mkv", wave, Tape(codec="pcm_f32le", layout="9 channels", samples="flt", film=None))
    assert open_sound(path).sound([[0.0, 0.05]], 48000).data.mean() == pytest.approx(0.1)
    with pytest.raises(ValueError, match=r"9 channels.*channels=1"):
        open_sound(path).sound([[0.0, 0.05]], 48000, channels=2)


@pytest.mark.parametrize(
    "codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw"]
)
def test_every_sample_format_has_its_full_scale_at_one(tmp_path, codec):
    truth = 0.9 * np.sin(2 * np.pi * 441 * np.arange(48000) / 48000)
    path = record(tmp_path / "one.wav", truth.astype(np.float32)[None], Tape(codec=codec, film=None))
    found = open_sound(path).sound([[0.25, 0.75]], 48000).data[0, 0]
    assert decibels(truth[12000:36000], found) > {"pcm_u8": 40, "pcm_alaw": 30}.get(codec, 80)


def test_a_track_of_one_sample_is_one_valid_sample(tmp_path):
    path = record(tmp_path / "click.wav", np.full((1, 1), 0.5, np.float32), Tape(film=None))
    sound = open_sound(path)
    found = sound.sound([[-0.001, 0.001]], 48000)
    assert found.valid.nonzero().tolist() == [[0, 48]] and found.data[0, 0, 48] == pytest.approx(0.5, abs=1e-3)
    assert len(sound) == 1


def test_without_sound_the_error_says_what_there_is(tmp_path, tone):
    path = film_grey(tmp_path / "silent.mp4", np.zeros((5, 48, 64)))
    with open_video(path) as video, pytest.raises(OpenError, match=r"silent\.mp4.*no sound stream"):
        video.sound([[0.0, 1.0]], 16000)
    with pytest.raises(OpenError, match="no sound stream"):
        open_sound(path)
    with pytest.raises(OpenError, match="no sound stream number 7; the file holds audio, video"):
        Track(Origin(tone["pcm.mov"]), stream=7)
    (tmp_path / "text.wav").write_text("this is not sound" * 100)
    with pytest.raises(OpenError, match=r"text\.wav"):
        open_sound(tmp_path / "text.wav")


def test_damage_raises_where_it_is_heard_and_is_masked_on_request(tone, tmp_path):
    data = bytearray(tone["flac.flac"].read_bytes())
    low, high = int(0.5 * len(data)), int(0.52 * len(data))
    data[low:high] = os.urandom(high - low)
    path = tmp_path / "broken.flac"
    path.write_bytes(data)
    sound = open_sound(path)
    truth = open_sound(tone["flac.flac"]).sound([[0.0, 13.9]], 48000)
    assert torch.equal(sound.sound([[1.0, 4.0]], 48000).data, truth.data[:, :, 48000:192000])
    masked = open_sound(path, on_error="truncate").sound([[0.0, 13.9]], 48000)
    assert 0.9 < masked.valid.float().mean() < 1
    kept = masked.valid[0]
    assert (masked.data[0, 0, kept] == truth.data[0, 0, kept]).float().mean() > 0.99


def test_a_packet_that_cannot_be_decoded_is_an_error_with_its_place(tone, monkeypatch):
    class Broken(Track):
        def _decode(self):
            for place, frame in enumerate(super()._decode()):
                if place % 50 == 40:
                    self._damage(frame.pts, "a packet of sound is damaged: bad")
                else:
                    yield frame

    monkeypatch.setattr("avssl.media.sound.Track", Broken)
    data = tone["aac.mp4"].read_bytes()  # bytes are read through the container
    with pytest.raises(DecodeError, match=r"damaged: bad.*on_error=\"truncate\"") as caught:
        open_sound(data).sound([[0.5, 1.5]], 48000)
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.decoded_until == pytest.approx(40 * 1024 / 48000, abs=0.03) and again.stage == "sound"
    masked = open_sound(data, on_error="truncate").sound([[0.5, 1.5]], 48000)
    assert (~masked.valid).sum() == 1024 and not masked.data[0, 0, ~masked.valid[0]].any()
    assert open_sound(data).sound([[0.1, 0.3]], 48000).valid.all()


def test_a_file_that_cannot_be_read_on_raises_for_all_that_is_lost(tone, monkeypatch):
    class Cut(Track):
        def _decode(self):
            for place, frame in enumerate(super()._decode()):
                if place == 60:
                    return self._damage(None, "the file cannot be read on: bad", final=True)
                yield frame

    monkeypatch.setattr("avssl.media.sound.Track", Cut)
    assert open_sound(tone["opus.ogg"]).sound([[0.2, 0.5]], 48000).valid.all()
    for window in ([1.0, 1.5], [8.0, 8.5]):
        with pytest.raises(DecodeError, match="cannot be read on"):
            open_sound(tone["opus.ogg"]).sound([window], 48000)
    masked = open_sound(tone["opus.ogg"], on_error="truncate").sound([[8.0, 8.5]], 48000)
    assert not masked.valid.any()


def test_a_call_that_takes_too_long_is_stopped(tone):
    sound = open_sound(tone["flac.ogg"], timeout=60)
    assert sound.sound([[13.0, 13.5]], 16000).valid.all()
    sound._timeout = 0.0
    with pytest.raises(DecodeTimeout, match="timeout=0"):
        sound.sound([[13.0, 13.5]], 16000)
    with pytest.raises(ValueError, match="on_error is"):
        open_sound(tone["flac.ogg"], on_error="skip")  # type: ignore[arg-type]


def test_a_codec_whose_frames_change_length_is_counted_from_the_head(tone, monkeypatch):
    truth = open_sound(tone["aac.mkv"]).sound([[9.0, 9.5]], 48000)
    monkeypatch.setattr(tracks, "STEADY", set())  # as Vorbis, which PyAV may be unable to write
    rewinds, rewind = [], Track._rewind
    monkeypatch.setattr(Track, "_rewind", lambda track: rewinds.append(track) or rewind(track))
    sound = open_sound(tone["aac.mkv"].read_bytes())
    assert decibels(truth.data, sound.sound([[9.0, 9.5]], 48000).data) > 60 and len(rewinds) >= 2


def test_a_gap_in_the_track_is_masked_and_what_follows_stays_in_step(tmp_path):
    import av

    path = tmp_path / "gap.mkv"
    times = np.arange(48000 * 4) / 48000
    wave = chirp(times).astype(np.float32)
    with av.open(str(path), "w") as out:
        sound = out.add_stream("pcm_f32le", rate=48000, layout="mono", format="flt")
        for place in [*range(0, 96000, 480), *range(120000, 192000, 480)]:
            frame = av.AudioFrame.from_ndarray(wave[None, place : place + 480], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, place, Fraction(1, 48000)
            out.mux(sound.encode(frame))
        out.mux(sound.encode())
    found = open_sound(path).sound([[0.0, 4.0]], 48000)
    assert found.valid[0].nonzero()[[0, -1], 0].tolist() == [0, 191999]
    assert not found.valid[0, 96000:120000].any() and found.valid.sum() == 168000
    np.testing.assert_array_equal(found.data[0, 0, found.valid[0]], wave[found.valid[0]])


def test_the_sound_of_a_video_and_of_a_recording_share_one_contract(tone):
    with open_video(tone["aac.mp4"]) as video:
        ours, theirs = open_sound(tone["aac.mp4"]), video.sound([[2.0, 3.0]], 16000)
        assert torch.equal(ours.sound([[2.0, 3.0]], 16000).data, theirs.data)
        assert ours.timeline.sound == video.timeline.sound
    alone = open_sound(tone["flac.flac"])
    assert alone.info.start == 0 and alone.info.end == pytest.approx(14) and alone.info.rate == 48000
    assert alone.timeline.sound == (0.0, alone.info.end) and len(alone.timeline) == 1400
    assert len(alone) == 14 * 48000


@pytest.mark.parametrize("name", ["pcm.wav", "aac.mp4", "opus.ogg"])
def test_bytes_files_openers_and_pickles_give_the_same_sound(tone, name):
    path = tone[name]
    truth = open_sound(path).sound([[9.0, 10.0]], 16000).data
    again = pickle.loads(pickle.dumps(open_sound(path)))
    assert torch.equal(again.sound([[9.0, 10.0]], 16000).data, truth)
    with path.open("rb") as file:
        for source in (path.read_bytes(), file, lambda: path.open("rb")):
            assert torch.equal(open_sound(source).sound([[9.0, 10.0]], 16000).data, truth)
        assert not file.closed


def test_a_wave_file_written_by_python_is_read_to_the_bit():
    values = np.random.default_rng(0).integers(-32768, 32768, (4000, 2), dtype=np.int16)
    file = io.BytesIO()
    with wav.open(file, "wb") as out:
        out.setparams((2, 2, 8000, 0, "NONE", ""))
        out.writeframes(values.tobytes())
    found = open_sound(file.getvalue()).sound([[0.0, 0.5]], 8000, channels=None).data[0]
    np.testing.assert_array_equal(found, values.T.astype(np.float32) / 32768)


def test_the_sound_of_forked_workers_is_the_same(tone):
    reader = open_sound(tone["aac.mp4"])
    truth = reader.sound([[5.0, 5.5]], 16000).data
    loader = torch.utils.data.DataLoader(_Windows(reader), batch_size=None, num_workers=2)
    assert all(torch.equal(found, truth) for found in loader)


class _Windows(torch.utils.data.Dataset):
    def __init__(self, reader):
        self.reader = reader

    def __len__(self):
        return 4

    def __getitem__(self, place):
        return self.reader.sound([[5.0, 5.5]], 16000).data
