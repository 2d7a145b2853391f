"""VGGSound: ten-second pieces of YouTube videos whose sound is of one of 309 classes (Chen et al., ICASSP 2020)."""

import re
from pathlib import Path

from avssl.data.recordings import ENDINGS, SOUNDS
from avssl.data.sets.base import Count, Listing, Problem, SetError
from avssl.data.sets.trees import check_root, folders
from avssl.data.tables import read_records
from avssl.files import names_in

TABLE = "vggsound.csv"
SECONDS = re.compile("[0-9]{1,6}")
NUMBER = 309  # classes (the paper's abstract says 310; its released table holds 309)


def read(root: Path) -> Listing:
    """Read VGGSound.

    Args:
        root: the folder with ``vggsound.csv`` and the media, ``ID_%06d.mp4`` (the start in seconds) in any folders up
            to two deep.

    Returns:
        One row per piece that is there, with its split (``train`` or ``test``), its class and the video as group.
        Videos vanish from YouTube: missing ones are told, and no failure. Classes are in the order of their names.

    Raises:
        SetError: if the table is missing or is another one.
    """
    root = check_root(root, lambda folder: (folder / TABLE).is_file(), TABLE)
    there = {}
    for place in [root, *folders(root)]:
        for name in names_in(place, ENDINGS | SOUNDS, depth=0 if place == root else 1):
            there.setdefault(Path(name).stem, name if place == root else f"{place.name}/{name}")
    rows, problems = [], []
    listed = {"train": 0, "test": 0}
    classes: set[str] = set()
    for number, row in read_records(root / TABLE, official=True):
        if not any(row):
            continue
        if len(row) != 4 or not SECONDS.fullmatch(row[1]) or row[3] not in listed:
            raise SetError(f"{root / TABLE}, row {number}: needs id, start, class and train or test; got {row}")
        video, start, label, split = row
        listed[split] += 1
        classes.add(label)
        name = f"{video}_{int(start):06d}"
        if name in there:
            rows.append({"path": there[name], "split": split, "label": label, "group": video})
        else:
            problems.append(Problem(kind="missing", path=f"{name}.mp4", about="listed"))
    found = {split: sum(row["split"] == split for row in rows) for split in listed}
    return Listing(
        name="VGGSound",
        root=root,
        media="video",
        rows=rows,
        classes=sorted(classes),
        counts=[
            *(
                Count(what=f"{split} pieces there", found=found[split], published=listed[split], tolerant=True)
                for split in listed
            ),
            Count(what="classes", found=len(classes), published=NUMBER),
        ],
        problems=problems,
    )
