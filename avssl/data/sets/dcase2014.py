"""DCASE scenes: 10 acoustic scenes, 30 s a recording, 10 of each for training and for test (Stowell et al. 2015).

"Detection and Classification of Acoustic Scenes and Events", IEEE Transactions on Multimedia 17(10). The literature of
audio-visual learning calls this set of the 2013 challenge "DCASE 2014".
"""

from collections import Counter
from pathlib import Path

from avssl.data.sets.base import Count, Listing, Problem, SetError
from avssl.data.sets.trees import check_root
from avssl.files import names_in

PARTS = {"train": "scenes_stereo", "test": "scenes_stereo_testset"}  # the archives' names
SCENES = (
    "bus",
    "busystreet",
    "office",
    "openairmarket",
    "park",
    "quietstreet",
    "restaurant",
    "supermarket",
    "tube",
    "tubestation",
)


def read(root: Path) -> Listing:
    """Read the scenes.

    Args:
        root: the folder with ``scenes_stereo/`` and ``scenes_stereo_testset/``, of files ``busystreet07.wav``; an
            archive that was unpacked into a folder of its own name is found too. Numbers need not be consecutive. Names
            without a scene (a key to names was published beside the test archive) are told and left out.

    Returns:
        One row per recording: ``train`` or ``test``, its scene as class, its own name as group.

    Raises:
        SetError: if there is no such folder, or no recording of a known scene in it.
    """
    root = check_root(root, lambda folder: (folder / PARTS["train"]).is_dir(), f"{PARTS['train']}/")
    rows, problems = [], []
    for split, part in PARTS.items():
        place = root / part / part if (root / part / part).is_dir() else root / part
        if not place.is_dir():
            problems.append(Problem(kind="missing", path=part, about=f"the {split} recordings"))
            continue
        for path in (place / name for name in names_in(place, {".wav"}, depth=0)):
            name, scene = path.relative_to(root).as_posix(), path.stem[:-2]
            if scene in SCENES and path.stem[-2:].isdecimal():
                rows.append({"path": name, "split": split, "label": scene, "group": f"{split} {path.stem}"})
            else:
                problems.append(Problem(kind="unlabelled", path=name, about="no scene and two digits in its name"))
    if not rows:
        raise SetError(f"{root / PARTS['train']} holds no recording such as busystreet07.wav; unpack the archive there")
    found = Counter((row["split"], row["label"]) for row in rows)
    return Listing(
        name="DCASE scenes",
        root=root,
        media="sound",
        rows=rows,
        classes=list(SCENES),
        counts=[
            *(Count(what=f"{split} recordings", found=sum(found[split, scene] for scene in SCENES), published=100)
              for split in PARTS),
            *(Count(what=f"{split} {scene}", found=found[split, scene], published=10)
              for split in PARTS for scene in SCENES),
        ],
        problems=problems,
    )  # fmt: skip
