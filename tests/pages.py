"""What tests of pages share: their blocks, and small films for the code on them."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
PART = re.compile(
    r"(?:`([\w./]+)`:\n\n)?^```(\w*)\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", flags=re.MULTILINE | re.DOTALL
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def name(path):
    """Return a page by its path as links on the first page of the site write it."""
    return path.relative_to(DOCS if DOCS in path.parents else ROOT).as_posix()


def blocks(page, language):
    """Return the text of each block of a page that is tagged with a language; "" for commands."""
    return [code for tag, code in FENCE.findall(page.read_text(encoding="utf-8")) if tag == language]


class Part(NamedTuple):
    """A block of a page: the file that it is to be written to, its language, its text, and what it prints."""

    file: str
    language: str
    text: str
    answer: str


def parts(page):
    """Return the blocks of a page, in order; the file is what stands before the block, as in "In `mine.py`:"."""
    return [Part(*found) for found in PART.findall(page.read_text(encoding="utf-8"))]


def run_code(part, names, page):
    """Run a block of Python; one that imports what the reader installs is passed over where it is not there."""
    if "import lightning as L" in part.text and find_spec("lightning") is None:
        return
    exec(compile(part.text, f"{name(page)}: {part.text.splitlines()[0]}", "exec"), names)


def lines_of(commands):
    """Return the commands of a block, each on one line."""
    return [line for line in commands.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def noise(frames):
    """Return frames of noise, which no encoder makes small."""
    return np.random.default_rng(0).integers(0, 256, (frames, 48, 64, 3), dtype=np.uint8)


def moving(frames, number):
    """Return frames of a square that moves to and fro, in colours and at a speed of its own."""
    rng = np.random.default_rng(number)
    ground, colour, phase = rng.integers(30, 120, 3), rng.integers(140, 256, 3), rng.random(2) * 6
    film = np.tile(ground.astype(np.uint8), (frames, 48, 64, 1))
    for frame, image in enumerate(film):
        top, left = ((0.5 + 0.4 * np.sin(phase + np.array([frame / 9, frame / 13]))) * [34, 50]).astype(int)
        image[top : top + 14, left : left + 14] = colour
    return film


def write_film(path, images, rate=25, pitch=0.1):
    """Write a small film with sound, a key frame every 12.

    Args:
        path: of the file.
        images: uint8 ``(frames, 48, 64, 3)``.
        rate: frames a second.
        pitch: of the tone, in radians a sample of 1 / 16000 s.
    """
    with av.open(str(path), "w") as file:
        picture, sound = file.add_stream("libx264", rate=rate), file.add_stream("aac", rate=16000)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        picture.options = {"g": "12", "sc_threshold": "0"}
        for image in images:
            file.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        tone = np.sin(np.arange(16000 * len(images) // rate) * pitch).astype(np.float32)
        for start in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
            frame.rate, frame.pts = 16000, start
            file.mux(sound.encode(frame))
        file.mux(picture.encode())
        file.mux(sound.encode())
