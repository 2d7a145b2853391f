"""What decoded copies save: pictures a second with ``cache=memory`` and ``cache=file`` beside decoding each time.

``python benchmarks/cache.py``: crops of JPEG pictures of ImageNet's usual size, clips of the demo figures, and clips of
the short recordings among those that ``datasets/samples/prepare.py`` gathered, where there are any. CPU time of one
process and thread, in turns; of each item the least of the rounds counts. Items are compared, too: they must be equal.
"""

import argparse
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from avssl.cache import cache_folder, whole
from avssl.data import Dataset, Pictures, Videos
from avssl.files import FileError
from avssl.media import open_video
from avssl.sampling import RandomClip, frames

KINDS = (None, "memory", "file")
WIDE, HIGH = 500, 375  # pixels of most of ImageNet's pictures
SHORT = 12.0  # seconds of a recording that may stay decoded
PHOTOS = ("skimage/data/coffee.png", "skimage/data/chelsea.png", "skimage/data/rocket.jpg")


def photographs(count: int) -> Path:
    """Write crops of real photographs as JPEG pictures, once."""
    folder = cache_folder("bench", f"photographs-{count}")
    if any(folder.glob("*.jpg")):
        return folder
    rng = np.random.default_rng(0)
    large = []
    for name in PHOTOS:
        package, _, rest = name.partition("/")
        found = find_spec(package)
        assert found is not None and found.origin is not None
        with Image.open(Path(found.origin).parent / rest) as photo:
            large.append(photo.convert("RGB").resize((800, 600)))
    for number in range(count):
        left, top = rng.integers(800 - WIDE), rng.integers(600 - HIGH)
        crop = large[number % len(large)].crop((left, top, left + WIDE, top + HIGH))
        with whole(folder / f"{number:03d}.jpg") as part:
            crop.save(part, "JPEG", quality=92)
    return folder


def cases(count: int) -> dict[str, tuple[type[Dataset], dict[str, Any]]]:
    """Return what is read: a class and its arguments, by a name for the table."""
    jpeg = {"source": photographs(count), "fit": "cover"}
    clip = {"sampler": RandomClip(frames=16, stride=frames(2), count=1)}
    found: dict[str, tuple[type[Dataset], dict[str, Any]]] = {
        "JPEG to 128 px": (Pictures, jpeg | {"size": (128, 128)}),
        "JPEG to 224 px": (Pictures, jpeg | {"size": (224, 224)}),
        "demo figures, 16 frames at 64 px": (Videos, clip | {"source": "demo:figures", "size": (64, 64)}),
    }
    try:
        Videos("cache:samples", clip["sampler"])
    except FileError as error:
        print(f"left out: {error}")
        return found
    real = {"source": "cache:samples", "size": (112, 112)}
    return found | {"real recordings, 16 frames at 112 px": (Videos, clip | real)}


def chosen(data: Any, count: int) -> Any:
    """Keep so many recordings, none of them long."""
    kept = []
    for recording in data.recordings:
        if isinstance(data, Videos):
            with open_video(recording.path) as video:
                if (recording.end or video.timeline.end) - (recording.start or 0.0) > SHORT or len(video) < 32:
                    continue
        kept.append(recording)
        if len(kept) == count:
            break
    data.recordings = kept
    return data


def measure(kind: type[Dataset], settings: dict[str, Any], count: int, rounds: int) -> tuple[list[float], int, float]:
    """Return seconds an item of each kind of cache, pictures an item, and gigabytes of copies.

    Raises:
        RuntimeError: if an item differs.
    """
    sets = [chosen(kind(**settings, cache=cache), count) for cache in KINDS]
    for data in sets:
        data.prepare()
    items = len(sets[0])
    best = np.full((len(sets), items), np.inf)
    pictures = 0
    for turn in range(rounds):
        for index in range(items):
            found = [torch.empty(0)] * len(sets)
            for place in range(len(sets))[:: -1 if turn % 2 else 1]:  # who follows decoding finds the CPU's caches cold
                begun = time.process_time()
                found[place] = sets[place][turn, index]["frames"]
                best[place, index] = min(best[place, index], time.process_time() - begun)
            if not all(torch.equal(found[0], other) for other in found[1:]):
                raise RuntimeError(f"{settings['source']}: item {index} of epoch {turn} differs from its copy")
            pictures = int(np.prod(found[0].shape[:-3]))
    rows = [row for row in sets[1].copies.rows if row is not None]
    return best.mean(1).tolist(), pictures, sum(row.end - row.offset for row in rows) / 1e9


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=48, help="items of each kind (48)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the minimum counts (5)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("| what | pictures/s | cache=memory | times | cache=file | times | MB an item |\n" + "|---" * 7 + "|")
    for name, (kind, settings) in cases(options.items).items():
        seconds, pictures, size = measure(kind, settings, options.items, options.rounds)
        plain, memory, file = (pictures / each for each in seconds)
        print(
            f"| {name} | {plain:,.0f} | {memory:,.0f} | {memory / plain:.1f} | {file:,.0f} | {file / plain:.1f} "
            f"| {1e3 * size / options.items:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
