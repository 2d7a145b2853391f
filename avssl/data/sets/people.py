"""Annotated people as rows of a manifest: the same columns for every set, and how they are read again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avssl.data.joints import joints_of
from avssl.data.sets.base import Problem, SetError, official_form
from avssl.data.tables import read_parquet
from avssl.files import FileError, entries_of
from avssl.installed import prepare


@dataclass(frozen=True, eq=False, kw_only=True)
class Annotation:
    """What is known of one person in one picture, in our coordinates and pixels of the picture.

    Args:
        points: ``(joints, 2)``, NaN where nobody placed the joint.
        seen: ``(joints,)``: the joint can be seen; where nobody placed it, whatever.
        reference: the length that scores are measured in; None if it is not known.
        centre: ``(2,)``, roughly where the person is.
        scale: how tall the person is, in units of 200 pixels.
        box: ``(4,)``, edges of a box of the person.
        own: columns of the set's own.
    """

    points: np.ndarray
    seen: np.ndarray
    reference: float | None = None
    centre: np.ndarray | None = None
    scale: float | None = None
    box: np.ndarray | None = None
    own: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labelled(self) -> np.ndarray:
        """Which joints have a place, bool ``(joints,)``."""
        return np.asarray(np.isfinite(self.points).all(-1))

    def row(self, path: str, split: Iterable[str], skeleton: str) -> dict[str, Any]:
        """Return the person as a row: the picture relative to the root, words of splits, the joints' convention."""
        return {
            "path": path,
            "split": " ".join(split),
            "skeleton": skeleton,
            "points": np.where(self.labelled[:, None], self.points, np.nan).tolist(),
            "visible": (self.labelled & self.seen).tolist(),
            "centre": "" if self.centre is None else self.centre.tolist(),
            "scale": "" if self.scale is None else self.scale,
            "box": "" if self.box is None else self.box.tolist(),
            "reference": "" if self.reference is None else self.reference,
        } | dict(self.own)


def pictures_of(folder: Path) -> set[str]:
    """Return the names of the files of a folder of pictures.

    Raises:
        SetError: if there is no such folder, or nothing is in it.
    """
    names = {entry.name for entry in entries_of(folder)} if folder.is_dir() else set()
    if not names:
        state = "is empty" if folder.is_dir() else "is missing"
        raise SetError(f"{folder} {state}; extract the archive of the pictures there")
    return names


def unlisted(names: Iterable[str], folder: str) -> list[Problem]:
    """Return a problem for each picture that no annotation names."""
    return [Problem(kind="unlisted", path=f"{folder}/{name}", about="no annotation") for name in sorted(names)]


def split_counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many people each word of the splits has."""
    found: dict[str, int] = {}
    for row in rows:
        for word in row["split"].split():
            found[word] = found.get(word, 0) + 1
    return found


@dataclass(frozen=True, eq=False, kw_only=True)
class Person:
    """A row of a manifest of people; places and lengths in pixels of the picture, NaN where they are not known.

    Args:
        path: the picture.
        points: ``(joints, 2)``.
        visible: ``(joints,)``: the joint can be seen.
        centre: ``(2,)``, roughly where the person is.
        scale: how tall the person is, in units of 200 pixels.
        box: ``(4,)``, edges of a box of the person.
        reference: the length that scores are measured in.
        group: what must not be on both sides of a split, such as a film.
    """

    path: Path
    points: np.ndarray
    visible: np.ndarray
    centre: np.ndarray
    scale: float
    box: np.ndarray
    reference: float
    group: str = ""


def read_people(source: Path, split: str | None) -> tuple[list[Person], str]:
    """Read the people of a manifest, and the convention of their joints.

    Raises:
        ValueError: if the manifest cannot be found, is not of people, mixes conventions, or has nobody in the split.
    """
    manifest = source / "manifest.parquet" if source.is_dir() else source
    if manifest.suffix.lower() != ".parquet" or not manifest.is_file():
        made = f"{prepare('mpii')} (or flic) writes one"
        raise ValueError(f"{manifest} is no manifest of people in Parquet; {made}")
    rows = read_parquet(manifest)
    if not rows or not {"path", "points", "visible", "skeleton"} <= set(rows[0]):
        columns = ", ".join(rows[0]) if rows else "no rows"
        raise ValueError(f"{manifest} needs columns path, skeleton, points and visible; got {columns}")
    for number, row in enumerate(rows, start=2):
        texts = {name: row[name] or "" for name in ("path", "skeleton", "split", "group") if name in row}
        if wrong := next((name for name, value in texts.items() if not isinstance(value, str)), None):
            raise FileError(f"{manifest}, row {number}: the column {wrong!r} should hold text; got {texts[wrong]!r}")
        if not texts["path"] or not texts["skeleton"]:
            raise FileError(f"{manifest}, row {number}: the columns 'path' and 'skeleton' should not be empty")
    if split is not None:
        words = sorted({word for row in rows for word in (row.get("split") or "").split()})
        rows = [row for row in rows if split in (row.get("split") or "").split()]
        if not rows:
            raise ValueError(f"{manifest}: nobody is in split {split!r}; there is {', '.join(map(repr, words))}")
    skeletons = sorted({row["skeleton"] for row in rows})
    if len(skeletons) > 1:
        raise ValueError(f"{manifest} mixes people of {' and '.join(skeletons)}; give each set a manifest of its own")
    joints = len(joints_of(skeletons[0]))
    people = []
    for number, row in enumerate(rows, start=2):
        with official_form(Path(f"{manifest}, row {number}")):
            people.append(person_of(row, manifest.parent))
    if wrong := [person for person in people if person.points.shape != (joints, 2) or len(person.visible) != joints]:
        shape = wrong[0].points.shape
        raise ValueError(f"{manifest}: {wrong[0].path} has points {shape}, {skeletons[0]!r} has {joints} joints")
    return people, skeletons[0]


def person_of(row: dict[str, Any], folder: Path) -> Person:
    """Return a row of a manifest as a person."""

    def known(column: str, count: int) -> np.ndarray:
        return np.array([np.nan] * count if row.get(column) is None else row[column], np.float64).reshape(count)

    return Person(
        path=folder / row["path"],
        points=np.array(row["points"], np.float64),
        visible=np.array(row["visible"], bool),
        centre=known("centre", 2),
        scale=known("scale", 1).item(),
        box=known("box", 4),
        reference=known("reference", 1).item(),
        group=row.get("group") or "",
    )
