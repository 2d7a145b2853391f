"""Kinetics: clips of ten seconds of 400, 600 or 700 actions (Kay et al., arXiv:1705.06950).

Kinetics-600 and -700 are of Carreira et al., arXiv:1808.01340 and 1907.06987, the edition of 2020 of Smaira et al.,
arXiv:2010.10864. The videos are of YouTube, whence they vanish; copies differ by 5 to 10 %, so a number on Kinetics
should say how many videos there were. Editions overlap: much of what one tests on another trains on.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from avssl.data.recordings import ENDINGS
from avssl.data.sets.base import Count, Listing, Problem
from avssl.data.sets.kinetics_lists import WORDS, Entry, find_tables, read_entries, read_path_lists, youtube_of
from avssl.data.sets.trees import check_root, folders, is_packed, relative, visible
from avssl.files import names_in

Version = Literal["400", "600", "700", "700-2020"]
# rows of the tables that the CVDF keeps beside the videos; of 700, what the paper's table 1 says
PUBLISHED: dict[str, dict[str, int]] = {
    "400": {"train": 246534, "val": 19906, "test": 39805},
    "600": {"train": 427549, "val": 29793, "test": 72924},
    "700": {"train": 545317, "val": 35000, "test": 70000},
    "700-2020": {"train": 534073, "val": 33914, "test": 64260},
}
SPLIT = re.compile(rf"(?:(?:k|kinetics|videos)[\d_-]*)?({'|'.join(WORDS)})(?:[_-]?\d\w*)?")  # but not training_dog
REPLACEMENT = "replacement"  # the CVDF's folder for videos of Kinetics-400 that were damaged
UNDERSCORED = {"gymnastics tumbling": "gymnastics_tumbling"}  # so written in the tables of Kinetics-400


def read(root: Path, version: Version = "400", annotations: Path | None = None, lists: Path | None = None) -> Listing:
    """Read Kinetics-400, -600 or -700.

    Args:
        root: the folder with ``train``, ``val`` and ``test``, or some of them, each of class folders or flat.
        version: 400, 600, 700 or 700-2020.
        annotations: the folder with the official tables, such as ``train.csv``; by default found in the root.
            Without tables the folders alone tell split and class.
        lists: a folder with lists of paths and labels, as SlowFast, VideoMAE or MMAction2 read them, to go by instead.

    Returns:
        One row per video, with its split, its class where known, and the YouTube id as group; what the tables do not
        list has no split. Classes are in the order of their names.

    Raises:
        SetError: if there are no videos, or a table is not in the official form.
    """
    check_root(root, holds_videos, "videos in train/, val/ or test/")
    tables: dict[str, list[Entry]] = {}
    if lists is None:
        tables = {split: read_entries(path, split) for split, path in find_tables(root, annotations).items()}
        rows, problems = Tree(root, tables).list_videos()
    else:
        rows, problems = read_path_lists(lists, root)
    labels = {entry.label for table in tables.values() for entry in table} or {row["label"] for row in rows}
    classes = sorted(labels - {""}) if lists is None else []  # lists number the classes, and do not name them
    return Listing(
        name=f"Kinetics-{version}",
        root=root,
        media="video",
        rows=rows,
        classes=classes,
        counts=counts(rows, tables, len(labels - {""}), version),
        problems=problems,
    )


class Tree:
    """Videos on disk beside the rows of the tables.

    Args:
        root: the folder of the data set.
        tables: rows of the official table of each split; may be empty.
    """

    def __init__(self, root: Path, tables: Mapping[str, Sequence[Entry]]):
        self.root, self.tables, self.folders = root, tables, split_folders(root)
        self.listed: dict[str, list[Entry]] = defaultdict(list)
        for entry in (entry for table in tables.values() for entry in table):
            self.listed[entry.youtube].append(entry)
        self.labels = {plain(entry.label): entry.label for table in tables.values() for entry in table if entry.label}
        spare = root / REPLACEMENT
        files = names_in(spare, ENDINGS, depth=2) if spare.is_dir() else ()
        self.spare = {youtube_of(PurePosixPath(file).stem)[0]: relative(spare / file, root) for file in files}
        self.found: dict[Entry, str] = {}
        self.rows: list[dict[str, str]] = []
        self.problems: list[Problem] = []

    def list_videos(self) -> tuple[list[dict[str, str]], list[Problem]]:
        """Return a row for each video, and the problems."""
        for split, folder in self.folders.items():
            start = relative(folder, self.root)
            packed = [path for path in visible(folder) if is_packed(path)]
            self.problems += [
                Problem(kind="odd", path=relative(path, self.root), about="still packed") for path in packed
            ]
            for file in names_in(folder, ENDINGS, depth_of(split)):
                self.put(str(PurePosixPath(start, file)), split, PurePosixPath(file).parent.name)
        for split, table in self.tables.items():
            lost = [entry for entry in table if entry not in self.found]
            if lost and split not in self.folders and "" not in self.folders:
                about = f"no such folder, so none of {len(lost):,} listed videos"
                self.problems.append(Problem(kind="missing", path=f"{split}/", about=about))
                continue
            for entry in lost:
                if entry.youtube in self.spare and split == "train":
                    self.add(self.spare[entry.youtube], split, entry.label, entry.youtube)
                else:
                    path = str(PurePosixPath(split, entry.label, entry.file))
                    self.problems.append(Problem(kind="missing", path=path, about=f"listed in {split}"))
        for split, count in Counter(row["split"] for row in self.rows if not row["label"]).items():
            if split in ("train", "val"):  # test sets were published without labels
                about = f"no table and no class folder tells the class of {count:,} videos"
                self.problems.append(Problem(kind="unlabelled", path=f"{split}/", about=about))
        return self.rows, self.problems

    def put(self, path: str, split: str, folder: str) -> None:
        """Take a video that lies in the folder of a split, and there perhaps in one of a class."""
        youtube, start = youtube_of(PurePosixPath(path).stem)
        entry = self.entry_of(youtube, start, split)
        if entry is None:
            covered = bool(self.tables) if split == "" else split in self.tables
            if covered:
                self.problems.append(Problem(kind="unlisted", path=path, about="in no table"))
            self.add(path, "" if covered else split, self.label_of(folder), youtube)
            return
        if entry in self.found:
            self.problems.append(Problem(kind="odd", path=path, about=f"again {self.found[entry]}; left out"))
            return
        self.found[entry] = path
        if split not in ("", entry.split):
            self.problems.append(Problem(kind="odd", path=path, about=f"listed in {entry.split}, which counts"))
        label = self.label_of(folder)
        if label and entry.label and plain(label) != plain(entry.label):
            self.problems.append(Problem(kind="odd", path=path, about=f"listed as {entry.label!r}, which counts"))
        path = self.spare.get(youtube, path) if entry.split == "train" else path
        self.add(path, entry.split, entry.label or label, youtube)

    def entry_of(self, youtube: str, start: int | None, split: str) -> Entry | None:
        """Return the row of a clip, of the folder's split where several have it."""
        those = [entry for entry in self.listed.get(youtube, ()) if start in (None, entry.start)]
        return max(those, key=lambda entry: entry.split == split, default=None)

    def label_of(self, folder: str) -> str:
        """Return the class that the name of a folder means: folders have blanks, underscores or quotes."""
        name = folder.strip("'\"").replace("_", " ")
        return self.labels.get(plain(folder), UNDERSCORED.get(name, name))

    def add(self, path: str, split: str, label: str, youtube: str) -> None:
        self.rows.append({"path": path, "split": split, "label": label, "group": youtube})


