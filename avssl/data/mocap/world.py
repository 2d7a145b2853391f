"""Render the captured motions once: small real video files with key points, split by motion, and a manifest."""

import csv
import io
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from avssl.cache import cache_folder, whole
from avssl.data.demo.files import write_video
from avssl.data.mocap.film import RATE, film
from avssl.data.mocap.motions import read_motion
from avssl.data.mocap.rendering import MISSING
from avssl.progress import Bar

VERSION = "mocap-v2"  # change it whenever a picture changes: what an older recipe rendered is rendered anew
HELD_OUT = ("cartwheel", "dance_b", "kick")  # motions that training never sees
VALIDATION = ("dance_a", "jump", "punch")  # motions of the training side to choose settings by
TRAIN, TEST = 50, 20  # videos of each motion
SEED = 1


def prepare(
    root: str | Path | None = None,
    motions: str | Path | None = None,
    *,
    train: int = TRAIN,
    heldout: int = TEST,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Render the motions unless they are there already, and return the folder; it may be interrupted and called again.

    The folder holds ``manifest.csv`` with ``path``; ``split``: ``heldout`` for `HELD_OUT`, ``train`` for the others,
    which are parted again into ``validation`` for `VALIDATION` and ``fitting``; ``label``, the motion's name;
    ``group``, the video itself: several videos show the same motion, never the same body, camera and background; and
    ``keypoints`` (an ``.npz`` with ``keypoints`` and ``visible``, 14 joints in the order of the skeleton ``figure``).

    Args:
        root: the folder; None for one in the cache.
        motions: folder of motion files; None for those of the package pybullet.
        train: videos of each training motion.
        heldout: videos of each held-out motion.
        workers: processes; None for one per core, at most 8.
        progress: show a bar.

    Raises:
        ImportError: without pybullet.
        ValueError: if there are no motions, or a count is negative.
    """
    if min(train, heldout) < 0:
        raise ValueError(f"counts must be at least 0; got train={train}, heldout={heldout}")
    files = motion_files(motions)
    folder = Path(root) if root is not None else cache_folder("mocap")
    counts = {path: heldout if motion_name(path) in HELD_OUT else train for path in files}
    jobs = [(path, number) for path, count in counts.items() for number in range(count)]
    for path in files:
        (folder / motion_name(path)).mkdir(parents=True, exist_ok=True)
    _forget_others(folder, jobs)
    missing = [(folder, *job) for job in jobs if not _is_there(folder, *job)]
    if missing:
        _render_all(missing, workers, progress)
    with whole(folder / "manifest.csv") as part:
        part.write_text(table([row_of(*job) for job in jobs]))
    return folder


def motion_files(motions: str | Path | None = None) -> list[Path]:
    """Return the motion files of a folder, or of the package pybullet, in the order of their names."""
    if motions is None:
        try:
            import pybullet_data
        except ImportError as error:
            raise ImportError(MISSING) from error
        motions = Path(pybullet_data.getDataPath()) / "data" / "motions"
    files = sorted(Path(motions).glob("humanoid3d_*.txt"))
    if not files:
        raise ValueError(f"{motions} holds no humanoid3d_*.txt; give the folder of DeepMimic's motions")
    return files


def motion_name(path: Path) -> str:
    return path.stem.removeprefix("humanoid3d_")


def row_of(path: Path, number: int) -> dict[str, str]:
    """Return a line of the manifest."""
    motion, name = motion_name(path), _name(path, number)
    split = "heldout" if motion in HELD_OUT else f"train {'validation' if motion in VALIDATION else 'fitting'}"
    return {"path": f"{name}.mp4", "split": split, "label": motion, "group": name, "keypoints": f"{name}.npz"}


def table(rows: Sequence[dict[str, str]]) -> str:
    """Return the manifest's text."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["path", "split", "label", "group", "keypoints"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _name(path: Path, number: int) -> str:
    return f"{motion_name(path)}/{number:04d}"


def _is_there(folder: Path, path: Path, number: int) -> bool:
    return all((folder / f"{_name(path, number)}{ending}").exists() for ending in (".mp4", ".npz"))


def _forget_others(folder: Path, jobs: Sequence[tuple[Path, int]]) -> None:
    """Take away videos that another recipe rendered: none may stand beside those of this one."""
    stamp = folder / "recipe.txt"
    if not stamp.exists() or stamp.read_text() != VERSION:
        for job in jobs:
            (folder / f"{_name(*job)}.mp4").unlink(missing_ok=True)
        with whole(stamp) as part:
            part.write_text(VERSION)


def _render_all(jobs: Sequence[tuple[Path, Path, int]], workers: int | None, progress: bool) -> None:
    """Render videos in several processes, with a bar."""
    count = min(len(jobs), workers or min(8, os.cpu_count() or 1))
    with Bar("rendering motions", len(jobs), quiet=not progress) as bar:
        if count == 1:
            for job in jobs:
                _render(job)
                bar.advance()
            return
        with ProcessPoolExecutor(count, get_context("spawn")) as pool:  # a world of pybullet's outlives no fork
            try:
                for _ in pool.map(_render, jobs, chunksize=2):
                    bar.advance()
            except BaseException:  # Ctrl-C too: leave after the videos at hand, not after all of them
                pool.shutdown(cancel_futures=True)
                raise


def _render(job: tuple[Path, Path, int]) -> None:
    """Render one video and write it; the video comes last, so that a video always has its key points."""
    folder, path, number = job
    found = film(read_motion(path), (SEED, int.from_bytes(motion_name(path).encode()), number))
    stem = folder / _name(path, number)
    with whole(stem.with_suffix(".npz")) as part, open(part, "wb") as file:
        np.savez_compressed(file, keypoints=found.keypoints, visible=found.visible)
    write_video(stem.with_suffix(".mp4"), found.frames, RATE)
