"""Copies of MPII's annotations as JSON, which most public training code reads in place of the official file.

``annot/{train,valid,trainval,test}.json`` with ``gt_valid.mat`` (Xiao et al., "Simple baselines for human pose
estimation and tracking", ECCV 2018) and ``mpii_annotations.json`` with ``detections_our_format.mat`` (the stacked
hourglass in PyTorch). Coordinates count from 1 as in the official file. Only validation people have a head box.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avssl.data.sets import matlab
from avssl.data.sets.base import Problem, SetError, official_form
from avssl.data.sets.coordinates import points_from_matlab
from avssl.data.sets.people import Annotation
from avssl.data.texts import read_json

FOLDERS = (".", "annot", "annotations", "data", "mpii_human_pose_v1_u12_2", "mpii_human_pose_v1_u12_1")
SPLITS = {"train.json": "train", "valid.json": "val", "val.json": "val", "test.json": "test"}
HEADS = ("gt_valid.mat", "mpii_gt_val.mat", "detections_our_format.mat")
HEAD_SIZE = 0.6  # of the diagonal of the head's box: util_get_head_size.m of the official evaluation


def head_size(corners: Sequence[float] | np.ndarray) -> float | None:
    """Return the unit of PCKh in pixels from ``(x1, y1, x2, y2)``; None for a box without size."""
    x1, y1, x2, y2 = corners
    return HEAD_SIZE * float(np.hypot(x2 - x1, y2 - y1)) or None


def find(root: Path, *names: str) -> Path | None:
    """Return the first file of these names in the folders where people keep annotations, or None."""
    paths = (root / folder / name for name in names for folder in FOLDERS)
    return next((path for path in paths if path.is_file()), None)


def read_copies(root: Path) -> tuple[list[dict[str, Any]], list[Problem], set[str]]:
    """Return the rows of the copies, the problems, and the names of all their pictures; nothing without copies."""
    entries = list(entries_of(root))
    heads, problems = head_boxes(root, [person.points for _, words, person in entries if "val" in words])
    rows, headless = [], 0
    for name, words, person in entries:
        corners = next(heads, None) if "val" in words else None
        headless += corners is None and "test" not in words
        own = {"reference": "", "head": ""}
        if corners is not None:
            own = {"reference": head_size(corners) or "", "head": corners.tolist()}
        rows.append(person.row(f"images/{name}", words, "mpii") | own)
    if headless:
        about = f"{headless} people without a head box, which only the official file has for everybody"
        problems.append(Problem(kind="unlabelled", path="annot", about=about))
    return rows, problems, {name for name, _, _ in entries}


def entries_of(root: Path) -> Iterator[tuple[str, list[str], Annotation]]:
    """Yield picture, splits and annotation of each person of the copies."""
    files = {name: find(root, name) for name in SPLITS}
    if not any(files.values()):
        files = {"trainval.json": find(root, "trainval.json")}
    if any(files.values()):
        for name, path in files.items():
            for entry in people_in(path, "image", "center", "scale") if path else []:
                word = SPLITS.get(name, "trainval")
                words = [word] if word in ("test", "trainval") else ["trainval", word]
                with official_form(path or root):
                    person = simple_baseline(entry)
                yield str(entry["image"]), words, person
        return
    path = find(root, "mpii_annotations.json")
    for entry in people_in(path, "img_paths", "objpos", "joint_self", "isValidation") if path else []:
        with official_form(path or root):
            person = hourglass(entry)
        yield str(entry["img_paths"]), ["trainval", "val" if entry["isValidation"] else "train"], person


def people_in(path: Path, *fields: str) -> list[dict[str, Any]]:
    """Return the entries of a copy.

    Raises:
        SetError: if it is no JSON list of people with these fields.
    """
    entries = read_json(path)
    if not isinstance(entries, list) or not all(
        isinstance(each, dict) and set(fields) <= set(each) for each in entries
    ):
        raise SetError(f"{path} is no list of people with {', '.join(fields)}; is it a copy of MPII's annotations?")
    return entries


def simple_baseline(entry: dict[str, Any]) -> Annotation:
    """Return a person of ``annot/*.json``; a joint with ``joints_vis`` 0 was never placed, hidden ones have 1."""
    joints = np.array(entry.get("joints", np.zeros((16, 2))), np.float64)
    placed = np.array(entry.get("joints_vis", np.zeros(16))) > 0
    return annotation(joints, placed, placed, entry["center"], entry["scale"])


def hourglass(entry: dict[str, Any]) -> Annotation:
    """Return a person of ``mpii_annotations.json``; a joint at (0, 0) was never placed, ``0`` behind is hidden."""
    joints = np.array(entry["joint_self"], np.float64)
    placed = (joints[:, :2] != 0).any(-1)
    own = {"person": int(entry["people_index"]) - 1} if "people_index" in entry else {}
    return annotation(joints[:, :2], placed, joints[:, 2] == 1, entry["objpos"], entry["scale_provided"], own)


def annotation(
    joints: np.ndarray,
    placed: np.ndarray,
    seen: np.ndarray,
    centre: Sequence[float],
    scale: float,
    own: dict[str, Any] | None = None,
) -> Annotation:
    """Return a person whose joints and place count from 1."""
    if joints.shape != (16, 2) or placed.shape != (16,) or len(centre) != 2:
        raise ValueError(f"16 joints of 2 numbers and a place of 2 are needed; got {joints.shape} and {len(centre)}")
    known = min(centre) > -1 and scale > 0  # a person without place has (-1, -1)
    return Annotation(
        points=points_from_matlab(np.where(placed[:, None], joints, np.nan)),
        seen=seen,
        centre=points_from_matlab(centre) if known else None,
        scale=float(scale) if known else None,
        own=own or {},
    )


def head_boxes(root: Path, points: Sequence[np.ndarray]) -> tuple[Iterator[np.ndarray], list[Problem]]:
    """Return the corners ``(4,)`` of the head of each validation person in order, or none, and the problems.

    The file names nobody: that it tells of the same people in the same order is checked by their joints.
    """
    path = find(root, *HEADS)
    if path is None or not points:
        return iter(()), []
    heads, truth = matlab.load(path, "headboxes_src", "pos_gt_src")
    where = str(path.relative_to(root))
    if heads.shape[:-1] != (2, 2) or truth.shape != (16, 2, heads.shape[-1]):
        raise SetError(f"{path}: headboxes_src should be 2 x 2 x people, pos_gt_src 16 x 2 x people; got {heads.shape} "
                       f"and {truth.shape}")  # fmt: skip
    if heads.shape[-1] != len(points):
        about = f"head boxes of {heads.shape[-1]} people, the copies have {len(points)} validation people"
        return iter(()), [Problem(kind="odd", path=where, about=about)]
    ours = np.stack(points)
    off = (np.abs(points_from_matlab(truth.transpose(2, 0, 1)) - ours) > 2).any(-1)  # some copies shift by a pixel
    if off.sum() > 0.1 * np.isfinite(ours).all(-1).sum():  # a few are off, for the file has nothing left of a picture
        return iter(()), [Problem(kind="odd", path=where, about="not the people of the copies, or in another order")]
    return iter(points_from_matlab(heads.transpose(2, 0, 1).reshape(-1, 4))), []


def validation_of_copies(
    root: Path, names: Sequence[str], people: Sequence[Sequence[Annotation]]
) -> set[tuple[int, int]] | None:
    """Return which people of the official file are validation people in a copy, as (picture, person) from 0, or None.

    Raises:
        SetError: if the copy names somebody whom the official file does not know.
    """
    path = find(root, "mpii_annotations.json")
    if path is not None:
        entries = people_in(path, "isValidation", "annolist_index", "people_index")
        with official_form(path):
            return {(int(e["annolist_index"]) - 1, int(e["people_index"]) - 1) for e in entries if e["isValidation"]}
    path = find(root, "valid.json", "val.json")
    if path is None:
        return None
    known = {
        (name, *np.round(person.centre, 1).tolist()): (place, number)
        for place, name in enumerate(names)
        for number, person in enumerate(people[place])
        if person.centre is not None
    }
    found = set()
    for entry in people_in(path, "image", "center"):
        with official_form(path):
            key = (entry["image"], *np.round(points_from_matlab(entry["center"]), 1).tolist())
        if key not in known:
            raise SetError(f"{path} names {entry['image']} at {entry['center']}, whom the official file does not have")
        found.add(known[key])
    return found
