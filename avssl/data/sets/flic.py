"""FLIC: people in films, 11 joints of the upper body (Sapp and Taskar, "MODEC", CVPR 2013), and FLIC-full.

FLIC-plus (Tompson et al., "Joint training of a convolutional network and a graphical model", NIPS 2014) is the part of
FLIC-full that shares no scene with FLIC's test pictures; ``tr_plus_indices.mat`` names it, counting from 1. The code
whose data Shuffle and Learn (ECCV 2016) trained and tested on compares these numbers with ones that count from 0, so
that its training pictures are those one place further; here they are the ones that were meant.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avssl.data.sets import matlab
from avssl.data.sets.base import Count, Listing, Problem, SetError, official_form
from avssl.data.sets.coordinates import index_from_matlab, points_from_matlab
from avssl.data.sets.people import Annotation, pictures_of, split_counts, unlisted
from avssl.data.sets.trees import check_root

LABELLED = [0, 1, 2, 3, 4, 5, 6, 9, 12, 13, 16]  # rows of coords that hold the joints of the convention "flic"
RIGHT_SHOULDER, LEFT_HIP = 3, 6  # among them
PLUS = "tr_plus_indices.mat"
FULL, FULL_PLUS = 20928, 17380  # examples of FLIC-full, and how many of them are FLIC-plus


def read(root: Path) -> Listing:
    """Read FLIC or FLIC-full.

    The joints keep the person's own left and right, as in ``examples.mat`` (MODEC and every evaluation since turn
    them to the observer's themselves; so does ``Persons(naming="observer")``). The reference is the distance from the
    right shoulder to the left hip in this naming, also for who names otherwise.

    Args:
        root: the folder with ``examples.mat`` and ``images/``, and for FLIC-plus ``tr_plus_indices.mat``.

    Returns:
        One row per person. Splits: ``train`` and ``test`` by the flags; with FLIC-plus also ``plus`` (17,380) and
        ``rest``, everything that is not in it, which Shuffle and Learn tested on. Columns of its own: ``frame``,
        and in FLIC-full ``bad`` (hidden, turned away, or mislabelled) and ``unchecked``. The group is the film.

    Raises:
        SetError: if this is no FLIC.
    """
    root = check_root(root, lambda folder: (folder / "examples.mat").is_file(), "examples.mat")
    examples = matlab.structures(matlab.load(root / "examples.mat", "examples")[0])
    if not examples or np.shape(matlab.part(examples[0], "coords")) != (2, 29):
        shape = np.shape(matlab.part(examples[0], "coords")) if examples else "no examples"
        raise SetError(f"{root}/examples.mat: coords should be 2 x 29, got {shape}; is it the official file?")
    full = "isbad" in examples[0]._fieldnames
    plus = plus_of(root, len(examples)) if full else None
    present = pictures_of(root / "images")
    rows, problems, named = [], [], set()
    for place, example in enumerate(examples):
        name = matlab.text(matlab.part(example, "filepath"))
        named.add(name)
        if name not in present:
            problems.append(Problem(kind="missing", path=f"images/{name}", about=f"picture of example {place + 1}"))
            continue
        with official_form(root / "examples.mat"):
            row, amiss = person(example, name, None if plus is None else place in plus)
        rows += [row] if row else []
        problems += [Problem(kind="unlabelled", path=f"images/{name}", about=amiss)] if amiss else []
    return Listing(
        name="FLIC-full" if full else "FLIC",
        root=root,
        media="picture",
        rows=rows,
        counts=counts(examples, rows, full, plus),
        problems=[*problems, *unlisted(present - named, "images")],
    )


def plus_of(root: Path, examples: int) -> set[int] | None:
    """Return which examples of FLIC-full are FLIC-plus, counting from 0, or None without its file."""
    if not (root / PLUS).exists():
        return None
    with official_form(root / PLUS):
        plus = index_from_matlab(matlab.load(root / PLUS, "tr_plus_indices")[0])
    if len(plus) and plus.max() >= examples:
        raise SetError(f"{root / PLUS} names example {plus.max() + 1} of {examples}; it belongs to FLIC-full")
    return set(plus.tolist())


def person(example: Any, name: str, plus: bool | None) -> tuple[dict[str, Any] | None, str]:
    """Return the row of an example, or None, and what is wrong with it."""
    points = points_from_matlab(np.asarray(example.coords, np.float64).T[LABELLED])
    labelled = np.asarray(np.isfinite(points).all(-1))
    if not labelled.any():
        return None, "all joints are missing"
    length = float(np.linalg.norm(points[RIGHT_SHOULDER] - points[LEFT_HIP]))
    box = matlab.numbers(matlab.part(example, "torsobox"))
    whole = len(box) == 4 and np.isfinite(box).all()
    words = [word for word in ("train", "test") if flag(example, f"is{word}")]
    words += [] if plus is None else ["plus" if plus else "rest"]
    annotation = Annotation(
        points=points,
        seen=labelled,
        reference=length if length > 0 else None,  # NaN is not above 0 either
        box=points_from_matlab(box) if whole else None,
        own={
            "group": matlab.text(matlab.part(example, "moviename")),
            "frame": int(np.nan_to_num(matlab.number(matlab.part(example, "currframe")))),
        }
        | {word: flag(example, f"is{word}") for word in ("bad", "unchecked") if f"is{word}" in example._fieldnames},
    )
    row = annotation.row(f"images/{name}", words, "flic")
    amiss = [] if labelled.all() else [f"{(~labelled).sum()} of {len(points)} joints are missing"]
    amiss += [] if length > 0 else ["no torso to measure in"]
    amiss += [] if whole else ["no torso box"]
    return row, "; ".join(amiss)


def flag(example: Any, field: str) -> bool:
    return matlab.number(matlab.part(example, field)) == 1


def counts(examples: Sequence[Any], rows: Sequence[dict[str, Any]], full: bool, plus: set[int] | None) -> list[Count]:
    """Return how many people there are in all and in each split, beside the published numbers."""
    people = split_counts(rows)
    if not full:
        published = {"train": 3987, "test": 1016}
        return [
            Count(what="examples", found=len(examples), published=5003),
            *(
                Count(what=f"{word} people", found=people.get(word, 0), published=number)
                for word, number in published.items()
            ),
        ]
    found = [Count(what="examples", found=len(examples), published=FULL)]
    if plus is not None:
        found += [
            Count(what="plus people", found=people.get("plus", 0), published=FULL_PLUS),
            Count(what="rest people", found=people.get("rest", 0), published=FULL - FULL_PLUS),
        ]
    return found
