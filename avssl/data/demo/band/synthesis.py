"""How the band sounds: plucked strings by Karplus and Strong, struck bars and bells by their modes, winds by harmonics.

Karplus and Strong, "Digital Synthesis of Plucked-String and Drum Timbres", Computer Music Journal 7(2), 1983. Modes of
bars and bells: Fletcher and Rossing, "The Physics of Musical Instruments", chapters 19 and 21.

All instruments draw their pitch from the same pool, so that pitch cannot tell them apart; loudness, tone colour of the
room and noise are drawn for each recording whatever plays.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from avssl.data.demo.band.playing import Note

RATE = 16000  # samples a second
LOWEST = 170.0  # Hz
PITCHES = 14  # pairs of semitones above it: held-out recordings of the full world take the odd ones
LOUD, SPREAD = 0.05, 6.0  # root mean square of a recording, and how far it varies either way, dB
SILENT, NOISY = 30.0, 8.0  # signal to noise, dB


@dataclass(frozen=True, kw_only=True)
class Body:
    """The instance of an instrument: what sets one guitar apart from another.

    Args:
        pitch: Hz of its recording's own note.
        bright: the higher, the more overtones.
        decay: factor on how long it rings.
        stretch: factor on the distance of its modes.
    """

    pitch: float
    bright: float
    decay: float
    stretch: float


def build(rng: np.random.Generator, band: int | None = None) -> Body:
    """Return a body; its pitch in even pairs of semitones for ``band`` 0, in odd ones for 1, in any for None."""
    place = 2 * rng.integers(PITCHES) + (rng.integers(2) if band is None else band) + rng.uniform(-0.3, 0.3)
    return Body(
        pitch=LOWEST * 2 ** (place / 12),
        bright=rng.uniform(0.5, 1.6),
        decay=rng.uniform(0.7, 1.4),
        stretch=rng.uniform(0.98, 1.02),
    )


def sound(rng: np.random.Generator, instrument: str, body: Body, notes: list[Note], seconds: float) -> np.ndarray:
    """Return a recording, float32 ``(samples,)``: the notes, a room's tone, noise, a gain."""
    total = np.zeros(round(seconds * RATE))
    for note in notes:
        wave = VOICES[instrument](rng, body, body.pitch * 2 ** (note.pitch / 12), note.end - note.start)
        first = round(note.start * RATE)
        wave = wave[: len(total) - first] * note.strength
        total[first : first + len(wave)] += wave
    return recorded(rng, total)


def recorded(rng: np.random.Generator, dry: np.ndarray) -> np.ndarray:
    """Return a sound as a microphone would have it: tilted in tone, with noise of some colour, at some level."""
    tilt, color = rng.uniform(-0.5, 0.3), rng.uniform(0, 1)
    hertz = np.fft.rfftfreq(len(dry), 1 / RATE)
    wet = np.fft.irfft(np.fft.rfft(dry) * (1 + hertz / 1000) ** tilt, len(dry))
    hiss = np.fft.irfft(np.fft.rfft(rng.standard_normal(len(dry))) / (1 + hertz / 300) ** color, len(dry))
    wet = wet / max(level(wet), 1e-9) + hiss / level(hiss) * 10 ** (-rng.uniform(NOISY, SILENT) / 20)
    gain = LOUD * 10 ** (rng.uniform(-SPREAD, SPREAD) / 20)
    return (gain * wet / level(wet)).clip(-1, 1).astype(np.float32)


def level(wave: np.ndarray) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(wave**2)))


Voice = Callable[[np.random.Generator, Body, float, float], np.ndarray]


def modes(
    rng: np.random.Generator, body: Body, pitch: float, partials: tuple[float, ...], ring: float, weaker: float
) -> np.ndarray:
    """Return decaying sines at multiples of a pitch; higher ones are weaker and shorter."""
    times = np.arange(round(min(6 * ring * body.decay, 2.0) * RATE)) / RATE
    wave = np.zeros(len(times))
    for place, multiple in enumerate(partials):
        hertz = pitch * (1 + (multiple - 1) * body.stretch)
        if hertz < RATE / 2:
            share = weaker ** (place / body.bright) * np.exp(-times * np.sqrt(multiple) / (ring * body.decay))
            wave += share * np.sin(2 * np.pi * (hertz * times + rng.random()))
    return wave


