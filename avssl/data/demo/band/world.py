"""Film the demo band once: real MP4 files with H.264 and AAC, boxes and classes beside them, and a manifest."""

import csv
import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from avssl.cache import cache_folder, whole
from avssl.data.demo.band.playing import INSTRUMENTS
from avssl.data.demo.band.scenes import Preset, Scene, film
from avssl.data.demo.band.synthesis import RATE
from avssl.data.demo.drawing import draw_all

FRAMES, SECONDS = 25, 3.0  # a second; a recording
SIZES: dict[Preset, int] = {"easy": 48, "full": 72}  # pixels a side
VERSION = "band-v2"  # change it whenever a recording changes: caches keep what was made before
COUNTS = {"train": 1600, "val": 240, "heldout": 400, "duet": 240}  # recordings; duets in the full world alone
SPLITS = {"train": 0, "val": 1, "heldout": 2, "duet": 3}  # first number of a recording's seed: splits share nothing
UNSEEN = ("heldout", "duet")


def prepare(
    preset: Preset = "full",
    root: str | Path | None = None,
    *,
    train: int = COUNTS["train"],
    val: int = COUNTS["val"],
    heldout: int = COUNTS["heldout"],
    duet: int = COUNTS["duet"],
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Film the band unless it is there already, and return the folder; it may be interrupted and called again.

    The folder holds ``manifest.csv`` with ``path``, ``split``, ``label`` (the instrument that sounds) and
    ``annotations`` (an ``.npz`` with ``boxes``, ``classes`` and ``notes``, see `avssl.data.demo.band.scenes.Scene`).
    ``val`` is of the same kind as ``train``, to choose thresholds on; ``heldout`` has other instances, and in the full
    world other hues, pitches, tempi and backgrounds; each ``duet`` holds two instruments, one of which sounds.

    Args:
        preset: ``"easy"`` or ``"full"``.
        root: the folder; None for one in the cache.
        train: recordings to learn from.
        val: recordings to choose on.
        heldout: recordings to measure on.
        duet: recordings of two instruments, in the full world.
        workers: threads; None for one per core, at most 8.
        progress: show a bar.
    """
    if preset not in SIZES:
        raise ValueError(f"preset={preset!r} is unknown; choose easy or full")
    counts = {"train": train, "val": val, "heldout": heldout, "duet": duet if preset == "full" else 0}
    if min(counts.values()) < 0:
        raise ValueError(f"counts must be at least 0; got {counts}")
    usual = all(count in (0, COUNTS[split]) for split, count in counts.items())
    name = f"{VERSION}-{preset}" if usual else "-".join([VERSION, preset, *map(str, counts.values())])
    folder = Path(root) if root is not None else cache_folder("demo", name)
    for split, count in counts.items():
        if count:
            (folder / split).mkdir(parents=True, exist_ok=True)
    rows = [row_of(split, number) for split, count in counts.items() for number in range(count)]
    text = table(rows)
    manifest = folder / "manifest.csv"
    missing = [row for row in rows if not ((folder / row["path"]).exists() and (folder / row["annotations"]).exists())]
    if missing:
        draw_all(lambda row: make(folder, row, preset), missing, f"band, {preset}", workers, progress)
    if missing or not manifest.exists() or manifest.read_text() != text:
        with whole(manifest) as part:
            part.write_text(text)
    return folder


def row_of(split: str, number: int) -> dict[str, str]:
    """Return a line of the manifest; each eight recordings in a row are of eight classes, in an order by chance."""
    name, (block, place) = f"{split}/{number:05d}", divmod(number, len(INSTRUMENTS))
    order = np.random.default_rng((SPLITS[split], block, 8)).permutation(len(INSTRUMENTS))
    label = INSTRUMENTS[order[place]]
    return {"path": f"{name}.mp4", "split": split, "label": label, "annotations": f"{name}.npz"}


def table(rows: list[dict[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["path", "split", "label", "annotations"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def make(folder: Path, row: dict[str, str], preset: Preset) -> None:
    """Film one recording; the video comes last, so that a video always has its annotations."""
    number, split = int(Path(row["path"]).stem), row["split"]
    second = None
    if split == "duet":  # the silent one is of another class, each equally often
        place = INSTRUMENTS.index(row["label"])
        second = INSTRUMENTS[(place + 1 + number // len(INSTRUMENTS) % (len(INSTRUMENTS) - 1)) % len(INSTRUMENTS)]
    scene = film(
        (SPLITS[split], number),
        row["label"],
        preset=preset,
        held_out=split in UNSEEN,
        second=second,
        seconds=SECONDS,
        rate=FRAMES,
        size=SIZES[preset],
    )
    with whole(folder / row["annotations"]) as part, open(part, "wb") as file:
        np.savez(file, boxes=scene.boxes, classes=scene.classes, notes=scene.notes)
    write_film(folder / row["path"], scene)


def write_film(path: Path, scene: Scene) -> None:
    """Write frames and sound as H.264 and AAC in MP4."""
    height, width = scene.frames.shape[1:3]
    with whole(path) as part, av.open(str(part), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=Fraction(FRAMES), options={"crf": "14", "g": "12"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.thread_count = 1
        sound = container.add_stream("aac", rate=RATE, layout="mono", bit_rate=64000)
        for image in scene.frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode())
        for start in range(0, len(scene.sound), 1024):
            frame = av.AudioFrame.from_ndarray(scene.sound[None, start : start + 1024], format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
