"""The lists of Kinetics: the official tables of clips, and the lists of paths and labels that other toolkits read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from avssl.data.sets.base import Problem, SetError
from avssl.data.sets.trees import check_folder, folders, visible
from avssl.data.tables import read_records, read_table
from avssl.data.texts import read_lines

WORDS = {"train": "train", "training": "train", "val": "val", "validate": "val", "validation": "val", "test": "test"}
LABELLED = re.compile(r"(.+)[ ,](\d+)")  # a line of SlowFast, VideoMAE or MMAction2; paths may hold blanks
UNLABELLED = re.compile(r"(.+) 0 -1")  # of VideoMAE v2's, for learning without labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of an official table.

    Args:
        youtube: the video's id, 11 signs, of which the first may be ``-``.
        start: where the clip begins in that video, in seconds.
        end: where it ends, in seconds.
        label: its class; ``""`` where the table has none, as those of test sets.
        split: ``"train"``, ``"val"`` or ``"test"``.
    """

    youtube: str
    start: int
    end: int
    label: str
    split: str

    @property
    def file(self) -> str:
        """What the clip's file is called officially."""
        return f"{self.youtube}_{self.start:06d}_{self.end:06d}.mp4"


def split_of(name: str) -> str:
    """Return the split that the name of a file or folder tells, or ``""``.

    Examples:
        >>> split_of("kinetics700_validate.csv"), split_of("train_256"), split_of("annotations")
        ('val', 'train', '')
    """
    return next((WORDS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in WORDS), "")


def youtube_of(stem: str) -> tuple[str, int | None]:
    """Return the id and the start in seconds that a file's name tells; None where it has no start.

    Examples:
        >>> youtube_of("-0_9_xUUIaM_000123_000133"), youtube_of("---QUuC4vJs")
        (('-0_9_xUUIaM', 123), ('---QUuC4vJs', None))
    """
    times = re.fullmatch(r"(.{11})_(\d+)_(\d+)", stem)
    return (times[1], int(times[2])) if times else (stem, None)


def find_tables(root: Path, given: Path | None = None) -> dict[str, Path]:
    """Return the official table of each split, from the given folder, or the nearest one in the root that has any.

    Raises:
        SetError: if a folder was given and has none, or tables are of another form.
    """
    near = [root, root / "annotations", *folders(root / "annotations")]
    near += [folder for folder in folders(root) if "annotation" in folder.name or folder.name.startswith("kinetics")]
    for folder in near if given is None else [check_folder(given), *folders(given)]:
        tables = {}
        for path in sorted(visible(folder), key=lambda path: len(path.name), reverse=True):
            if path.suffix == ".csv" and split_of(path.stem):
                if "youtube_id" in header(path):
                    tables[split_of(path.stem)] = path  # of train.csv and countix_train.csv the shorter name stays
                elif given is not None or folder != root:
                    told = "a list of paths and labels is given with --lists"
                    raise SetError(f"{path} has no column youtube_id, as official tables have; {told}")
        if tables:
            return tables
    if given is not None:
        raise SetError(f"{given} holds no table such as train.csv with a column youtube_id")
    return {}


def header(path: Path) -> list[str]:
    return next((cells for _, cells in read_records(path, official=True)), [])


def read_entries(path: Path, split: str) -> list[Entry]:
    """Return the rows of an official table, with or without a label and ``is_cc``.

    Raises:
        SetError: if a time is no number.
    """
    entries = []
    for line, row in read_table(path, official=True).items():
        try:
            start, end = (int(float(row[name])) for name in ("time_start", "time_end"))
        except (KeyError, ValueError, OverflowError):
            raise SetError(f"{path}, row {line}: time_start and time_end should be seconds; got {row}") from None
        label = row.get("label", "").strip('"')
        entries.append(Entry(youtube=row["youtube_id"], start=start, end=end, label=label, split=split))
    return entries


def read_path_lists(folder: Path, root: Path) -> tuple[list[dict[str, str]], list[Problem]]:
    """Return a row for each line of lists such as ``train.csv`` whose file is there, and the others as missing.

    A path is looked for as it stands, in the root, and, since lists travel, by its last parts in the root.

    Raises:
        SetError: if the folder holds no list.
    """
    lists = [path for path in visible(check_folder(folder)) if path.suffix in (".csv", ".txt") and split_of(path.stem)]
    if not lists:
        raise SetError(f"{folder} holds no list such as train.csv or val.txt")
    rows, problems = [], []
    for path in lists:
        for listed, label in read_pairs(path):
            found = next((place for place in places(listed) if (root / place).is_file()), None)
            if found is None:
                problems.append(Problem(kind="missing", path=listed, about=f"listed in {path.name}"))
            else:
                group = youtube_of(Path(listed).stem)[0]
                rows.append({"path": found, "split": split_of(path.stem), "label": label, "group": group})
    return rows, problems


def read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    """Yield path and label of each line of a list."""
    for number, line in read_lines(path):
        if unlabelled := UNLABELLED.fullmatch(line):
            yield unlabelled[1], ""
        elif labelled := LABELLED.fullmatch(line):
            yield labelled[1], labelled[2]
        else:
            raise SetError(f"{path}, line {number}: {line!r} should be a path, a blank and the number of a class")


def places(listed: str) -> list[str]:
    """Return where a listed file may be: as it stands, and its last three, two and one parts.

    Examples:
        >>> places("/home/me/k400/train/archery/a.mp4")
        ['/home/me/k400/train/archery/a.mp4', 'train/archery/a.mp4', 'archery/a.mp4', 'a.mp4']
    """
    parts = listed.split("/")
    return [listed, *("/".join(parts[-count:]) for count in (3, 2, 1) if count < len(parts))]
