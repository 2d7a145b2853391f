"""Annotated people as rows of a manifest: the same columns for every set, which `avssl.data.Persons` reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avssl.data.sets.base import Problem, SetError


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
    names = {path.name for path in folder.iterdir() if path.name[0] != "."} if folder.is_dir() else set()
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
