"""Clips in class folders with lists of splits beside, as UCF101 and HMDB51 come: what both readers share."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from avssl.data.recordings import ENDINGS
from avssl.data.sets.base import Count, Problem
from avssl.data.sets.trees import check_classes, check_root, relative
from avssl.files import names_in

Row = dict[str, str]


def find_lists(root: Path, given: Path | None, names: Sequence[str], holds: Callable[[Path], bool], needs: str) -> Path:
    """Return the folder of the lists: the given one, or one in the root or beside it.

    Args:
        root: the folder of the data set.
        given: what the user says.
        names: what the folder of lists may be called; the first is the official name.
        holds: tells whether a folder holds the lists.
        needs: the lists in words.

    Raises:
        SetError: if there is none.
    """
    if given is not None:
        return check_root(given, holds, needs)

    def near(folder: Path) -> list[Path]:
        places = [place / name for place in (folder, folder.absolute().parent) for name in names]
        return [place for place in places if holds(place)]

    check_root(root, lambda folder: near(folder) != [], f"{names[0]}/ with {needs}, nor does one lie beside it")
    return near(root)[0]


def list_clips(
    root: Path,
    videos: Path,
    classes: Sequence[str],
    splits: Mapping[str, Sequence[str]],
    group_of: Callable[[str, str], str],
) -> tuple[list[Row], list[Problem]]:
    """Return a row for each clip that is there, and the problems.

    Args:
        root: what paths are relative to.
        videos: the folder of the class folders.
        classes: the names of the folders, in order.
        splits: the words of each listed clip, ``class/file``.
        group_of: returns the group of a file of a class, ``""`` where its name does not tell.

    Raises:
        SetError: if all class folders are missing.
    """
    problems = check_classes(videos, classes, root, ENDINGS)
    rows, present = [], set()
    for name in classes:
        folder = videos / name
        for file in names_in(folder, ENDINGS, depth=0) if folder.is_dir() else ():
            clip, path, group = f"{name}/{file}", relative(folder / file, root), group_of(file, name)
            present.add(clip)
            rows.append({"path": path, "split": " ".join(splits.get(clip, [])), "label": name, "group": group})
            if clip not in splits:
                problems.append(Problem(kind="unlisted", path=path, about="in no list"))
            if not group:
                problems.append(Problem(kind="odd", path=path, about="its name tells no group"))
    for clip, words in splits.items():
        if clip not in present:
            about = f"listed in {' '.join(words) or 'no split'}"
            problems.append(Problem(kind="missing", path=relative(videos / clip, root), about=about))
    return rows, problems


def count_clips(rows: Sequence[Row], clips: int, classes: int, splits: Mapping[str, int]) -> list[Count]:
    """Return how many clips, classes, and clips of each split there are, beside the published numbers."""
    words = [word for row in rows for word in row["split"].split()]
    return [
        Count(what="clips", found=len(rows), published=clips),
        Count(what="classes", found=len({row["label"] for row in rows}), published=classes),
        *(Count(what=f"{word} clips", found=words.count(word), published=number) for word, number in splits.items()),
    ]
