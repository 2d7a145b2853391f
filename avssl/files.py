"""Which files of a folder count: one rule for every reader of folders.

Links are followed, wherever they lead. Names that a system or a program keeps for itself do not count: hidden ones
(``.ipynb_checkpoints``, the ``._`` of a Mac) and those in `SYSTEM`. The order is that of the names, whatever the file
system's, and small and capital letters of endings are the same.
"""

import hashlib
import math
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from avssl.text import printable

SYSTEM = frozenset(
    (
        "__macosx",  # beside what an archive that was made on a Mac holds
        *("@eadir", "#recycle", "@recycle"),  # of network storage
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),  # of Windows
        "lost+found",
    )
)


class FileError(ValueError):
    """A file or a folder that cannot be read as what it should be: which, where in it, what to do, in one line."""

    def __init__(self, message: str):
        super().__init__(printable(message).replace("\r", "\\r").replace("\n", "\\n"))  # names may have line breaks


def counts(name: str) -> bool:
    """Return whether a file or folder of this name counts when a folder is listed.

    Examples:
        >>> [counts(name) for name in ("cat", "._0.jpg", ".ipynb_checkpoints", "Thumbs.db", "@eaDir")]
        [True, False, False, False, False]
    """
    return name[:1] != "." and name.casefold() not in SYSTEM


def entries_of(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return what a folder holds and counts, sorted by name.

    Raises:
        FileError: if it cannot be listed.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if counts(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise FileError(f"{folder} cannot be listed ({error.strerror}); is it a folder that you may read?") from error


def names_in(
    folder: str | Path, endings: Collection[str], depth: float = math.inf, _seen: set[str] | None = None
) -> Iterator[str]:
    """Yield the files with such endings, relative to the folder with forward slashes, sorted within each folder.

    What two links lead to is listed under both, but below each folder of ``folder`` at most once: so links that lead
    back to where they lie end. A link to a file that is gone is listed too, for whoever reads it to complain.

    Args:
        folder: where to look.
        endings: with their dots, in small letters.
        depth: how many folders deep to look; 0 for the folder's own files.

    Raises:
        FileError: if a folder cannot be listed, or a link that may be one to a folder leads nowhere.
    """
    own = os.path.realpath(folder)
    if _seen is not None:
        if own in _seen:
            return
        _seen.add(own)
    for entry in entries_of(folder):
        ending = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 (many files)
        if is_folder(entry):
            if depth > 0:
                inner = names_in(entry.path, endings, depth - 1, {own} if _seen is None else _seen)
                yield from (f"{entry.name}/{name}" for name in inner)
        elif ending in endings:
            if entry.is_symlink() or entry.is_file():
                yield entry.name
        elif not ending and depth > 0 and entry.is_symlink() and not Path(entry.path).exists():
            told = f"{entry.path} is a link to {Path(entry.path).readlink()}, which is not there"
            raise FileError(f"{told}; bring that back, or remove the link")


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder or leads to one; a link that leads round in a circle does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def files_named(paths: Collection[Path], endings: Collection[str], what: str) -> list[Path]:
    """Return files that were named, and those in folders that were, each once, sorted by name.

    Args:
        paths: files, whatever their endings, and folders.
        endings: of the files that count in folders.
        what: the folder should hold, in words.

    Raises:
        FileError: if one does not exist, or a folder holds none.
    """
    found: set[Path] = set()
    for path in paths:
        inside = [path / name for name in names_in(path, endings)] if path.is_dir() else [path]
        if not inside or not path.exists():
            raise FileError(f"{path} {f'holds no {what}' if path.is_dir() else 'does not exist'}")
        found.update(inside)
    return sorted(found)


def same_bytes(paths: Sequence[Path]) -> list[list[Path]]:
    """Return groups of files that hold the same bytes; only files of one size are read."""
    sizes: dict[int, list[Path]] = {}
    for path in dict.fromkeys(paths):
        sizes.setdefault(path.stat().st_size, []).append(path)
    digests: dict[str, list[Path]] = {}
    for several in sizes.values():
        for path in several if len(several) > 1 else ():
            with open(path, "rb") as file:
                digests.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), []).append(path)
    return [group for group in digests.values() if len(group) > 1]
