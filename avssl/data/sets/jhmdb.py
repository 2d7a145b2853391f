"""JHMDB: clips of HMDB51 with 15 joints in every frame (Jhuang et al., "Towards understanding action recognition").

ICCV 2013. A clip is a folder of pictures. Its joints come from a puppet that people fitted, so that all 15 have a place
in every frame, which may lie outside of the picture.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from avssl.cache import whole
from avssl.data.sets import matlab
from avssl.data.sets.base import Count, Listing, Problem, SetError, official_form
from avssl.data.sets.coordinates import points_from_matlab
from avssl.data.sets.trees import check_root, folders, visible
from avssl.data.texts import read_lines
from avssl.files import names_in
from avssl.media.errors import MediaError
from avssl.media.picture_files import open_picture
from avssl.media.pictures import SUFFIXES

FRAMES, JOINTS, SPLITS = "Rename_Images", "joint_positions", "splits"
SIDES = {"1": "train", "2": "test"}


def read(root: Path, keypoints: Path | None = None) -> Listing:
    """Read JHMDB.

    Args:
        root: the folder with ``Rename_Images/``, ``joint_positions/`` and ``splits/``.
        keypoints: where `write_keypoints` writes; by default the folder ``keypoints`` of the root.

    Returns:
        One row per clip, with its class, the film as group, and splits such as ``train1 test2 train3``.

    Raises:
        SetError: if this is no JHMDB.
    """
    root = check_jhmdb(root)
    keypoints = root / "keypoints" if keypoints is None else keypoints
    listed = lists(root / SPLITS)
    clips = {f"{clip.parent.name}/{clip.name}" for clip in clips_in(root / FRAMES) if frames_of(clip)}
    annotated = {f"{clip.parent.name}/{clip.name}" for clip in clips_in(root / JOINTS)}
    rows, problems = [], []
    for clip in sorted(clips):
        name = clip.split("/")[0]
        joints = (root / JOINTS / clip / "joint_positions.mat").is_file()
        if clip not in listed:
            problems.append(Problem(kind="unlisted", path=f"{FRAMES}/{clip}", about="in no split"))
        if not joints:
            problems.append(Problem(kind="unlabelled", path=f"{FRAMES}/{clip}", about="no joint_positions.mat"))
        stored = keypoints / f"{clip}.npz"
        rows.append(
            {
                "path": f"{FRAMES}/{clip}",
                "split": " ".join(listed.get(clip, [])),
                "label": name,
                "group": clip.split("/")[1].split(f"_{name}_")[0],
                "skeleton": "jhmdb",
                "keypoints": relative(stored, root) if joints else "",
            }
        )
    gone = [(clip, "listed, no frames") for clip in sorted(set(listed) - clips)]
    gone += [(clip, "joints, no frames") for clip in sorted(annotated - clips - set(listed))]
    problems += [Problem(kind="missing", path=f"{FRAMES}/{clip}", about=about) for clip, about in gone]
    classes = sorted({row["label"] for row in rows})
    return Listing(
        name="JHMDB",
        root=root,
        media="frames",
        rows=rows,
        classes=classes,
        counts=counts(rows, classes),
        problems=problems,
    )


def export(root: Path, keypoints: Path | None = None) -> Listing:
    """Read JHMDB as `read` does, and write the joints of each clip for `avssl.data.Videos`.

    Args:
        root: as in `read`.
        keypoints: folder for the joints (default: keypoints/ in the root).

    Raises:
        SetError: if this is no JHMDB, or the folder cannot be written to.
    """
    root = check_jhmdb(root)
    folder = root / "keypoints" if keypoints is None else keypoints
    listing = read(root, folder)
    try:
        problems = write_keypoints(root, folder)
    except OSError as error:
        raise SetError(
            f"{folder} cannot be written to ({error.strerror}); name another folder for keypoints"
        ) from error
    return replace(listing, problems=[*listing.problems, *problems])


def check_jhmdb(root: Path) -> Path:
    needed = (FRAMES, JOINTS, SPLITS)
    return check_root(root, lambda folder: all((folder / name).is_dir() for name in needed), ", ".join(needed))


def write_keypoints(root: Path, folder: Path) -> list[Problem]:
    """Write the joints of each clip as ``folder/class/clip.npz`` in our coordinates, whole or not at all.

    ``keypoints`` is float32 ``(frames, 15, 2)`` for the frames that there are, NaN for one without joints; ``visible``
    is bool ``(frames, 15)``: the joint lies in the picture.

    Returns:
        What is wrong: clips with more or fewer frames than joints, and joints that cannot be read.
    """
    problems = []
    for clip in clips_in(root / FRAMES):
        name = f"{clip.parent.name}/{clip.name}"
        source, stored = root / JOINTS / name / "joint_positions.mat", folder / f"{name}.npz"
        frames = frames_of(clip)
        if not source.is_file() or not frames:
            continue
        try:
            points, size = joints_in(source), size_of(next(iter(frames.values())))
        except SetError as error:
            problems.append(Problem(kind="undecodable", path=f"{FRAMES}/{name}", about=str(error)))
            continue
        if len(frames) != len(points):
            kind = "short" if len(frames) < len(points) else "odd"
            about = f"{len(frames)} frames, joints for {len(points)}"
            problems.append(Problem(kind=kind, path=f"{FRAMES}/{name}", about=about))
        found = np.full((len(frames), 15, 2), np.nan)
        for place, number in enumerate(frames):
            if 1 <= number <= len(points):
                found[place] = points[number - 1]
        seen = ((found >= -0.5) & (found <= size - 0.5)).all(-1)
        stored.parent.mkdir(parents=True, exist_ok=True)
        with whole(stored) as part, open(part, "wb") as file:
            np.savez(file, keypoints=found.astype(np.float32), visible=seen)
    return problems


def joints_in(path: Path) -> np.ndarray:
    """Return the joints of a clip in our coordinates, ``(frames, 15, 2)``.

    Raises:
        SetError: if the file cannot be read, or is not of the official shape.
    """
    with official_form(path):
        (points,) = matlab.load(path, "pos_img")
        points = points[..., None] if points.ndim == 2 else points  # MATLAB drops the last axis of a clip of one frame
        if points.ndim != 3 or points.shape[:2] != (2, 15):
            raise SetError(f"{path}: pos_img should be 2 x 15 x frames, got {' x '.join(map(str, points.shape))}")
        return points_from_matlab(points.transpose(2, 1, 0))


def size_of(frame: Path) -> np.ndarray:
    """Return width and height of a frame from its header.

    Raises:
        SetError: if it is no picture.
    """
    try:
        with open_picture(frame, frame.name) as picture:
            return np.array(picture.size)
    except MediaError as error:
        raise SetError(f"{frame.name} is no picture: {error.message}") from error


def frames_of(clip: Path) -> dict[int, Path]:
    """Return the frames of a clip by their numbers, which count from 1, in order."""
    names = [Path(name) for name in names_in(clip, SUFFIXES, depth=0)]
    found = {int(name.stem): clip / name for name in names if name.stem.isdecimal()}
    return dict(sorted(found.items()))


def clips_in(root: Path) -> list[Path]:
    """Return the folders ``class/clip``, sorted, without the hidden ones that the archive brings along."""
    return [clip for each in folders(root) for clip in folders(each)]


def lists(folder: Path) -> dict[str, list[str]]:
    """Return the splits of each clip, ``class/clip``, from ``<class>_test_split<1-3>.txt``."""
    found: dict[str, list[str]] = {}
    paths = [path for path in visible(folder) if path.match("*_test_split[123].txt")]
    paths.sort(key=lambda path: (path.stem[-1], path.stem))
    if not paths:
        raise SetError(f"{folder} holds no lists like brush_hair_test_split1.txt; extract the official splits there")
    for path in paths:
        name, number = path.stem.rsplit("_test_split", 1)
        for _, line in read_lines(path):
            clip, _, side = line.rpartition(" ")
            if side in SIDES:
                found.setdefault(f"{name}/{Path(clip.strip()).stem}", []).append(SIDES[side] + number)
    return found


def relative(path: Path, root: Path) -> str:
    """Return a path relative to the root where it lies below it, else in full."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path.absolute())


def counts(rows: Sequence[dict[str, str]], classes: Sequence[str]) -> list[Count]:
    """Return how many clips there are in all and in each split; the first split's numbers are published."""
    published = {"train1": 660, "test1": 268}
    words = [word for row in rows for word in row["split"].split()]
    return [
        Count(what="clips", found=len(rows), published=928),
        Count(what="classes", found=len(classes), published=21),
        *(
            Count(what=f"{word} clips", found=words.count(word), published=published.get(word))
            for number in "123"
            for word in (f"train{number}", f"test{number}")
        ),
    ]
