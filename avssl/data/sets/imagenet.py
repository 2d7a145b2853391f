"""ImageNet (ILSVRC 2012): 1.28 million pictures of 1,000 classes (Russakovsky et al., IJCV 2015)."""

import re
from pathlib import Path

from avssl.data.recordings import PICTURES
from avssl.data.sets import matlab
from avssl.data.sets.base import Count, Listing, Problem, SetError, official_form
from avssl.data.sets.trees import check_root, folders
from avssl.data.texts import read_lines
from avssl.files import names_in

DEVKIT = "ILSVRC2012_devkit_t12/data"
TRUTH, META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
PUBLISHED = {"train": 1281167, "val": 50000}
CLASSES = 1000
NUMERAL = re.compile("[0-9]{1,9}")


def read(root: Path) -> Listing:
    """Read ImageNet.

    Args:
        root: the folder with ``train/<wnid>/*.JPEG`` and ``val/``: class folders too, or the flat archive as it comes,
            which needs the development kit ``ILSVRC2012_devkit_t12`` beside it: the kit's numbers 1 to 1000 of the
            validation pictures are not in the order of the wnids.

    Returns:
        One row per picture, with its split and its wnid as class; ``words`` are the kit's, where it is there. Classes
        are in the order of their wnids.

    Raises:
        SetError: if there is neither ``train`` nor ``val``, or a flat ``val`` without the kit.
    """
    root = check_root(root, lambda folder: any((folder / split).is_dir() for split in PUBLISHED), "train/ or val/")
    kit = read_kit(root / DEVKIT)
    words = dict(kit.values())
    rows: list[dict[str, str]] = []
    problems: list[Problem] = []
    for split in PUBLISHED:
        if not (root / split).is_dir():
            problems.append(Problem(kind="missing", path=f"{split}/", about="no such folder"))
            continue
        classed = folders(root / split)
        for folder in classed:
            names = list(names_in(folder, PICTURES, depth=0))
            if not names:
                problems.append(Problem(kind="odd", path=f"{split}/{folder.name}/", about="the class folder is empty"))
            about = {"split": split, "label": folder.name, "words": words.get(folder.name, "")}
            rows += [{"path": f"{split}/{folder.name}/{name}"} | about for name in names]
        if not classed:
            found, amiss = flat(root, split, kit)
            rows, problems = rows + found, problems + amiss
    counts = [
        Count(what=f"{split} pictures", found=sum(row["split"] == split for row in rows), published=number)
        for split, number in PUBLISHED.items()
    ]
    names = sorted({row["label"] for row in rows})
    return Listing(
        name="ImageNet",
        root=root,
        media="picture",
        rows=rows,
        classes=names,
        counts=[*counts, Count(what="classes", found=len(names), published=CLASSES)],
        problems=problems,
    )


def flat(root: Path, split: str, kit: dict[int, tuple[str, str]]) -> tuple[list[dict[str, str]], list[Problem]]:
    """Return a row for each picture of a folder without class folders, by the kit's ground truth.

    Raises:
        SetError: if the kit is not there, or does not fit.
    """
    truth = root / DEVKIT / TRUTH
    if not kit or not truth.is_file():
        raise SetError(
            f"{root / split} has no class folders; put {DEVKIT.split('/')[0]} beside it: "
            f"its {TRUTH} and {META} tell the classes"
        )
    numbers = [number_of(line, f"{truth}, line {place}", kit) for place, line in read_lines(truth)]
    rows, problems = [], []
    for name in names_in(root / split, PICTURES, depth=0):
        place = Path(name).stem.rpartition("_")[2]
        if not place.isdecimal() or not 1 <= int(place) <= len(numbers):
            problems.append(
                Problem(kind="unlisted", path=f"{split}/{name}", about=f"not one of the {len(numbers)} listed")
            )
            continue
        wnid, words = kit[numbers[int(place) - 1]]
        rows.append({"path": f"{split}/{name}", "split": split, "label": wnid, "words": words})
    return rows, problems


def number_of(line: str, where: str, kit: dict[int, tuple[str, str]]) -> int:
    """Return the number of a class that a line of the ground truth names.

    Raises:
        SetError: if the kit knows no such class.
    """
    if not NUMERAL.fullmatch(line) or int(line) not in kit:
        raise SetError(f"{where}: {line[:40]!r} is no number of a class of {META}; are both of one kit?")
    return int(line)


def read_kit(folder: Path) -> dict[int, tuple[str, str]]:
    """Return wnid and words of the numbers 1 to 1000 of the development kit; empty without it."""
    if not (folder / META).is_file():
        return {}
    found = {}
    with official_form(folder / META):
        for one in matlab.structures(matlab.load(folder / META, "synsets")[0]):
            if matlab.number(matlab.part(one, "num_children")) == 0:
                number = matlab.number(matlab.part(one, "ILSVRC2012_ID"))
                if not number.is_integer():
                    raise SetError(f"{folder / META}: ILSVRC2012_ID should be a number; got {number}")
                found[int(number)] = matlab.text(matlab.part(one, "WNID")), matlab.text(matlab.part(one, "words"))
    return found
