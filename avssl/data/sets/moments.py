"""Moments in Time: clips of three seconds of 339 actions and events (Monfort et al., TPAMI 2019, arXiv:1801.03150).

The second edition has 305 classes; the number of classes tells which edition a tree is.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from avssl.data.recordings import ENDINGS
from avssl.data.sets.base import Count, Listing, Problem, SetError
from avssl.data.sets.trees import check_classes, check_root
from avssl.data.tables import read_records
from avssl.data.texts import read_lines
from avssl.files import names_in

CATEGORIES = "moments_categories.txt"
SPLITS = {"train": ("training", "trainingSet.csv"), "val": ("validation", "validationSet.csv")}
# by number of classes: of 339 the paper's experiments, of 305 the lists of the second edition
PUBLISHED = {339: {"train": 802264, "val": 33900}, 305: {"train": 727305, "val": 30500}}
Votes = tuple[str, str, str]  # label, workers who agreed, workers who did not


def read(root: Path) -> Listing:
    """Read Moments in Time.

    Args:
        root: the folder ``Moments_in_Time_Raw`` with ``training/``, ``validation/``, ``trainingSet.csv``,
            ``validationSet.csv`` and ``moments_categories.txt``.

    Returns:
        One row per video, with its split (``train`` or ``val``), its class (``playing music`` of the folder
        ``playing+music``), its source as group, and ``yes`` and ``no``: how many workers agreed with the label. Classes
        are in the order of ``moments_categories.txt``.

    Raises:
        SetError: if the categories or all class folders of a split are missing.
    """
    check_root(root, lambda folder: (folder / CATEGORIES).is_file(), CATEGORIES)
    names = read_categories(root / CATEGORIES)
    edition = min(PUBLISHED, key=lambda number: abs(number - len(names)))
    rows, problems, counts = [], [], []
    for split, (folder, table) in SPLITS.items():
        listed, amiss = read_votes(root / table)
        found, more = list_split(root, split, folder, names, listed)
        rows, problems = rows + found, problems + amiss + more
        counts.append(Count(what=f"{split} videos", found=len(found), published=PUBLISHED[edition][split]))
    return Listing(
        name="Moments in Time",
        root=root,
        media="video",
        rows=rows,
        classes=[label_of(name) for name in names],
        counts=[*counts, Count(what="classes", found=len({row["label"] for row in rows}), published=edition)],
        problems=problems,
    )


def list_split(
    root: Path, split: str, folder: str, names: Sequence[str], listed: dict[str, Votes]
) -> tuple[list[dict[str, str]], list[Problem]]:
    """Return a row for each video of a split that is there, and the problems."""
    if not (root / folder).is_dir():
        about = f"no such folder, so none of {len(listed):,} listed videos"
        return [], [Problem(kind="missing", path=f"{folder}/", about=about)]
    problems = check_classes(root / folder, names, root, ENDINGS)
    rows, present = [], set()
    for name in names:
        place = root / folder / name
        for file in names_in(place, ENDINGS, depth=0) if place.is_dir() else ():
            path, video = f"{folder}/{name}/{file}", f"{name}/{file}"
            present.add(video)
            label, yes, no = listed.get(video, ("", "", ""))
            if video not in listed:
                problems.append(Problem(kind="unlisted", path=path, about="in no table"))
            elif label_of(label) != label_of(name):
                problems.append(Problem(kind="odd", path=path, about=f"listed as {label!r}; the folder counts"))
            own = {"label": label_of(name), "group": source_of(file), "yes": yes, "no": no}
            rows.append({"path": path, "split": split if video in listed or not listed else ""} | own)
    lost = [video for video in listed if video not in present]
    return rows, problems + [Problem(kind="missing", path=f"{folder}/{video}", about="listed") for video in lost]


def label_of(name: str) -> str:
    return name.replace("+", " ")


def source_of(file: str) -> str:
    """Return the video that a clip was cut from: its name without the number of the clip.

    Examples:
        >>> source_of("yt-5of6ffo6-Bw_205.mp4")
        'yt-5of6ffo6-Bw'
    """
    return re.sub(r"_\d+$", "", file.rpartition(".")[0])


def read_categories(path: Path) -> list[str]:
    """Return the names of the classes in the order of their numbers, which count from 0."""
    lines = [[part.strip() for part in line.rpartition(",")] for _, line in read_lines(path)]
    if not lines or sorted(number for _, _, number in lines) != sorted(map(str, range(len(lines)))):
        raise SetError(f"{path}: each line should be a name and a number, such as 'clapping,0', from 0 without a gap")
    return [name for name, _, _ in sorted(lines, key=lambda line: int(line[2]))]


def read_votes(path: Path) -> tuple[dict[str, Votes], list[Problem]]:
    """Return what a table without a header says of each video, ``class/file``, and what is wrong with the table."""
    if not path.is_file():
        return {}, [Problem(kind="missing", path=path.name, about="the table of a split")]
    listed: dict[str, Votes] = {}
    problems = []
    for _, row in read_records(path, official=True):
        if len(row) >= 4:
            listed[row[0]] = row[1], row[2], row[3]
        elif any(row):
            about = f"{','.join(row)!r} should be file, label and two numbers"
            problems.append(Problem(kind="odd", path=path.name, about=about))
    return listed, problems
