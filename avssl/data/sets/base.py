"""What a reader of an official data set gives: rows for a manifest, counts beside the published ones, and problems."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from avssl.files import FileError

Kind = Literal["missing", "short", "silent", "undecodable", "unlisted", "unlabelled", "odd"]
Media = Literal["video", "picture", "sound", "frames"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something in a tree that is not as its lists say.

    Args:
        kind: ``"missing"`` (listed, not there), ``"short"``, ``"silent"`` (nothing to hear, or no sound track),
            ``"undecodable"``, ``"unlisted"`` (there, not listed),
            ``"unlabelled"`` (no annotation, or an empty one) or ``"odd"`` (anything else).
        path: the file or the entry of a list, relative to the root.
        about: what is wrong, in a few words.
    """

    kind: Kind
    path: str
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many there are, beside how many there should be.

    Args:
        what: such as ``"train1 videos"``.
        found: how many the tree holds.
        published: how many its authors published; None where they did not say.
        tolerant: fewer are normal (videos vanish from the web); told, but no failure.
    """

    what: str
    found: int
    published: int | None = None
    tolerant: bool = False


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a tree holds.

    Args:
        name: of the data set, as its authors write it.
        root: the folder that was read; paths in ``rows`` are relative to it, with forward slashes.
        media: what the files are; says how they are checked.
        rows: one mapping an item, ready for a manifest: ``path`` and, where they exist, ``split`` (words, parted by
            blanks: ``"train1 test2"``), ``label`` (a class name), ``labels`` (several names, parted by ``" | "``),
            ``start`` and ``end`` (seconds), ``group`` (what must not be on both sides: a source video, a film),
            ``keypoints`` (an ``.npz``) and columns of the set's own. A missing value is ``""``. Rows whose file is
            missing are left out and told in ``problems``.
        classes: names of the classes in the official order; empty without classes.
        counts: found beside published.
        problems: what is wrong.
    """

    name: str
    root: Path
    media: Media
    rows: Sequence[Mapping[str, Any]]
    classes: Sequence[str] = ()
    counts: Sequence[Count] = ()
    problems: Sequence[Problem] = field(default_factory=list)


class SetError(FileError):
    """A folder that cannot be read as the data set: what came, what is needed, what to do, in one line."""


@contextmanager
def official_form(path: Path) -> Iterator[None]:
    """Turn what goes wrong within, for a file of other structure than its authors', into one line that names it.

    Raises:
        SetError: in place of what Python says of missing fields, other types and other shapes.
    """
    try:
        yield
    except FileError:
        raise
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SetError(f"{path} is not of the official form ({told}); was it copied whole?") from error
