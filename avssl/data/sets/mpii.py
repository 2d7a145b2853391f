"""MPII Human Pose: people in pictures of videos, 16 joints (Andriluka et al., "2D Human Pose Estimation", CVPR 2014).

The official file splits its pictures into training and test, and gives no joints of the test people. Everybody's
validation people are 2,958 of the training people (Tompson et al., "Efficient object localization using convolutional
networks", CVPR 2015), and nobody in their pictures is trained on.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avssl.data.sets import matlab
from avssl.data.sets.base import Count, Listing, Problem, SetError, official_form
from avssl.data.sets.coordinates import index_from_matlab, points_from_matlab
from avssl.data.sets.mpii_copies import find, head_size, read_copies, validation_of_copies
from avssl.data.sets.people import Annotation, pictures_of, split_counts, unlisted
from avssl.data.sets.trees import check_root

OFFICIAL = "mpii_human_pose_v1_u12_1.mat"
PUBLISHED = {"train": 22246, "val": 2958, "test": 11731}  # people


def read(root: Path) -> Listing:
    """Read MPII from the official file, or else from the JSON copies that public training code uses.

    Joints that nobody placed are NaN and do not count; joints that are hidden but placed count (as in the official
    evaluation) and are not ``visible``; places may lie outside of the picture. The reference is the head's size.

    Args:
        root: the folder with ``images/`` and, in it or in ``annot/``, the official file and whatever knows the
            validation people: ``detections.mat`` of Tompson et al., or one of the copies.

    Returns:
        One row per person. Splits: ``trainval`` (everybody with joints), ``train``, ``val``, ``test``. Columns of its
        own: ``person`` (place among the people of the picture, from 0), ``head`` (two opposite corners of the head's
        box), ``activity``, ``category``. The group is the video.

    Raises:
        SetError: if this is no MPII.
    """
    root = check_root(root, lambda folder: (folder / "images").is_dir(), "folder images")
    present = pictures_of(root / "images")
    official = find(root, OFFICIAL)
    if official is not None:
        with official_form(official):
            (release,) = matlab.structures(matlab.load(official, "RELEASE")[0])
            rows, problems, named = read_official(release, root)
        counts = [Count(what="pictures", found=len(named), published=24987)]
    else:
        rows, problems, named = read_copies(root)
        counts = []  # nobody knows how many pictures a copy should name
    if not named:
        needed = f"neither {OFFICIAL} nor annot/trainval.json nor mpii_annotations.json"
        raise SetError(f"{root} holds {needed}; extract the official mpii_human_pose_v1_u12_2.zip there")
    missing = [
        Problem(kind="missing", path=f"images/{name}", about="annotated, not there") for name in sorted(named - present)
    ]
    rows = [row for row in rows if row["path"].removeprefix("images/") in present]
    found = split_counts(rows)
    words = PUBLISHED if official is not None else set(PUBLISHED) & set(found)
    counts += [
        Count(what=f"{word} people", found=found.get(word, 0), published=number)
        for word, number in PUBLISHED.items()
        if word in words
    ]
    problems = [*missing, *problems, *(unlisted(present - named, "images") if official is not None else [])]
    return Listing(name="MPII", root=root, media="picture", rows=rows, counts=counts, problems=problems)


def read_official(release: Any, root: Path) -> tuple[list[dict[str, Any]], list[Problem], set[str]]:
    """Return the rows of the official structure, the problems, and the names of all its pictures."""
    annolist, train = matlab.structures(release.annolist), matlab.numbers(release.img_train)
    if len(train) != len(annolist):
        raise SetError(f"{OFFICIAL} has {len(annolist)} pictures and {len(train)} flags; was it copied whole?")
    names = [matlab.text(matlab.structures(entry.image)[0].name) for entry in annolist]
    people = [[person_of(each) for each in matlab.structures(matlab.part(entry, "annorect"))] for entry in annolist]
    validation = validation_people(root, names, people)
    rows, problems = [], []
    for place, name in enumerate(names):
        about = about_picture(release, annolist[place], place)
        for number, person in enumerate(people[place]):
            amiss = what_is_amiss(person, train[place] == 1)
            if amiss:
                about_person = f"person {number + 1}: {amiss}"
                problems.append(Problem(kind="unlabelled", path=f"images/{name}", about=about_person))
            if person.labelled.any() if train[place] == 1 else person.centre is not None:
                words = words_of(place, number, train[place] == 1, validation)
                rows.append(person.row(f"images/{name}", words, "mpii") | {"person": number} | about)
    if validation is None:
        about = "train and val cannot be told apart without detections.mat, valid.json or mpii_annotations.json"
        problems.append(Problem(kind="missing", path="annot/detections.mat", about=about))
    return rows, problems, set(names)


def words_of(place: int, number: int, train: bool, validation: Mapping[int, set[int]] | None) -> list[str]:
    """Return the splits of a person of a picture."""
    if not train:
        return ["test"]
    if validation is None:
        return ["trainval"]
    if place not in validation:
        return ["trainval", "train"]
    return ["trainval", "val"] if number in validation[place] else ["trainval"]


def what_is_amiss(person: Annotation, train: bool) -> str:
    amiss = ["no joints"] if train and not person.labelled.any() else []
    amiss += ["no place or no scale"] if person.centre is None else []
    amiss += ["no head box"] if train and person.reference is None else []
    return ", ".join(amiss)


def person_of(person: Any) -> Annotation:
    """Return what the official structure knows of a person.

    ``is_visible`` is a number, a character or missing; a joint without it (neck and top of the head) is seen.
    """
    points, seen = np.full((16, 2), np.nan), np.zeros(16, bool)
    for holder in matlab.structures(matlab.part(person, "annopoints")):
        for point in matlab.structures(matlab.part(holder, "point")):
            joint, x, y = (matlab.number(matlab.part(point, field)) for field in ("id", "x", "y"))
            if np.isfinite([joint, x, y]).all():
                if joint not in range(16):
                    raise ValueError(f"joints have ids from 0 to 15; got {joint:g}")
                points[int(joint)] = points_from_matlab([x, y])
                seen[int(joint)] = matlab.number(matlab.part(point, "is_visible")) != 0
    spots = matlab.structures(matlab.part(person, "objpos"))
    centre = points_from_matlab([matlab.number(matlab.part(spots[0], axis)) if spots else np.nan for axis in "xy"])
    scale = matlab.number(matlab.part(person, "scale"))
    placed = bool(np.isfinite([*centre, scale]).all())
    head = points_from_matlab([matlab.number(matlab.part(person, corner)) for corner in ("x1", "y1", "x2", "y2")])
    headed = bool(np.isfinite(head).all())
    return Annotation(
        points=points,
        seen=seen,
        reference=head_size(head) if headed else None,
        centre=centre if placed else None,
        scale=scale if placed else None,
        own={"head": head.tolist() if headed else ""},
    )


def about_picture(release: Any, entry: Any, place: int) -> dict[str, str]:
    """Return the video and the activity of a picture, blank where they are not known."""
    videos = np.asarray(matlab.part(release, "video_list")).ravel()
    video = matlab.number(matlab.part(entry, "vididx"))
    acts = np.asarray(matlab.part(release, "act")).ravel()
    act = acts[place] if place < len(acts) else None
    return {
        "group": matlab.text(videos[int(video) - 1]) if 1 <= video <= len(videos) else "",
        "activity": matlab.text(matlab.part(act, "act_name")),
        "category": matlab.text(matlab.part(act, "cat_name")),
    }


def validation_people(
    root: Path, names: Sequence[str], people: Sequence[Sequence[Annotation]]
) -> dict[int, set[int]] | None:
    """Return the validation people of each picture that has some, counting from 0, or None if no file knows them."""
    path = find(root, "detections.mat")
    if path is None:
        pairs = validation_of_copies(root, names, people)
    else:
        indices = matlab.load(path, "RELEASE_img_index", "RELEASE_person_index")
        with official_form(path):
            pairs = set(zip(*(index_from_matlab(index).tolist() for index in indices), strict=True))
    if pairs is None:
        return None
    chosen: dict[int, set[int]] = {}
    for picture, number in pairs:
        chosen.setdefault(picture, set()).add(number)
    return chosen
