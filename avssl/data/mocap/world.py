"""Render the captured motions once: small real video files with key points, split by motion, and a manifest."""

import csv
import io
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from avssl.cache import cache_folder, whole
from avssl.data.demo.files import write_video
from avssl.data.demo.painting import noise
from avssl.data.mocap.motions import Motion, mirrored, pose_at, read_motion
from avssl.data.mocap.rendering import LINKS, OPENING, Body, Camera, view_axes

RATE, FRAMES, SIZE, FINE = 25, 64, 72, 2  # frames a second; a video; pixels a side; rendered so many times finer
HELD_OUT = ("cartwheel", "dance_b", "kick")  # motions that training never sees
TRAIN, TEST = 50, 20  # videos of each motion
FILL = (0.75, 0.95)  # share of the picture that the body takes where it reaches farthest
FLESH = 0.12  # metres of body around a joint
SPEED = (0.6, 1.1)  # of the captured motion
CLOTHES = {  # colours that all bodies share up to a jitter, as the demo figures do
    "root": (0.25, 0.25, 0.60), "chest": (0.75, 0.20, 0.20), "neck": (0.95, 0.80, 0.65),
    "shoulder": (0.90, 0.40, 0.25), "elbow": (0.95, 0.70, 0.50), "wrist": (0.95, 0.75, 0.60),
    "hip": (0.25, 0.30, 0.70), "knee": (0.20, 0.25, 0.50), "ankle": (0.20, 0.15, 0.15),
}  # fmt: skip
SIDES = {"right": 0.08, "left": -0.08}  # lighter and darker, so that sides can be told
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

    The folder holds ``manifest.csv`` with ``path``, ``split`` (``train``, or ``heldout`` for `HELD_OUT`), ``label``
    (the motion's name), ``group`` (the motion: its videos must not be on both sides) and ``keypoints`` (an ``.npz``
    with ``keypoints`` and ``visible``, 14 joints in the order of the skeleton ``figure``).

    Args:
        root: the folder; None for one in the cache.
        motions: folder of motion files; None for those of the package pybullet.
        train: videos of each training motion.
        heldout: videos of each held-out motion.
        workers: processes; None for one a core, at most 8.
        progress: show a bar.

    Raises:
        ImportError: without pybullet.
        ValueError: if there are no motions.
    """
    folder = Path(root) if root is not None else cache_folder("mocap")
    files = motion_files(motions)
    counts = {path: heldout if motion_name(path) in HELD_OUT else train for path in files}
    jobs = [(path, number) for path, count in counts.items() for number in range(count)]
    for path in files:
        (folder / motion_name(path)).mkdir(parents=True, exist_ok=True)
    missing = [(folder, *job) for job in jobs if not is_there(folder, *job)]
    if missing:
        render_all(missing, workers, progress)
    with whole(folder / "manifest.csv") as part:
        part.write_text(table([row_of(*job) for job in jobs]))
    return folder


def motion_files(motions: str | Path | None) -> list[Path]:
    """Return the motion files, in the order of their names."""
    if motions is None:
        try:
            import pybullet_data
        except ImportError as error:
            raise ImportError("motion capture needs pybullet: pip install 'avssl[mocap]' (Python 3.11)") from error
        motions = Path(pybullet_data.getDataPath()) / "data" / "motions"
    files = sorted(Path(motions).glob("humanoid3d_*.txt"))
    if not files:
        raise ValueError(f"{motions} holds no humanoid3d_*.txt; give the folder of DeepMimic's motions")
    return files


def motion_name(path: Path) -> str:
    return path.stem.removeprefix("humanoid3d_")


def name_of(path: Path, number: int) -> str:
    return f"{motion_name(path)}/{number:04d}"


def is_there(folder: Path, path: Path, number: int) -> bool:
    return all((folder / f"{name_of(path, number)}{ending}").exists() for ending in (".mp4", ".npz"))


def row_of(path: Path, number: int) -> dict[str, str]:
    """Return a line of the manifest."""
    motion, name = motion_name(path), name_of(path, number)
    split = "heldout" if motion in HELD_OUT else "train"
    return {"path": f"{name}.mp4", "split": split, "label": motion, "group": motion, "keypoints": f"{name}.npz"}


def table(rows: Sequence[dict[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def render_all(jobs: Sequence[tuple[Path, Path, int]], workers: int | None, progress: bool) -> None:
    """Render videos in several processes, with a bar."""
    columns = TextColumn("rendering motions"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    count = min(len(jobs), workers or min(8, os.cpu_count() or 1))
    with (
        Progress(*columns, console=Console(stderr=True), disable=not progress) as bar,
        ProcessPoolExecutor(count, get_context("spawn")) as pool,
    ):
        task = bar.add_task("", total=len(jobs))
        try:
            for _ in pool.map(render_one, jobs, chunksize=2):
                bar.advance(task)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_body: Body | None = None  # one a process: loading it takes longer than a frame


def render_one(job: tuple[Path, Path, int]) -> None:
    """Render one video and write it; the video comes last, so that a video always has its key points."""
    global _body
    folder, path, number = job
    _body = _body or Body()
    frames, keypoints, visible = film(_body, read_motion(path), (SEED, sum(motion_name(path).encode()), number))
    stem = folder / name_of(path, number)
    with whole(stem.with_suffix(".npz")) as part, open(part, "wb") as file:
        np.savez_compressed(file, keypoints=keypoints, visible=visible)
    write_video(stem.with_suffix(".mp4"), frames, RATE)


def film(body: Body, motion: Motion, seed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frames uint8 ``(64, 72, 72, 3)``, joints in pixels ``(64, 14, 2)`` and which can be seen ``(64, 14)``.

    A motion that does not loop and is shorter than the video is played more slowly, never twice: going back to its
    start would be a jump that no body makes.
    """
    rng = np.random.default_rng(seed)
    length = FRAMES / RATE
    speed = rng.uniform(*SPEED)
    start = rng.random() * motion.seconds
    if not motion.loops:
        speed = min(speed, motion.seconds / length)
        start = rng.random() * (motion.seconds - speed * length)
    pose = pose_at(motion, start + speed * np.arange(FRAMES) / RATE)
    pose = mirrored(pose) if rng.integers(2) else pose
    joints = body.joints(pose)
    azimuth, elevation = rng.uniform(0, 360), rng.uniform(-5, 25)
    target = follow(joints)
    distance = fitting(joints - target[:, None], azimuth, elevation, rng.uniform(*FILL))
    light = np.array([rng.uniform(-1, 1), rng.uniform(0.5, 1.5), rng.uniform(-1, 1)])
    body.paint(dress(rng))
    camera = Camera(target=target, azimuth=azimuth, elevation=elevation, distance=distance, light=light)
    found = body.render(pose, camera, SIZE * FINE)
    wall = noise(rng, SIZE * FINE) * rng.uniform(0.5, 1.0)
    grain = rng.uniform(0.0, 0.02) * rng.standard_normal((FRAMES, SIZE, SIZE, 1), dtype=np.float32)
    picture = np.where(found.body[..., None], found.color / np.float32(255), wall).astype(np.float32)
    small = picture.reshape(FRAMES, SIZE, FINE, SIZE, FINE, 3).mean((2, 4)) * np.float32(rng.uniform(0.8, 1.15)) + grain
    keypoints = (found.keypoints + np.float32(0.5)) / FINE - np.float32(0.5)
    return np.round(small.clip(0, 1) * 255).astype(np.uint8), keypoints, found.visible


