"""What is played: notes, and the gesture that plays them. Sound and picture share this, and nothing else."""

from dataclasses import dataclass

import numpy as np

INSTRUMENTS = ("drum", "guitar", "flute", "bell", "trumpet", "xylophone", "harp", "organ")
SUSTAINED = ("flute", "trumpet", "organ")
TEMPI = {  # notes a second, slowest and fastest
    "drum": (2.0, 5.0), "guitar": (1.5, 3.5), "flute": (1.0, 2.5), "bell": (0.8, 1.8),
    "trumpet": (1.2, 3.0), "xylophone": (3.0, 6.0), "harp": (4.0, 8.0), "organ": (0.8, 2.0),
}  # fmt: skip
BANDS = 8  # of tempo: held-out recordings of the full world play in the odd ones, training in the even
STEPS = (-5, -3, -1, 0, 2, 4, 5, 7)  # semitones from the recording's own pitch
REACH, REBOUND = 0.12, 0.10  # seconds a stick needs to the surface, and in which it leaves it again


@dataclass(frozen=True)
class Note:
    """A note: ``start`` and ``end`` in seconds, ``pitch`` in semitones, ``strength`` in (0, 1]."""

    start: float
    end: float
    pitch: int
    strength: float


def play(rng: np.random.Generator, instrument: str, seconds: float, band: int | None = None) -> list[Note]:
    """Return the notes of a recording, in order.

    Args:
        rng: chooses them.
        instrument: one of `INSTRUMENTS`.
        seconds: length of the recording.
        band: 0 for even bands of tempo, 1 for odd ones, None for all.
    """
    slow, fast = TEMPI[instrument]
    number = int(rng.integers(BANDS // 2)) * 2 + band if band is not None else int(rng.integers(BANDS))
    tempo = slow * (fast / slow) ** ((number + rng.random()) / BANDS)
    notes: list[Note] = []
    start = rng.uniform(0.02, 0.6 / tempo)
    while start < seconds - 0.05:
        length = rng.uniform(0.7, 1.3) / tempo
        end = min(seconds, start + (0.8 * length if instrument in SUSTAINED else length))
        notes.append(Note(start, end, int(rng.choice(STEPS)), rng.uniform(0.6, 1.0)))
        start += length
    return notes


def gesture(notes: list[Note], times: np.ndarray, sustained: bool) -> np.ndarray:
    """Return how far the moving part is towards the sounding body at each time: 0 at rest, 1 in contact.

    A stick or a plectrum arrives at the moment the note starts and springs back; a key or a valve stays down as long
    as the note lasts.

    Args:
        notes: what is played.
        times: seconds, ``(frames,)``.
        sustained: whether notes are held.

    Examples:
        >>> gesture([Note(1.0, 2.0, 0, 1.0)], np.array([0.5, 0.94, 1.0, 1.05, 1.9]), sustained=False).round(2)
        array([0.  , 0.5 , 1.  , 0.61, 0.  ])
    """
    moved = np.zeros(len(times))
    for note in notes:
        before = np.clip(1 + (times - note.start) / REACH, 0, 1)
        if sustained:
            after = np.clip(1 - (times - note.end) / REBOUND, 0, 1)
        else:
            after = np.exp(-np.maximum(times - note.start, 0) / REBOUND)
        moved = np.maximum(moved, np.where(times < note.start, before, after) * note.strength**0.25)
    return moved
