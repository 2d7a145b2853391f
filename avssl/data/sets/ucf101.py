"""UCF101: 13,320 clips of 101 actions (Soomro, Zamir and Shah, "UCF101", CRCV-TR-12-01, 2012).

Clips of one group come from one source video; the official splits keep every group on one side.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from avssl.data.sets.base import Listing, Problem, SetError
from avssl.data.sets.clips import count_clips, find_lists, list_clips
from avssl.data.texts import read_lines

VIDEOS = ("UCF-101", "UCF101", "videos")  # names of the folder of class folders, as the archive and people make it
LISTS = ("ucfTrainTestlist", "annotations")  # of the folder of lists
SPLITS = {"train1": 9537, "test1": 3783, "train2": 9586, "test2": 3734, "train3": 9624, "test3": 3696}
CLIPS, CLASSES = 13320, 101
GROUP = re.compile(r"_(g\d\d)_c\d\d\.")


def read(root: Path, lists: Path | None = None) -> Listing:
    """Read UCF101.

    Args:
        root: the folder ``UCF-101`` of class folders, or the folder that holds it.
        lists: the folder with ``classInd.txt``, ``trainlist01.txt`` and so on; by default ``ucfTrainTestlist`` in the
            root or beside it.

    Returns:
        One row per clip, with its class, its group (class and ``g01`` to ``g25``), and splits such as
        ``train1 test2 train3``; none for clips that no list names. Classes are in the order of ``classInd.txt``.

    Raises:
        SetError: if the lists or all class folders are missing.
    """
    lists = find_lists(root, lists, LISTS, holds_lists, "classInd.txt and trainlist01.txt")
    classes = read_classes(lists / "classInd.txt")
    splits, amiss = read_lists(lists, classes)
    videos = next((root / name for name in VIDEOS if (root / name).is_dir()), root)
    rows, problems = list_clips(root, videos, classes, splits, group_of)
    return Listing(
        name="UCF101",
        root=root,
        media="video",
        rows=rows,
        classes=classes,
        counts=count_clips(rows, CLIPS, CLASSES, SPLITS),
        problems=[*amiss, *problems],
    )


def group_of(file: str, name: str) -> str:
    """Return the class and group of a clip.

    The class is that of the folder: clips of ``HandstandPushups`` are called ``v_HandStandPushups_...``.

    Examples:
        >>> group_of("v_HandStandPushups_g01_c02.avi", "HandstandPushups")
        'HandstandPushups g01'
    """
    group = GROUP.search(file)
    return f"{name} {group[1]}" if group else ""


def holds_lists(folder: Path) -> bool:
    return (folder / "classInd.txt").is_file() and (folder / "trainlist01.txt").is_file()


def read_classes(path: Path) -> list[str]:
    """Return the classes in the order of their numbers, which count from 1."""
    lines = [line.split() for _, line in read_lines(path)]
    try:
        numbers = {int(number): name for number, name in lines}
    except ValueError:
        raise SetError(f"{path}: each line should be a number and a name, such as '1 ApplyEyeMakeup'") from None
    if sorted(numbers) != list(range(1, len(lines) + 1)):
        raise SetError(f"{path}: numbers should go from 1 to {len(lines)}, each once")
    return [numbers[number] for number in sorted(numbers)]


def read_lists(folder: Path, classes: Sequence[str]) -> tuple[dict[str, list[str]], list[Problem]]:
    """Return the splits of each clip, ``class/file``, and what is wrong with the lists.

    Training lists give a class's number behind the clip, test lists do not; lines end as on Windows.
    """
    splits: dict[str, list[str]] = {}
    problems = []
    for word in SPLITS:
        path = folder / f"{word[:-1]}list0{word[-1]}.txt"
        if not path.is_file():
            problems.append(Problem(kind="missing", path=path.name, about=f"the list of {word}"))
            continue
        for _, line in read_lines(path):
            clip, _, number = line.partition(" ")
            name = clip.partition("/")[0]
            if name in classes and number in ("", str(classes.index(name) + 1)):
                splits.setdefault(clip, []).append(word)
            else:
                problems.append(Problem(kind="odd", path=path.name, about=f"{line!r} disagrees with classInd.txt"))
    return splits, problems
