"""Write small recordings with sound: clicks that meet flashes, tones, any codec and any start, with PyAV alone."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.error import FFmpegError

from tests.media.filming import settle

FRAME_RATE = 25


@dataclass(frozen=True, kw_only=True)
class Tape:
    """How to record: ``film`` is the video codec, None for sound alone; starts are in seconds."""

    codec: str = "pcm_s16le"
    rate: int = 48000
    layout: str = "mono"
    samples: str | None = None
    film: str | None = "mpeg4"
    film_start: Fraction = Fraction(0)
    sound_start: Fraction = Fraction(0)
    bits: int | None = None


def record(path: Path, wave: np.ndarray, tape: Tape, flashes: tuple[float, ...] = ()) -> Path:
    """Write ``wave``, float32 ``(channels, samples)``, beside a film that is white in the frame of each flash."""
    seconds = wave.shape[1] / tape.rate
    try:
        with av.open(str(path), "w") as out:
            film = None
            if tape.film:
                film = out.add_stream(tape.film, rate=FRAME_RATE)
                film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
            sound = out.add_stream(tape.codec, rate=tape.rate, layout=tape.layout)
            sound.format = tape.samples or sound.codec_context.codec.audio_formats[0].name
            if tape.bits:
                sound.bit_rate = tape.bits
            shape = av.AudioResampler(format=sound.format.name, layout=tape.layout, rate=tape.rate)
            for _, kind, place in sorted(_jobs(tape, seconds, wave.shape[1])):
                if kind == 0:
                    out.mux(film.encode(_picture(place, tape, flashes)))
                else:
                    for part in shape.resample(_stretch(wave, place, tape)):
                        out.mux(sound.encode(part))
            if film is not None:
                out.mux(film.encode())
            out.mux(sound.encode())
    except (FFmpegError, ValueError) as error:
        pytest.skip(f"this PyAV cannot write {tape.codec} in {path.suffix}: {error}")
    return settle(path)


def _jobs(tape: Tape, seconds: float, samples: int) -> list[tuple[float, int, int]]:
    jobs = [(float(tape.sound_start) + place / tape.rate, 1, place) for place in range(0, samples, 1024)]
    if tape.film:
        frames = max(1, round(seconds * FRAME_RATE))
        jobs += [(float(tape.film_start) + place / FRAME_RATE, 0, place) for place in range(frames)]
    return jobs


def _picture(place: int, tape: Tape, flashes: tuple[float, ...]) -> av.VideoFrame:
    time = place / FRAME_RATE + float(tape.film_start)
    white = any(abs(time - flash) < 0.5 / FRAME_RATE for flash in flashes)
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255 * white, np.uint8), format="rgb24")
    frame.pts, frame.time_base = place + round(tape.film_start * FRAME_RATE), Fraction(1, FRAME_RATE)
    return frame


def _stretch(wave: np.ndarray, place: int, tape: Tape) -> av.AudioFrame:
    part = np.ascontiguousarray(wave[:, place : place + 1024].T, np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(part, format="flt", layout=tape.layout)
    frame.sample_rate, frame.time_base = tape.rate, Fraction(1, tape.rate)
    frame.pts = place + round(tape.sound_start * tape.rate)
    return frame


def clicks(seconds: float, at: tuple[float, ...], rate: int = 48000, channels: int = 1) -> np.ndarray:
    """Silence with one loud sample at each time, float32 ``(channels, samples)``."""
    wave = np.zeros((channels, round(seconds * rate)), np.float32)
    for time in at:
        wave[:, round(time * rate)] = 0.9
    return wave


def chirp(times: np.ndarray) -> np.ndarray:
    """A rising tone of changing loudness at any times in seconds, float64."""
    return (0.35 + 0.1 * np.sin(7 * times)) * np.sin(2 * np.pi * (200 * times + 25 * times**2)) + 0.2 * np.sin(
        2 * np.pi * 1500 * times
    )
