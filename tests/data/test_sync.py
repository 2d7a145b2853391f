"""A click and a flash at one moment are read at one moment, whatever the codecs and wherever the track starts."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from avssl.data import Videos
from avssl.media import open_video
from avssl.sampling import Consecutive, WithSound

RATE, HERTZ, LONG = 48000, 3000, 0.004  # of the sound; of a click, and its length in seconds
FLASHES = (20, 40, 65, 90)  # frames
KINDS = {  # container, picture, sound, seconds by which the sound's track starts late, by which both start late
    "H.264 and AAC": ("mp4", "libx264", "aac", 0.0, 0.0),
    "VP9 and Opus": ("webm", "libvpx-vp9", "libopus", 0.0, 0.0),
    "MPEG-4 and MP3": ("matroska", "mpeg4", "libmp3lame", 0.0, 0.0),
    "sound half a second late": ("matroska", "libx264", "aac", 0.5, 0.0),
    "all of it late, in a transport stream": ("mpegts", "libx264", "aac", 0.0, 2.0),
    "late sound in MP4": ("mp4", "libx264", "aac", 0.5, 0.0),
}


def click():
    times = np.arange(round(LONG * RATE)) / RATE
    return np.sin(2 * np.pi * HERTZ * times) * np.hanning(len(times))


def write(path, container, picture, sound, late, start, frames=110):
    """Write 25 frames a second, white where a click sounds, else dark grey."""
    wave = np.zeros(round(frames / 25 * RATE), np.float32)
    for flash in FLASHES:
        first = round(flash / 25 * RATE)
        wave[first : first + len(click())] = 0.8 * click()
    wave = wave[round(late * RATE) :]
    with av.open(str(path), "w", format=container) as file:
        seen = file.add_stream(picture, rate=25, options={"lag-in-frames": "0"} if "vp9" in picture else {})
        seen.width, seen.height, seen.pix_fmt = 64, 48, "yuv420p"
        heard = file.add_stream(sound, rate=RATE, layout="mono")
        for number in range(frames):
            image = np.full((48, 64, 3), 235 if number in FLASHES else 30, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number + round(start * 25), Fraction(1, 25)
            file.mux(seen.encode(frame))
        file.mux(seen.encode())
        kind = {"libopus": "flt"}.get(sound, "fltp")
        for first in range(0, len(wave), 960):
            piece = av.AudioFrame.from_ndarray(wave[None, first : first + 960], format=kind, layout="mono")
            piece.rate, piece.time_base = RATE, Fraction(1, RATE)
            piece.pts = first + round((late + start) * RATE)
            file.mux(heard.encode(piece))
        file.mux(heard.encode())


def clicks_in(wave, count):
    """Return where clicks begin, in samples: the best matches, apart from one another."""
    match = np.abs(np.correlate(wave, click(), "valid"))
    match = np.convolve(match, np.ones(48) / 48, "same")  # over the wave of the click
    found = []
    for _ in range(count):
        found.append(int(match.argmax()))
        match[max(0, found[-1] - 4800) : found[-1] + 4800] = 0
    return sorted(found)


@pytest.fixture(scope="module", params=KINDS)
def recording(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("sync") / f"{request.param}.bin"
    write(path, *KINDS[request.param])
    return path


def test_every_click_is_within_10_ms_of_its_flash(recording):
    with open_video(recording) as video:
        frames = video.read(Consecutive(frames=len(video))(video.timeline))
        times = frames.times[0]
        start, end = max(times[0], video.timeline.sound[0]), times[-1]
        wave = video.sound(np.array([[start, end]]), RATE).data[0, 0].numpy()
    bright = frames.data[0].float().mean((1, 2, 3)).numpy() > 130
    flashes = times[bright]
    assert len(flashes) == len(FLASHES)
    heard = start + np.array(clicks_in(wave, len(flashes))) / RATE
    assert np.abs(heard - flashes).max() <= 0.010, (heard - flashes).round(4).tolist()


def test_items_of_a_data_set_are_in_step_too(recording, tmp_path):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(f'path\n"{recording}"\n')
    data = Videos(manifest, WithSound(sampler=Consecutive(frames=80), edge="mask"), sound_rate=RATE)
    for epoch in range(2):
        item = data[epoch, 0]
        bright = item["frames"][0].float().mean((1, 2, 3)) > 130
        begin = float(item["times"][0, 0])
        wave = item["sound"][0, 0].numpy()
        inside = [float(time) for time in item["times"][0][bright] if time < begin + wave.size / RATE - 0.1]
        heard = begin + np.array(clicks_in(wave, len(inside))) / RATE
        assert len(inside) >= 2 and np.abs(heard - inside).max() <= 0.010
        assert torch.isfinite(item["sound"]).all()
        start, end = item["sound_times"][0].tolist()
        assert start == pytest.approx(begin) and end - start == pytest.approx(wave.size / RATE, abs=1 / RATE)
