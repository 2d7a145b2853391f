"""Look at folders as data sets lie in them: what is there, what is still packed, and whether it is the right one."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from avssl.data.sets.base import Problem, SetError
from avssl.files import entries_of, names_in

PACKED = (".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip")


def check_folder(root: Path) -> Path:
    """Return a folder that is there.

    Raises:
        SetError: if it is not there, or is a file.
    """
    root = Path(root).expanduser()
    if root.is_dir():
        return root
    if not root.exists():
        near = next((parent for parent in root.parents if parent.is_dir()), Path("/"))
        raise SetError(f"{root} does not exist; {near} holds {inside(near)}")
    if is_packed(root):
        raise SetError(f"{root} is an archive; extract it and give the folder that it makes")
    raise SetError(f"{root} is a file; give the folder that holds the data set")


def check_root(root: Path, fits: Callable[[Path], bool], needs: str) -> Path:
    """Return the folder of a data set.

    Args:
        root: what was given.
        fits: tells whether a folder is the one.
        needs: what must be in it, in words.

    Raises:
        SetError: if it does not fit; it says what is there instead, and which folder near by does.
    """
    root = check_folder(root)
    if fits(root):
        return root
    message = f"{root} holds no {needs}; it holds {inside(root)}"
    near = next((folder for folder in [*folders(root), root.resolve().parent] if fits(folder)), None)
    if near is not None:
        raise SetError(f"{message}. Give {near} instead")
    packed = [path for folder in [root, *folders(root)] for path in visible(folder) if is_packed(path)]
    if packed:
        raise SetError(f"{message}. Extract {first(packed)}")
    raise SetError(message)


def check_classes(folder: Path, classes: Sequence[str], root: Path, endings: frozenset[str]) -> list[Problem]:
    """Return a problem for each class whose folder is not there, empty or still packed, and for folders of no class.

    Args:
        folder: where the folders of the classes are.
        classes: the names of their folders.
        root: what the problems' paths are relative to.
        endings: of the files that a class folder holds.

    Raises:
        SetError: if none of them is there.
    """
    there = {path.name: path for path in folders(folder)}
    packed = {path.name.partition(".")[0]: path for path in visible(folder) if is_packed(path)}
    lacking = [name for name in classes if name not in there]
    if len(lacking) == len(classes):
        archives = [packed[name] for name in lacking if name in packed] or list(packed.values())
        told = f"; extract {first(archives)} there" if archives else f"; it holds {inside(folder)}"
        raise SetError(f"{folder} holds none of the {len(classes)} class folders, such as {classes[0]}/{told}")
    amiss = dict.fromkeys(lacking, "the class folder is missing")
    for name in packed.keys() & set(lacking):
        amiss[name] = f"the class folder is missing; {packed[name].name} is still packed"
    for name, path in there.items():
        if empty(path, endings) == (name in classes):  # what is no class and holds no media may lie there
            amiss[name] = "the class folder is empty" if name in classes else "no class of the set; left out"
    paths = {name: f"{relative(folder / name, root)}/" for name in amiss}
    return [Problem(kind="odd", path=paths[name], about=about) for name, about in sorted(amiss.items())]


def visible(folder: Path) -> list[Path]:
    """Return what a folder holds and counts (see `avssl.files`), sorted by name; nothing where there is no folder."""
    return [folder / entry.name for entry in entries_of(folder)] if folder.is_dir() else []


def folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name."""
    return [path for path in visible(folder) if path.is_dir()]


def empty(folder: Path, endings: frozenset[str]) -> bool:
    """Return whether a folder holds no file with such endings."""
    return next(names_in(folder, endings, depth=0), None) is None


def is_packed(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in PACKED


def inside(folder: Path) -> str:
    """Return the first things that a folder holds, in words."""
    return first(visible(folder)) or "nothing"


def first(paths: Sequence[Path], most: int = 3) -> str:
    """Return the names of the first of some files, and how many more there are.

    Examples:
        >>> first([Path("a"), Path("b"), Path("c"), Path("d")])
        'a, b, c and 1 more'
    """
    names = [f"{path.name}/" if path.is_dir() else path.name for path in paths[:most]]
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(names) + more


def relative(path: Path, root: Path) -> str:
    """Return a path relative to the root, with forward slashes; with ``..`` where it lies beside."""
    return Path(os.path.relpath(path, root)).as_posix()
