"""A recording of the band: one instrument that sounds, perhaps a silent one, before a background.

Sound and picture share the instrument and the moments of the notes. Everything else, pitch, tone, loudness and noise
here, colour, place, size, light and background there, comes from streams of chance of its own, so that nothing but what
plays and when can tell which sound belongs to which picture.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.data.demo.band.instruments import Looks, body, canvas, dress, player
from avssl.data.demo.band.playing import INSTRUMENTS, SUSTAINED, Note, gesture, play
from avssl.data.demo.band.synthesis import build, sound

Preset = Literal["easy", "full"]
HAND = np.array([0.85, 0.65, 0.5])  # colour of what plays, whatever it plays, up to the light


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """What was filmed, and the truth about it.

    Args:
        frames: uint8 RGB ``(frames, size, size, 3)``.
        sound: float32 ``(samples,)``, 16,000 a second.
        boxes: left, top, right, bottom of each instrument's body in pixels, edges, float32 ``(objects, 4)``; the one
            that sounds first.
        classes: place of each in `INSTRUMENTS`, int64 ``(objects,)``.
        notes: start and end of what sounds, in seconds, float64 ``(notes, 2)``.
    """

    frames: np.ndarray
    sound: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    notes: np.ndarray


def film(
    seed: tuple[int, ...],
    instrument: str,
    *,
    preset: Preset = "full",
    held_out: bool = False,
    second: str | None = None,
    seconds: float = 3.0,
    rate: int = 25,
    size: int = 72,
) -> Scene:
    """Film a recording; equal arguments give equal sound and pictures.

    Args:
        seed: fixes everything.
        instrument: the one that sounds.
        preset: ``"easy"``: one instrument fills the picture; ``"full"``: half of the scenes hold a silent one too, and
            held-out recordings have hues, pitches, tempi and kinds of background that training never saw.
        held_out: the other half of these.
        second: a silent instrument that is surely there; None leaves it to chance (``"full"``) or out (``"easy"``).
        seconds: length.
        rate: frames a second.
        size: height and width in pixels.
    """
    notes_of, heard, seen = (np.random.default_rng((*seed, stream)) for stream in range(3))
    half = int(held_out) if preset == "full" else None
    notes = play(notes_of, instrument, seconds, half)
    wave = sound(heard, instrument, build(heard, half), notes, seconds)
    times = np.arange(round(seconds * rate)) / rate
    if second is None and preset == "full" and seen.random() < 0.5:
        second = INSTRUMENTS[seen.integers(len(INSTRUMENTS))]
    span = (0.34, 0.55) if preset == "full" else (0.5, 0.8)
    middles = places(seen, 0.6 if preset == "full" else 0.25)
    picture = background(seen, size, striped=held_out and preset == "full")
    light, grain = seen.uniform(0.85, 1.1), seen.uniform(0.01, 0.05)
    players: list[tuple[str, Looks, tuple[float, float], np.ndarray]] = []
    if second is not None:
        mimed = play(seen, second, seconds, half) if seen.random() < 0.5 else []  # plays along unheard, or rests
        players.append((second, dress(seen, span, half), middles[1], moves(mimed, second, times)))
    players.append((instrument, dress(seen, span, half), middles[0], moves(notes, instrument, times)))
    boxes = [paint(picture, name, looks, middle) for name, looks, middle, _ in players]
    frames = np.broadcast_to(picture, (len(times), size, size, 3)).copy()
    for name, looks, middle, contact in players:
        where = canvas(looks, middle, size)
        for frame, touch in zip(frames, contact, strict=True):
            frame[player(name, where, float(touch))] = HAND
    frames = frames * light + grain * seen.standard_normal(frames.shape, dtype=np.float32)
    return Scene(
        frames=np.round(frames.clip(0, 1) * 255).astype(np.uint8),
        sound=wave,
        boxes=np.array(boxes[::-1], np.float32),
        classes=np.array([INSTRUMENTS.index(name) for name, *_ in players[::-1]]),
        notes=np.array([(note.start, note.end) for note in notes]).reshape(-1, 2),
    )


def moves(notes: list[Note], instrument: str, times: np.ndarray) -> np.ndarray:
    """Return how near the playing part is to contact in each frame."""
    return gesture(notes, times, instrument in SUSTAINED)


def places(rng: np.random.Generator, reach: float) -> list[tuple[float, float]]:
    """Return two middles at least 0.75 apart where there is room for that, from -1 to 1 over the picture."""
    first = rng.uniform(-reach, reach, 2)
    second = rng.uniform(-reach, reach, 2)
    while reach > 0.5 and np.hypot(*(second - first)) < 0.75:
        second = rng.uniform(-reach, reach, 2)
    return [(float(x), float(y)) for x, y in (first, second)]


def paint(picture: np.ndarray, instrument: str, looks: Looks, middle: tuple[float, float]) -> np.ndarray:
    """Paint a body into a picture ``(size, size, 3)`` and return its box: left, top, right, bottom, edges."""
    where = canvas(looks, middle, len(picture))
    covered = np.zeros(picture.shape[:2], bool)
    for place, tone in body(instrument, where, looks.build):
        picture[place] = looks.color * tone
        covered |= place
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def background(rng: np.random.Generator, size: int, striped: bool) -> np.ndarray:
    """Return a wall, float32 ``(size, size, 3)``: slopes and soft spots of light, or stripes and checks."""
    line = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(line, line)
    wall = np.ones((size, size, 3)) * rng.uniform(0.15, 0.8) * (1 - rng.uniform(0, 0.6) * rng.random(3))
    if striped:
        angle, waves = rng.uniform(0, np.pi), rng.uniform(4, 14)
        pattern = np.sin(waves * (x * np.cos(angle) + y * np.sin(angle)))
        if rng.random() < 0.5:
            pattern = np.sign(pattern * np.sin(waves * (y * np.cos(angle) - x * np.sin(angle))))
        wall += pattern[..., None] * rng.uniform(-0.18, 0.18, 3)
    else:
        wall += (rng.standard_normal(2) @ np.stack([x, y]).reshape(2, -1)).reshape(size, size, 1) * rng.uniform(
            -0.2, 0.2, 3
        )
        for _ in range(rng.integers(2, 6)):
            spot = (x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2
            wall += np.exp(-spot / rng.uniform(0.02, 0.3))[..., None] * rng.uniform(-0.35, 0.35, 3)
    return wall.clip(0, 1).astype(np.float32)
