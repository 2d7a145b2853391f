"""OTB-100: 98 videos in which a box is followed, 100 of them in all, from the official tree.

Wu, Lim and Yang, "Object Tracking Benchmark", TPAMI 2015.
"""

from pathlib import Path

from avssl.data.sets.base import Count, Listing, Problem
from avssl.data.sets.sequences import stems_in
from avssl.data.sets.trees import check_root, folders, relative
from avssl.data.tracks import read_boxes
from avssl.files import FileError
from avssl.media.pictures import SUFFIXES

RATE = 25  # frames a second that a folder of pictures has here; start and end are counted in it
PARTS = {  # first and last frame that are annotated, where others lie in the folder (the benchmark's page)
    "David": (300, 770), "Football1": (1, 74), "Freeman3": (1, 460), "Freeman4": (1, 283), "Diving": (1, 215),
}  # fmt: skip
OTB50 = """
    Basketball Biker Bird1 BlurBody BlurCar2 BlurFace BlurOwl Bolt Box Car1 Car4 CarDark CarScale ClifBar Couple
    Crowds David Deer Diving DragonBaby Dudek Football Freeman4 Girl Human3 Human4 Human6 Human9 Ironman Jump
    Jumping Liquor Matrix MotorRolling Panda RedTeam Shaking Singer2 Skating1 Skating2 Skiing Soccer Surfer
    Sylvester Tiger2 Trellis Walking Walking2 Woman
"""
OTB2013 = """
    Basketball Bolt Boy Car4 CarDark CarScale Coke Couple Crossing David David2 David3 Deer Dog1 Doll Dudek
    FaceOcc1 FaceOcc2 Fish FleetFace Football Football1 Freeman1 Freeman3 Freeman4 Girl Ironman Jogging Jumping
    Lemming Liquor Matrix Mhyang MotorRolling MountainBike Shaking Singer1 Singer2 Skating1 Skiing Soccer Subway
    Suv Sylvester Tiger1 Tiger2 Trellis Walking Walking2 Woman
"""
PUBLISHED = {"otb100": 100, "otb50": 50, "otb2013": 51}  # targets: pages of the benchmark


def read(root: Path) -> Listing:
    """List the targets, a row for each file of boxes: some videos have two.

    Args:
        root: the folder with ``<Sequence>/img/0001.jpg`` and ``<Sequence>/groundtruth_rect*.txt``.

    Raises:
        SetError: if this is no OTB.
    """
    root = check_root(
        root, lambda folder: bool(truths(folder)), "folders with img and groundtruth_rect.txt, such as Basketball"
    )
    rows, problems = [], []
    for folder in folders(root):
        texts = sorted(folder.glob("groundtruth_rect*.txt"))
        stems = stems_in(folder / "img", SUFFIXES)
        if not texts or not stems:
            what = "img holds no frames" if texts else "no groundtruth_rect.txt"
            problems.append(Problem(kind="missing", path=relative(folder, root), about=what))
            continue
        full = [text for text in texts if text.stat().st_size and text.read_bytes().strip()]
        for text in sorted(set(texts) - set(full)):
            problems.append(Problem(kind="odd", path=relative(text, root), about="empty; left out"))
        for number, text in enumerate(full, 1):
            first, last = part_of(folder.name, stems)
            row = row_of(folder, text, root, first, last)
            row["target"] = f"{folder.name}.{number}" if len(full) > 1 else folder.name
            problem = wrong(text, last - first + 1)
            if problem:
                problems.append(Problem(kind="unlabelled", path=relative(text, root), about=problem))
                continue
            rows.append(row)
    counts = [
        Count(what=f"{split} targets", found=sum(split in row["split"].split() for row in rows), published=published)
        for split, published in PUBLISHED.items()
    ]
    return Listing(name="OTB", root=root, media="frames", rows=rows, counts=counts, problems=problems)


def truths(root: Path) -> list[Path]:
    """Return the files of boxes of a tree."""
    return sorted(root.glob("*/groundtruth_rect*.txt"))


def part_of(name: str, stems: list[str]) -> tuple[int, int]:
    """Return the places of the first and last annotated frame among the frames of a folder.

    Examples:
        >>> part_of("David", [f"{number:04d}" for number in range(1, 771)]), part_of("Deer", ["0001", "0002"])
        ((299, 769), (0, 1))
    """
    if name not in PARTS:
        return 0, len(stems) - 1
    first, last = PARTS[name]
    inside = [place for place, stem in enumerate(stems) if not stem.isdigit() or first <= int(stem) <= last]
    return (inside[0], inside[-1]) if inside else (0, len(stems) - 1)


def row_of(folder: Path, text: Path, root: Path, first: int, last: int) -> dict[str, str]:
    """Return a row of the manifest; ``start`` and ``end`` lie between frames."""
    splits = ["otb100"] + ["otb50"] * (folder.name in OTB50.split()) + ["otb2013"] * (folder.name in OTB2013.split())
    return {
        "path": relative(folder / "img", root),
        "split": " ".join(splits),
        "start": f"{(first - 0.5) / RATE:.4f}" if first else "",
        "end": f"{(last + 0.5) / RATE:.4f}",
        "group": folder.name,
        "track": relative(text, root),
        "origin": "1",
        "frames": str(last - first + 1),
    }


def wrong(text: Path, frames: int) -> str:
    """Return what is wrong with a file of boxes, in words; nothing where it fits."""
    try:
        boxes = read_boxes(text)
    except (FileError, ValueError) as error:
        return str(error)
    return "" if len(boxes) == frames else f"{len(boxes)} boxes for {frames} frames"
