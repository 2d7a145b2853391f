"""HMDB51: 6,766 clips of 51 actions from films and the web (Kuehne et al., "HMDB", ICCV 2011).

Each of the three official splits takes 70 clips of a class to train and 30 to test, and leaves the others out. They
keep the clips of one source apart within a class, but not across classes: in the first split, 133 of 1,351 sources are
on both sides. ``group`` names the source, for who wants to keep them apart altogether.
"""

import re
from pathlib import Path

from avssl.data.sets.base import Listing, Problem
from avssl.data.sets.clips import count_clips, find_lists, list_clips
from avssl.data.sets.trees import visible
from avssl.data.texts import read_lines

VIDEOS = ("hmdb51_org", "hmdb51", "HMDB51", "videos")  # names of the folder of class folders, as people make it
LISTS = ("testTrainMulti_7030_splits", "test_train_splits", "splits", "annotations")
LIST = re.compile(r"(.+)_test_split([123])\.txt")
SIDES = {"1": "train", "2": "test"}  # 0 is for clips that a split does not use
CLIPS, CLASSES = 6766, 51
SPLITS = {f"{side}{number}": clips for number in "123" for side, clips in (("train", 3570), ("test", 1530))}
# body seen, camera, people, view, quality and number of a clip, which follow its source and class
TAGS = re.compile(r"_[fulh]_(?:nm|cm)_np\d+_(?:fr|ri|le|ba)_(?:goo|med|bad)_\d+$")


def read(root: Path, lists: Path | None = None) -> Listing:
    """Read HMDB51.

    Args:
        root: the folder of the 51 class folders, or the folder that holds it.
        lists: the folder with ``brush_hair_test_split1.txt`` and so on; by default ``testTrainMulti_7030_splits`` in
            the root or beside it.

    Returns:
        One row per clip, with its class, its source as group, and splits such as ``train1 test3``; none for clips
        that no split uses. Classes are in the order of their names.

    Raises:
        SetError: if the lists or all class folders are missing.
    """
    lists = find_lists(root, lists, LISTS, holds_lists, "brush_hair_test_split1.txt and so on")
    splits, amiss = read_lists(lists)
    classes = sorted({clip.partition("/")[0] for clip in splits})
    videos = next((root / name for name in VIDEOS if (root / name).is_dir()), root)
    rows, problems = list_clips(root, videos, classes, splits, source_of)
    return Listing(
        name="HMDB51",
        root=root,
        media="video",
        rows=rows,
        classes=classes,
        counts=count_clips(rows, CLIPS, CLASSES, SPLITS),
        problems=[*amiss, *problems],
    )


def source_of(file: str, name: str) -> str:
    """Return the video that a clip of a class was cut from, ``""`` if its name has no tags.

    Examples:
        >>> source_of("April_09_brush_hair_u_nm_np1_ba_goo_0.avi", "brush_hair")
        'April_09'
    """
    source, tags = TAGS.subn("", file.rpartition(".")[0])
    return source.removesuffix(name).rstrip("_") or source if tags else ""


def holds_lists(folder: Path) -> bool:
    return any(LIST.fullmatch(path.name) for path in visible(folder))


def read_lists(folder: Path) -> tuple[dict[str, list[str]], list[Problem]]:
    """Return the splits of each clip, ``class/file``, and what is wrong with the lists.

    Names of clips hold signs such as ``! ( ) ; [ ] & #``, and lines end with a blank.
    """
    found = {(match[2], match[1]): path for path in visible(folder) if (match := LIST.fullmatch(path.name))}
    splits: dict[str, list[str]] = {}
    problems = []
    for (number, name), path in sorted(found.items()):
        for _, line in read_lines(path):
            clip, _, side = line.rpartition(" ")
            if not clip or side not in ("0", *SIDES):
                problems.append(Problem(kind="odd", path=path.name, about=f"{line!r} should end in 0, 1 or 2"))
                continue
            words = splits.setdefault(f"{name}/{clip.strip()}", [])
            if side in SIDES:
                words.append(f"{SIDES[side]}{number}")
    for name in sorted({name for _, name in found}):
        lacking = [f"{name}_test_split{number}.txt" for number in "123" if (number, name) not in found]
        problems += [Problem(kind="missing", path=path, about="the list of a split") for path in lacking]
    return splits, problems
