"""Films of two textured squares that move over a still ground, with a tone beside."""

from fractions import Fraction

import av
import numpy as np

SIZE, SIDE, RATE = (64, 96), 16, 10


def frames(count=12):
    """Return frames, uint8 ``(count, 64, 96, 3)``, and masks in which squares are 1 and 2, ``(count, 64, 96)``."""
    chance = np.random.default_rng(0)

    def texture(height, width, low, high):
        coarse = chance.integers(low, high, (height // 4, width // 4, 3))
        return coarse.repeat(4, 0).repeat(4, 1).astype(np.uint8)

    ground, things = texture(*SIZE, 90, 140), [texture(SIDE, SIDE, 180, 256), texture(SIDE, SIDE, 0, 256)]
    pictures, masks = np.stack([ground] * count), np.zeros((count, *SIZE), np.uint8)
    for time in range(count):
        for number, (top, left) in enumerate(((4, 8 + 4 * time), (40, 72 - 4 * time)), 1):
            where = (time, slice(top, top + SIDE), slice(left, left + SIDE))
            pictures[where], masks[where] = things[number - 1], number
    return pictures, masks


def middle(time, number):
    """Return the middle of a square, (x, y)."""
    return [8 + 4 * time + 7.5, 11.5] if number == 1 else [72 - 4 * time + 7.5, 47.5]


def write(path, pictures, sound=True, start=Fraction(0)):
    """Write a film whose frames begin at ``start`` seconds, beside a tone that begins at 0."""
    with av.open(str(path), "w") as out:
        film = out.add_stream("libx264", rate=RATE, options={"crf": "4"})
        film.height, film.width, film.pix_fmt = pictures.shape[1], pictures.shape[2], "yuv444p"
        film.codec_context.time_base = Fraction(1, 1000)
        if sound:
            heard = out.add_stream("aac", rate=16000, layout="mono")
            seconds = float(start) + len(pictures) / RATE
            tone = 0.2 * np.sin(np.arange(int(seconds * 16000)) * 0.2, dtype=np.float32)
            for place in range(0, len(tone) - 1023, 1024):
                part = av.AudioFrame.from_ndarray(tone[None, place : place + 1024].copy(), "fltp", "mono")
                part.sample_rate, part.pts, part.time_base = 16000, place, Fraction(1, 16000)
                out.mux(heard.encode(part))
            out.mux(heard.encode())
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round((start + Fraction(number, RATE)) * 1000), Fraction(1, 1000)
            out.mux(film.encode(frame))
        out.mux(film.encode())
    return path
