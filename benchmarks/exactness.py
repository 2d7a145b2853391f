"""Count the wrong frames of every video library over the zoo of odd files: ``python benchmarks/exactness.py [--all]``.

Each library opens each file raw, as its manual says, and is asked for 40 frames at random, one by one. A cell is
``wrong`` (another frame came, silently), ``wrong+errors`` where it raised instead, or a word for a file that it cannot
open at all. Every library runs in a process of its own with a time limit a file, since some hang.
"""

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the zoo lives beside the tests

from tests.media.filming import NoEncoder, read_numbers
from tests.media.zoo import NAMES, Zoo

ACCESSES, LIMIT = 40, 20  # frames asked for; seconds a file
Look = Callable[[int], np.ndarray]  # index -> picture (height, width, 3)


def ours(path: str) -> Look:
    from avssl.media import open_video

    video = open_video(path)
    return lambda index: video.frames([index]).data[0].permute(1, 2, 0).numpy()


def decord(path: str) -> Look:
    video = import_module("decord").VideoReader(path, num_threads=1)
    return lambda index: video[index].asnumpy()


def torchcodec_exact(path: str, mode: str = "exact") -> Look:
    decoder = import_module("torchcodec.decoders").VideoDecoder
    video = decoder(path, seek_mode=mode, num_ffmpeg_threads=1, dimension_order="NHWC")
    return lambda index: video[index].numpy()


def torchcodec_approximate(path: str) -> Look:
    return torchcodec_exact(path, "approximate")


def opencv(path: str) -> Look:
    import cv2

    video = cv2.VideoCapture(path)
    if not video.isOpened():
        raise ValueError("cannot open")

    def look(index: int) -> np.ndarray:
        video.set(cv2.CAP_PROP_POS_FRAMES, index)
        good, picture = video.read()
        if not good:
            raise IndexError(index)
        return picture[..., ::-1]

    return look


LIBRARIES = {
    "avssl": (ours, "avssl"),
    "Decord": (decord, "decord"),
    "TorchCodec exact": (torchcodec_exact, "torchcodec"),
    "TorchCodec approximate": (torchcodec_approximate, "torchcodec"),
    "OpenCV": (opencv, "opencv-python-headless"),
}


def count(library: str, path: str, numbers: list[int]) -> str:
    """Return the cell of one file: how many of the accesses were wrong."""
    try:
        look = LIBRARIES[library][0](path)
    except ImportError:
        return "missing"
    except Exception:  # what a library raises for a file it does not know is part of what is measured
        return "cannot open"
    wrong = errors = 0
    for index in np.random.default_rng(0).integers(len(numbers), size=ACCESSES).tolist():
        try:
            wrong += read_numbers(look(index)[None]) != [numbers[index]]
        except Exception:
            errors += 1
    return f"{wrong}+{errors}" if errors else str(wrong)


def serve(library: str, inbox, outbox):
    while (job := inbox.get()) is not None:
        outbox.put(count(library, *job))


class Process:
    """A library in a process of its own, begun anew after a hang or a crash."""

    def __init__(self, library: str):
        self.library, self.child = library, None

    def ask(self, path: str, numbers: list[int]) -> str:
        if self.child is None:
            context = multiprocessing.get_context("spawn")
            self.inbox, self.outbox = context.Queue(), context.Queue()
            self.child = context.Process(target=serve, args=(self.library, self.inbox, self.outbox), daemon=True)
            self.child.start()
        self.inbox.put((path, numbers))
        for _ in range(10 * LIMIT):
            try:
                return self.outbox.get(timeout=0.1)
            except Exception:  # queue.Empty
                if not self.child.is_alive():
                    self.child = None
                    return "crash"
        self.child.kill()
        self.child = None
        return "hang"


def released(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--all", action="store_true", help="print the files that everybody reads, too")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="only these")
    chosen = parser.parse_args()
    libraries = chosen.library or list(LIBRARIES)
    processes = {library: Process(library) for library in libraries}
    bad = dict.fromkeys(libraries, 0)
    unread = dict.fromkeys(libraries, 0)
    files = 0
    print("| file | " + " | ".join(libraries) + " |")
    print("|---|" + "---|" * len(libraries))
    with tempfile.TemporaryDirectory() as folder:
        zoo = Zoo(Path(folder))
        for name in NAMES:
            try:
                film = zoo[name]
            except NoEncoder:
                continue
            files += 1
            cells = {library: processes[library].ask(str(film.path), film.numbers) for library in libraries}
            for library, cell in cells.items():
                bad[library] += cell[0].isdigit() and cell != "0"
                unread[library] += not cell[0].isdigit()
            if chosen.all or set(cells.values()) != {"0"}:
                print(f"| {name} | " + " | ".join(cells.values()) + " |", flush=True)
    print(
        f"| **files with a wrong or failed access, of {files}** | "
        + " | ".join(str(bad[library]) for library in libraries)
        + " |"
    )
    print("| **not opened, hung or crashed** | " + " | ".join(str(unread[library]) for library in libraries) + " |")
    print("\n" + ", ".join(f"{library} {released(LIBRARIES[library][1])}" for library in libraries))


if __name__ == "__main__":
    main()
