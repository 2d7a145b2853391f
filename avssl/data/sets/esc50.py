"""ESC-50: 2,000 environmental sounds of five seconds in 50 classes and five folds (Piczak, ACM Multimedia 2015)."""

import re
from collections import Counter
from pathlib import Path

from avssl.data.sets.base import Count, Listing, Problem, SetError
from avssl.data.sets.trees import check_root
from avssl.data.tables import read_table
from avssl.files import names_in

META = "meta/esc50.csv"
FOLDS = tuple(f"fold{number}" for number in range(1, 6))
NUMERAL = re.compile("[0-9]{1,9}")
COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file")


def read(root: Path) -> Listing:
    """Read ESC-50.

    Args:
        root: the folder with ``audio/`` and ``meta/esc50.csv``.

    Returns:
        One row per sound: its fold as split (``fold1`` to ``fold5``, and ``esc10`` for the ten classes of that name),
        its category as class, its source recording as group. Folds keep sources apart; where they do not, it is told.
        Classes are in the order of their numbers.

    Raises:
        SetError: if the table is missing or is another one.
    """
    root = check_root(root, lambda folder: (folder / META).is_file(), f"{META} (the table)")
    table = list(read_table(root / META, official=True).values())
    lacking = [name for name in COLUMNS if not table or name not in table[0]]
    if lacking:
        raise SetError(f"{root / META} has no column {', '.join(lacking)}; use the table of the data set itself")
    if wrong := next((line["target"] for line in table if not NUMERAL.fullmatch(line["target"])), None):
        raise SetError(f"{root / META}: {wrong!r} in column 'target' is no number of a class")
    rows, problems, folds = [], [], {}
    for line in table:
        path = f"audio/{line['filename']}"
        if not (root / path).is_file():
            problems.append(Problem(kind="missing", path=path, about="listed"))
            continue
        splits = [f"fold{line['fold']}", *(["esc10"] if line["esc10"].strip().lower() == "true" else [])]
        rows.append(
            {
                "path": path,
                "split": " ".join(splits),
                "label": line["category"].replace("_", " "),
                "group": line["src_file"],
            }
        )
        folds.setdefault(line["src_file"], set()).add(line["fold"])
    known = {line["filename"] for line in table}
    audio = root / "audio"
    extra = [name for name in names_in(audio, {".wav"}, depth=0) if name not in known] if audio.is_dir() else []
    problems += [Problem(kind="unlisted", path=f"audio/{name}", about="in no row of the table") for name in extra]
    problems += [
        Problem(kind="odd", path=source, about=f"one source in folds {', '.join(sorted(several))}")
        for source, several in folds.items()
        if len(several) > 1
    ]
    by_number = {int(line["target"]): line["category"].replace("_", " ") for line in table}
    per_fold = Counter(split for row in rows for split in row["split"].split() if split.startswith("fold"))
    return Listing(
        name="ESC-50",
        root=root,
        media="sound",
        rows=rows,
        classes=[by_number[number] for number in sorted(by_number)],
        counts=[
            Count(what="sounds", found=len(rows), published=2000),
            Count(what="classes", found=len({row["label"] for row in rows}), published=50),
            *(
                Count(what=f"fold{number} sounds", found=per_fold[f"fold{number}"], published=400)
                for number in range(1, 6)
            ),
        ],
        problems=problems,
    )
