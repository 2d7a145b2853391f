"""AudioSet: ten-second pieces of YouTube videos with 527 classes, several at a time (Gemmeke et al., ICASSP 2017)."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from avssl.data.recordings import ENDINGS, SOUNDS
from avssl.data.sets.base import Count, Listing, Problem, SetError
from avssl.data.sets.trees import check_root, folders
from avssl.data.tables import BETWEEN, read_records, read_table
from avssl.files import names_in

TABLES = {
    "eval": "eval_segments.csv",
    "train": "balanced_train_segments.csv",
    "unbalanced": "unbalanced_train_segments.csv",
}
PUBLISHED = {"eval": 20371, "train": 22160, "unbalanced": 2041789}  # segments, told in the tables' own first comments
CLASSES = "class_labels_indices.csv"
NUMBER = 527
NUMERAL = re.compile("[0-9]{1,9}")
MEDIA = ENDINGS | SOUNDS


def read(root: Path) -> Listing:
    """Read AudioSet.

    Args:
        root: the folder with ``class_labels_indices.csv``, some of the three tables of segments, and the media, in any
            folders up to two deep: ``ID.wav``, ``ID_30000_40000.flac`` or ``ID_30_40.mp4`` (start and end in
            milliseconds or seconds); a leading ``Y`` before the id is taken off.

    Returns:
        One row per segment that is there: ``split`` ``eval``, ``train`` (the balanced one) or ``unbalanced``,
        ``labels`` by
        their display names, the video as group, and where in the video the ``segment`` lies, in seconds. A file that is
        named by its id alone is taken for the segment, not for the whole video. Videos vanish from YouTube: missing
        ones are told, and no failure. Classes are in the order of their numbers.

    Raises:
        SetError: if there are no classes, or no table.
    """
    root = check_root(root, lambda folder: (folder / CLASSES).is_file(), CLASSES)
    names = read_classes(root / CLASSES)
    there = find_media(root)
    rows, problems, counts = [], [], []
    for split, table in TABLES.items():
        if not (root / table).is_file():
            continue
        found = listed = 0
        for line, (video, start, end, ids) in enumerate(segments(root / table), start=1):
            listed += 1
            unknown = [one for one in ids if one not in names]
            if unknown:
                problems.append(
                    Problem(kind="odd", path=f"{table}, segment {line}", about=f"unknown class {unknown[0]}")
                )
            path = there.get((video, round(start))) or there.get((video, None))
            if path is None:
                problems.append(Problem(kind="missing", path=f"{video} from {start:g} s", about=f"listed in {table}"))
                continue
            found += 1
            labels = BETWEEN.join(names[one] for one in ids if one in names)
            rows.append(
                {"path": path, "split": split, "labels": labels, "group": video, "segment": f"{start:g} {end:g}"}
            )
        counts.append(Count(what=f"{split} segments listed", found=listed, published=PUBLISHED[split]))
        counts.append(Count(what=f"{split} segments there", found=found, published=listed, tolerant=True))
    if not counts:
        raise SetError(f"{root} holds no table of segments; give one of {', '.join(TABLES.values())}")
    return Listing(
        name="AudioSet",
        root=root,
        media="sound",
        rows=rows,
        classes=list(names.values()),
        counts=[*counts, Count(what="classes", found=len(names), published=NUMBER)],
        problems=problems,
    )


def read_classes(path: Path) -> dict[str, str]:
    """Return display names by machine id, in the order of their numbers; a bar between names would part them."""
    rows = read_table(path, official=True)
    for number, row in rows.items():
        if not {"index", "mid", "display_name"} <= set(row) or not NUMERAL.fullmatch(row["index"]):
            raise SetError(f"{path}, row {number}: needs index (a number), mid and display_name; got {row}")
    ordered = sorted(rows.values(), key=lambda row: int(row["index"]))
    return {row["mid"]: row["display_name"].replace(BETWEEN, " / ") for row in ordered}


def segments(path: Path) -> Iterator[tuple[str, float, float, list[str]]]:
    """Yield id, start, end and classes of a table: three comments first, the header the last of them.

    Ids may start with ``-``; the classes are one quoted cell, parted by commas.

    Raises:
        SetError: if a segment is written otherwise.
    """
    for number, row in read_records(path, official=True, comment="#"):
        if not any(row):
            continue
        try:
            video, start, end, ids = row[0], float(row[1]), float(row[2]), row[3].split(",")
        except (IndexError, ValueError):
            video, start, end, ids = "", math.nan, math.nan, []
        if not 0 <= start <= end < math.inf:
            told = "needs id, start and end in seconds, and classes"
            raise SetError(f"{path}, segment {number}: {told}; got {str(row)[:100]}")
        yield video, start, end, [one.strip() for one in ids]


def find_media(root: Path) -> dict[tuple[str, int | None], str]:
    """Return the files by id and start in whole seconds (None where the name does not tell), folders two deep."""
    found: dict[tuple[str, int | None], str] = {}
    for place in [root, *folders(root)]:
        for name in names_in(place, MEDIA, depth=0 if place == root else 1):
            path = name if place == root else f"{place.name}/{name}"
            found.setdefault(named(Path(name).stem), path)
    return found


def named(stem: str) -> tuple[str, int | None]:
    """Return the id and the start in seconds that a file's name tells.

    Examples:
        >>> named("--PJHxphWEs_30000_40000"), named("-abcdefghij_30_40"), named("Yxyzxyzxyz12"), named("a_b_cdefghi")
        (('--PJHxphWEs', 30), ('-abcdefghij', 30), ('xyzxyzxyz12', None), ('a_b_cdefghi', None))
    """
    rest, _, end = stem.rpartition("_")
    video, _, start = rest.rpartition("_")
    if video and start.isdecimal() and end.isdecimal() and len(video) >= 11:
        seconds = int(start) // 1000 if int(end) - int(start) >= 1000 else int(start)
        return plain(video), seconds
    first, _, last = stem[:11], stem[11:12], stem[12:]
    if len(stem) > 12 and stem[11] == "_" and last.isdecimal():
        return first, int(last) // 1000 if len(last) > 6 or int(last) >= 1000 else int(last)
    return plain(stem), None


def plain(video: str) -> str:
    return video[1:] if len(video) == 12 and video[0] == "Y" else video
