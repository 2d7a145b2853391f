"""GOT-10k: 10,000 videos in which a box is followed, from the official tree.

Huang, Zhao and Huang, "GOT-10k: A Large High-Diversity Benchmark for Generic Object Tracking in the Wild", TPAMI 2019.
https://arxiv.org/abs/1810.11981
"""

from pathlib import Path

from avssl.data.sets.base import Count, Listing, Problem
from avssl.data.sets.sequences import stems_in
from avssl.data.sets.trees import check_root, folders, relative
from avssl.data.texts import read_lines
from avssl.data.tracks import numbers_of, read_boxes
from avssl.files import FileError
from avssl.media.pictures import SUFFIXES

PUBLISHED = {"train": 9335, "val": 180, "test": 180}  # videos that the authors' page gives to download
TRUTH, COVER, META, LIST = "groundtruth.txt", "cover.label", "meta_info.ini", "list.txt"


def read(root: Path) -> Listing:
    """List the videos, folders of frames, with their split, boxes, and how much of the thing can be seen.

    Args:
        root: the folder with ``train``, ``val`` or ``test``, each with ``list.txt`` and folders ``GOT-10k_*``.

    Raises:
        SetError: if this is no GOT-10k.
    """
    root = check_root(
        root, lambda folder: any((folder / split / LIST).is_file() for split in PUBLISHED), f"train/{LIST}, val/{LIST}"
    )
    rows, problems, counts = [], [], []
    for split, published in PUBLISHED.items():
        if not (root / split / LIST).is_file():
            continue
        listed = [line for _, line in read_lines(root / split / LIST)]
        found = []
        for name in sorted({*listed, *(folder.name for folder in folders(root / split))}):
            folder = root / split / name
            problem = problem_of(folder, split, name in listed)
            if problem:
                problems.append(Problem(kind=problem[0], path=relative(folder, root), about=problem[1]))
            if not problem or problem[0] == "unlisted":
                found.append(row_of(folder, split if name in listed else "", root))
        rows += found
        counts.append(
            Count(what=f"{split} videos", found=sum(bool(row["split"]) for row in found), published=published)
        )
    return Listing(name="GOT-10k", root=root, media="frames", rows=rows, counts=counts, problems=problems)


def problem_of(folder: Path, split: str, listed: bool):
    """Return what is wrong with a video, its kind and in words; None where nothing is."""
    stems = stems_in(folder, SUFFIXES)
    if not stems:
        return "missing", f"listed in {split}, no frames" if listed else "a folder without frames"
    if not (folder / TRUTH).is_file():
        return "unlabelled", f"no {TRUTH}"
    try:
        boxes = len(read_boxes(folder / TRUTH))
        cover = len(numbers_of(folder / COVER, 1)) if (folder / COVER).is_file() else len(stems)
    except (FileError, ValueError) as error:
        return "unlabelled", str(error)
    if boxes != len(stems) and not (split == "test" and boxes == 1):  # of the test set the first box is public
        return "unlabelled", f"{boxes} boxes for {len(stems)} frames"
    if cover != len(stems):
        return "unlabelled", f"{cover} lines in {COVER} for {len(stems)} frames"
    return None if listed else ("unlisted", f"not in {split}/{LIST}")


def row_of(folder: Path, split: str, root: Path) -> dict[str, str]:
    """Return a row of the manifest."""
    meta = dict(
        line.split(": ", 1)
        for _, line in (read_lines(folder / META) if (folder / META).is_file() else ())
        if ": " in line
    )
    cover = folder / COVER
    return {
        "path": relative(folder, root),
        "split": split,
        "label": meta.get("object_class", ""),
        "track": relative(folder / TRUTH, root),
        "cover": relative(cover, root) if cover.is_file() else "",
        "frames": str(len(stems_in(folder, SUFFIXES))),
    }
