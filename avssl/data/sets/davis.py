"""DAVIS 2017: videos of 480p with a mask of each object in every frame, from the official tree.

Pont-Tuset et al., "The 2017 DAVIS Challenge on Video Object Segmentation", 2017. https://arxiv.org/abs/1704.00675
"""

from pathlib import Path

from avssl.data.sets.base import Count, Listing, SetError
from avssl.data.sets.sequences import list_sequences, stems_in
from avssl.data.sets.trees import check_root, folders
from avssl.data.texts import read_lines

FRAMES, MASKS, LISTS = "JPEGImages", "Annotations", "ImageSets/2017"
PUBLISHED = {"train": 60, "val": 30, "test-dev": 30, "test-challenge": 30}  # sequences: table 1 of the paper
TESTS = ("test-dev", "test-challenge")  # nobody outside has their truth


def read(root: Path, resolution: str = "480p") -> Listing:
    """List the sequences, folders of frames, with their splits and the folder of their masks.

    Args:
        root: the folder ``DAVIS`` with ``JPEGImages/480p``, ``Annotations/480p`` and ``ImageSets/2017``.
        resolution: which of its sizes, ``480p`` or ``Full-Resolution``.

    Raises:
        SetError: if this is no DAVIS 2017.
    """
    needs = f"{FRAMES}/{resolution}, {MASKS}/{resolution} and {LISTS}"
    parts = (f"{FRAMES}/{resolution}", f"{MASKS}/{resolution}", LISTS)
    root = check_root(root, lambda folder: all((folder / part).is_dir() for part in parts), needs)
    frames, masks = root / FRAMES / resolution, root / MASKS / resolution
    splits = lists(root / LISTS)
    names = {*splits, *(folder.name for folder in folders(frames))}
    places = {name: (frames / name, masks / name) for name in names}
    rows, problems = list_sequences(root, places, splits, lambda name: splits.get(name, [""])[0] in TESTS)
    counts = []
    for split, published in PUBLISHED.items():
        of_split = [row for row in rows if split in row["split"].split()]
        if of_split:
            counts.append(Count(what=f"{split} sequences", found=len(of_split), published=published))
            counts.append(Count(what=f"{split} frames", found=sum(int(row["frames"]) for row in of_split)))
    return Listing(name="DAVIS 2017", root=root, media="frames", rows=rows, counts=counts, problems=problems)


def lists(folder: Path) -> dict[str, list[str]]:
    """Return the splits of each sequence from ``train.txt``, ``val.txt`` and those of the test sets that are there.

    Raises:
        SetError: if there is no list.
    """
    found: dict[str, list[str]] = {}
    for split in PUBLISHED:
        path = folder / f"{split}.txt"
        for _, line in read_lines(path) if path.is_file() else ():
            found.setdefault(line.strip(), []).append(split)
    if not found:
        there = ", ".join(stems_in(folder, {".txt"})) or "nothing"
        raise SetError(f"{folder} holds no train.txt, val.txt or test-dev.txt of sequences; it holds {there}")
    return found