def harmonics(times: np.ndarray, pitch: float, weights: dict[int, float]) -> np.ndarray:
    """Return a sum of harmonics of a pitch below half the rate."""
    known = ((number, weight) for number, weight in weights.items() if number * pitch < RATE / 2)
    return np.sum([weight * np.sin(2 * np.pi * number * pitch * times) for number, weight in known], axis=0)


def swell(times: np.ndarray, seconds: float, attack: float = 0.04) -> np.ndarray:
    """Return a gain that rises and falls in ``attack`` seconds."""
    return np.minimum(times / attack, (seconds - times) / attack).clip(0, 1)


def string(rng: np.random.Generator, pitch: float, seconds: float, damping: float, bright: float) -> np.ndarray:
    """Return a plucked string: noise that runs round a loop and is averaged at each turn."""
    period = RATE / pitch
    length, count = int(period - 0.5), round(seconds * RATE)
    fraction = period - 0.5 - length
    start = np.zeros(count)
    start[:length] = lfilter([1], [1, -0.6 / bright], rng.uniform(-1, 1, length))
    loop = np.zeros(length + 3)
    loop[0] = 1
    for lag, share in ((0, 1 - fraction), (1, fraction)):  # delayed by a fraction, and averaged with its neighbour
        loop[length + lag] -= damping * share / 2
        loop[length + lag + 1] -= damping * share / 2
    return np.asarray(lfilter([1.0], loop, start))


def drum(rng: np.random.Generator, body: Body, pitch: float, seconds: float) -> np.ndarray:
    times = np.arange(round(0.5 * RATE)) / RATE
    falling = pitch * 0.5 * (1 + 0.8 * np.exp(-times / 0.03))
    skin = np.exp(-times / (0.09 * body.decay)) * np.sin(2 * np.pi * np.cumsum(falling) / RATE)
    return skin + 0.5 * body.bright * np.exp(-times / (0.03 * body.decay)) * rng.standard_normal(len(times))


def guitar(rng: np.random.Generator, body: Body, pitch: float, seconds: float) -> np.ndarray:
    return string(rng, pitch, 1.2, 0.996 - 0.004 / body.decay, body.bright)


def harp(rng: np.random.Generator, body: Body, pitch: float, seconds: float) -> np.ndarray:
    times = np.arange(round(0.8 * RATE)) / RATE
    soft = harmonics(times, pitch, {number: number ** -(1 + body.bright) for number in range(1, 6)})
    return soft * np.exp(-times / (0.3 * body.decay)) * np.minimum(times / 0.004, 1)


def bell(rng: np.random.Generator, body: Body, pitch: float, seconds: float) -> np.ndarray:
    return modes(rng, body, 2 * pitch, (1.0, 2.76, 5.40, 8.93), 0.8, 0.8)


def xylophone(rng: np.random.Generator, body: Body, pitch: float, seconds: float) -> np.ndarray:
    return modes(rng, body, 2.5 * pitch, (1.0, 3.93, 9.2), 0.12, 0.5)


def flute(rng: np.random.Generator, body: Body, pitch: float, seconds: float) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    bent = times + 0.0006 * np.sin(2 * np.pi * rng.uniform(4, 6) * times)
    breath = 0.05 * body.bright * rng.standard_normal(len(times))
    return (harmonics(bent, 2 * pitch, {1: 1.0, 2: 0.15 * body.bright}) + breath) * swell(times, seconds)


def trumpet(rng: np.random.Generator, body: Body, pitch: float, seconds: float) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    weights = {number: 0.35 / number ** (0.3 + 0.4 / body.bright) for number in range(1, 16)}
    return harmonics(times, 1.3 * pitch, weights) * swell(times, seconds)


def organ(rng: np.random.Generator, body: Body, pitch: float, seconds: float) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    weights = {number: 0.25 / number ** (1 / body.bright) for number in (1, 3, 5)}
    chord = np.sum([harmonics(times, pitch * 2 ** (step / 12), weights) for step in (0, 4, 7)], axis=0)
    return chord * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(5, 7) * times)) * swell(times, seconds)


VOICES: dict[str, Voice] = {
    "drum": drum, "guitar": guitar, "flute": flute, "bell": bell,
    "trumpet": trumpet, "xylophone": xylophone, "harp": harp, "organ": organ,
}  # fmt: skip