def follow(joints: np.ndarray) -> np.ndarray:
    """Return where the camera looks in each frame: after the body on the ground, at a fixed height, ``(frames, 3)``."""
    middle = joints.mean(1)
    middle[:, 1] = (joints[..., 1].min() + joints[..., 1].max()) / 2
    return middle


def fitting(joints: np.ndarray, azimuth: float, elevation: float, fill: float) -> float:
    """Return the distance, in metres, at which a body about the origin takes a share of the picture at most.

    Args:
        joints: ``(frames, 14, 3)`` metres from the camera's target.
        azimuth: of the camera, degrees.
        elevation: of the camera, degrees.
        fill: the share.
    """
    right, up, back = view_axes(azimuth, elevation)
    half = np.tan(np.deg2rad(OPENING) / 2) * fill
    reach = np.maximum(np.abs(joints @ right), np.abs(joints @ up)) + FLESH
    return float((reach / half + joints @ back).max())


def dress(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a colour for each link: clothes that all share, a tint of this body, a little difference of the sides."""
    tint = rng.uniform(-0.15, 0.15, 3)
    jitter = {kind: rng.uniform(-0.1, 0.1, 3) for kind in CLOTHES}
    colors = {}
    for link in LINKS:
        side, _, kind = link.rpartition("_")
        colors[link] = np.clip(CLOTHES[kind] + tint + jitter[kind] + SIDES.get(side, 0.0), 0.02, 1.0)
    return colors