def holds_videos(root: Path) -> bool:
    """Return whether a folder has videos in folders of splits, or else videos called as those of Kinetics."""
    for split, folder in split_folders(root).items():
        file = next(names_in(folder, ENDINGS, depth_of(split)), None)
        if file is not None and (split or len(youtube_of(PurePosixPath(file).stem)[0]) == 11):
            return True
    return False


def depth_of(split: str) -> int:
    """Return how many folders deep videos may lie: in those of classes, which some keep in parts within a split."""
    return 2 if split else 1


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each split, in the root or its folder ``videos``; ``""`` where nothing tells the split."""
    found: dict[str, Path] = {}
    for place in (root, root / "videos"):
        for folder in sorted(folders(place), key=lambda folder: len(folder.name), reverse=True):
            if split := SPLIT.fullmatch(folder.name):
                found[WORDS[split[1]]] = folder  # of train and train_256 the former
    own = SPLIT.fullmatch(root.name)
    return found or {WORDS[own[1]] if own else "": root}


def plain(label: str) -> str:
    """Return what all ways of writing a label have in common.

    Examples:
        >>> plain("massaging person's head") == plain("massaging_person_s_head")
        True
    """
    return re.sub(r"[^a-z0-9]", "", label.lower())


def counts(
    rows: Sequence[Mapping[str, str]], tables: Mapping[str, Sequence[Entry]], classes: int, version: Version
) -> list[Count]:
    """Return how many videos of each split there are beside how many the tables list, or else the published number."""
    there, found = Counter(row["split"] for row in rows), []
    for split, published in PUBLISHED[version].items():
        if split in tables:
            found.append(Count(what=f"{split} listed", found=len(tables[split]), published=published, tolerant=True))
            published = len(tables[split])
        found.append(Count(what=f"{split} videos", found=there[split], published=published, tolerant=True))
    return [*found, Count(what="classes", found=classes, published=int(version[:3]))]
