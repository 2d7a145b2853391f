"""VGG-SS: boxes of what sounds in a frame of clips of VGGSound's test (Chen et al., CVPR 2021).

"Localizing Visual Sounds the Hard Way", https://arxiv.org/abs/2104.02691, section 4. The layout and the meaning of the
numbers are those that public evaluation code reads; the authors publish no description of them.
"""

from pathlib import Path
from typing import Any

from avssl.data.sets.base import Count, Listing, Problem, SetError
from avssl.data.sets.pairs import pair_of
from avssl.data.sets.trees import check_root
from avssl.data.tables import BETWEEN
from avssl.data.texts import read_json

TABLE = "vggss.json"
NUMBER = 5158  # clips (section 4)


def read(root: Path) -> Listing:
    """Read VGG-SS.

    Args:
        root: the folder with ``vggss.json``, ``frames/NAME.jpg`` (the 125th frame at 25 a second: the middle of the
            clip, which the boxes belong to) and ``audio/NAME.wav``.

    Returns:
        One row per clip whose picture and sound are there: ``split`` is ``test``, ``sounding`` are boxes in shares of
        the picture, the truth is their union (``votes`` is 1). Videos vanish from YouTube: missing
        ones are told, and no failure.

    Raises:
        SetError: if the table is missing or is another one.
    """
    root = check_root(root, lambda folder: (folder / TABLE).is_file(), TABLE)
    entries = read_json(root / TABLE)
    if not isinstance(entries, list) or not entries:
        raise SetError(f"{root / TABLE}: needs a list of {{file, bbox}}; got {str(entries)[:60]}")
    rows, problems = [], []
    for number, entry in enumerate(entries):
        name, boxes = checked(entry, f"{root / TABLE}, entry {number}")
        kept = [text(box) for box in boxes if 0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1]
        if len(kept) < len(boxes):
            about = f"{len(boxes) - len(kept)} of {len(boxes)} boxes are empty or leave the picture, and are left out"
            problems.append(Problem(kind="odd", path=name, about=about))
        if not kept:
            problems.append(Problem(kind="unlabelled", path=name, about="no box"))
            continue
        pair = pair_of(root, name, problems)
        if pair:
            about = {"split": "test", "label": str(entry.get("class", "")), "group": name[:11]}  # of the video
            rows.append(pair | about | {"sounding": BETWEEN.join(kept), "votes": 1})
    return Listing(
        name="VGG-SS",
        root=root,
        media="picture",
        rows=rows,
        classes=sorted({row["label"] for row in rows if row["label"]}),
        counts=[
            Count(what="entries", found=len(entries), published=NUMBER),
            Count(what="clips there", found=len(rows), published=len(entries), tolerant=True),
        ],
        problems=problems,
    )


def checked(entry: Any, where: str) -> tuple[str, list[list[float]]]:
    """Return the name and the boxes of an entry.

    Raises:
        SetError: if it is of another form.
    """
    try:
        name, boxes = str(entry["file"]), [[float(side) for side in box] for box in entry["bbox"]]
    except (KeyError, TypeError, ValueError) as error:
        raise SetError(f"{where}: needs file and bbox, a list of boxes; got {str(entry)[:80]}") from error
    if any(len(box) != 4 for box in boxes):
        raise SetError(f"{where}: a box is left, top, right, bottom; got {boxes}")
    return name, boxes


def text(box: list[float]) -> str:
    return " ".join(f"{side:.6g}" for side in box)
