"""VIP: videos of people with 19 classes of parts and clothes painted in every frame, from the official tree.

Zhou et al., "Adaptive Temporal Encoding Network for Video Instance-level Human Parsing", ACM Multimedia 2018.
https://arxiv.org/abs/1808.00661
"""

from pathlib import Path

from avssl.data.sets.base import Count, Listing, SetError
from avssl.data.sets.sequences import list_sequences, stems_in
from avssl.data.sets.trees import check_root, folders
from avssl.data.texts import read_lines

FRAMES, MASKS, LISTS = "Images", "Annotations/Category_ids", "lists"
SPLITS = ("train", "val", "test")
CLASSES = 20  # with the background
COUNTS = {"train": 304, "val": 50, "test": 50}  # videos, 404 in all; how they are split is from memory


def read(root: Path) -> Listing:
    """List the videos, folders of frames, with their splits and the folder of their class numbers.

    Masks are those of ``Annotations/Category_ids``, grey pictures whose values are classes; the folder ``Categories``
    paints the same in colours, which name nothing.

    Args:
        root: the folder ``VIP`` with ``Images``, ``Annotations/Category_ids`` and ``lists``.

    Raises:
        SetError: if this is no VIP.
    """
    parts = (FRAMES, MASKS, LISTS)
    root = check_root(root, lambda folder: all((folder / part).is_dir() for part in parts), ", ".join(parts))
    splits = lists(root / LISTS)
    names = {*splits, *(folder.name for folder in folders(root / FRAMES))}
    places = {name: (root / FRAMES / name, root / MASKS / name) for name in names}
    rows, problems = list_sequences(root, places, splits, lambda name: "test" in splits.get(name, []))
    counts = [
        Count(what=f"{split} videos", found=found, published=COUNTS[split])
        for split in SPLITS
        if (found := sum(split in row["split"].split() for row in rows))
    ]
    return Listing(name="VIP", root=root, media="frames", rows=rows, counts=counts, problems=problems)


def lists(folder: Path) -> dict[str, list[str]]:
    """Return the splits of each video from ``train_videos.txt``, ``val_videos.txt`` and ``test_videos.txt``.

    Raises:
        SetError: if there is none of these.
    """
    found: dict[str, list[str]] = {}
    for split in SPLITS:
        path = folder / f"{split}_videos.txt"
        for _, line in read_lines(path) if path.is_file() else ():
            found.setdefault(line.strip(), []).append(split)
    if not found:
        there = ", ".join(stems_in(folder, {".txt"})) or "nothing"
        raise SetError(f"{folder} holds no val_videos.txt; it holds {there}")
    return found
