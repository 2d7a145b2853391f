"""Flickr-SoundNet's test: boxes of three annotators in 250 pictures with sound (Senocak et al., CVPR 2018).

"Learning to Localize Sound Source in Visual Scenes", https://arxiv.org/abs/1803.03849, section 5. The layout and the
meaning of the numbers are those that public evaluation code reads; the authors publish no description of them.
"""

from pathlib import Path

from avssl.data.sets.base import Count, Listing, Problem, SetError
from avssl.data.sets.pairs import pair_of
from avssl.data.sets.trees import check_root
from avssl.data.tables import BETWEEN
from avssl.data.texts import read_xml
from avssl.files import names_in

FOLDER = "Annotations"
NUMBER = 250  # annotated pictures (section 5)
GRID = 256  # boxes are in pixels of pictures of this width and height
AGREE = 2  # annotators that must agree so that a place counts in full (section 5, the consensus)


def read(root: Path) -> Listing:
    """Read the annotated pictures of Flickr-SoundNet.

    Args:
        root: the folder with ``Annotations/NAME.xml`` (elements ``bbox`` two levels down, whose first child is passed
            over and whose next four are left, top, right and bottom on a grid of 256), ``frames/NAME.jpg`` and
            ``audio/NAME.wav``.

    Returns:
        One row per picture that is there with its sound: ``split`` is ``test``, ``sounding`` are boxes in shares of the
        picture, and ``votes`` is 2: where one box alone lies, the truth is a half. Missing pictures and sounds
        are told, and no failure.

    Raises:
        SetError: if there is no such folder, or no annotation in it.
    """
    root = check_root(root, lambda folder: (folder / FOLDER).is_dir(), f"{FOLDER}/")
    files = [root / FOLDER / name for name in names_in(root / FOLDER, {".xml"}, depth=0)]
    if not files:
        raise SetError(f"{root / FOLDER} holds no .xml; it should hold one per picture")
    rows, problems = [], []
    for path in files:
        place = path.relative_to(root).as_posix()
        try:
            boxes = boxes_in(path)
        except ValueError as error:
            problems.append(Problem(kind="undecodable", path=place, about=str(error)))
            continue
        if not boxes:
            problems.append(Problem(kind="unlabelled", path=place, about="no box"))
            continue
        pair = pair_of(root, path.stem, problems)
        if pair:
            rows.append(pair | {"split": "test", "group": path.stem, "sounding": BETWEEN.join(boxes), "votes": AGREE})
    return Listing(
        name="Flickr-SoundNet",
        root=root,
        media="picture",
        rows=rows,
        counts=[
            Count(what="annotations", found=len(files), published=NUMBER, tolerant=True),
            Count(what="pairs there", found=len(rows), published=len(files), tolerant=True),
        ],
        problems=problems,
    )


def boxes_in(path: Path) -> list[str]:
    """Return the boxes of a file as a manifest has them, shares of the picture.

    Raises:
        ValueError: if it is no XML, or a box is none.
    """
    boxes = []
    for element in (inner for outer in read_xml(path) for inner in outer if inner.tag == "bbox"):
        sides = [child.text or "" for child in element][1:5]
        try:
            left, top, right, bottom = (min(max(float(side), 0), GRID) / GRID for side in sides)
        except ValueError as error:
            raise ValueError(f"a bbox needs a child, then left, top, right, bottom; got {sides}") from error
        if left >= right or top >= bottom:
            raise ValueError(f"a bbox is empty: {sides}")
        boxes.append(f"{left:.6g} {top:.6g} {right:.6g} {bottom:.6g}")
    return boxes
