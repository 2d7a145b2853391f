"""NYU Depth v2, the labelled part: 1,449 pictures of rooms with depth and surface normals.

Silberman, Hoiem, Kohli and Fergus, "Indoor Segmentation and Support Inference from RGBD Images", ECCV 2012.

The official file holds no normals. They come from Ladicky, Zeisl and Pollefeys, "Discriminatively Trained Dense Surface
Normal Estimation", ECCV 2014, or Fouhey, Gupta and Hebert, "Data-Driven 3D Primitives", ICCV 2013, where one has their
files, and else from planes fitted to the measured depth; whoever reports a number says which (column ``truth``).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avssl.cache import whole
from avssl.data.sets import matlab
from avssl.data.sets.base import Count, Listing, Problem, SetError, official_form
from avssl.data.sets.coordinates import index_from_matlab, points_from_matlab
from avssl.data.sets.given_normals import Given
from avssl.data.sets.planes import normals_from_depth
from avssl.data.sets.trees import check_folder, relative
from avssl.data.texts import read_text
from avssl.installed import extra, prepare
from avssl.progress import track

LABELLED, SPLITS_FILE = "nyu_depth_v2_labeled.mat", "splits.mat"
EXPORTED, TRUTH = "exported", "truth.txt"
PICTURES = {"train": 795, "test": 654}
# camera_params.m of the authors' toolbox: focal length and principal point of the colour camera, which depth is
# projected to; pixels count from 1
FOCAL = (518.85790117450188, 519.46961112127485)
PRINCIPAL = (325.58244941119034, 253.73616633400465)
# rows and columns that evaluations look at since Eigen, Puhrsch and Fergus (NIPS 2014): the projected depth does not
# reach the borders
ROWS, COLUMNS = slice(45, 471), slice(41, 601)
PLANES = "planes fitted to depth"


def prepared(root: Path, normals: Path | None = None, exported: Path | None = None) -> Listing:
    """Export what is not exported yet, and list it.

    Args:
        root: the folder with ``nyu_depth_v2_labeled.mat`` and ``splits.mat``.
        normals: a folder or file of somebody's normals (``all_normals.pklz``, ``nm_000001.mat``, ...); by default
            planes are fitted to the measured depth.
        exported: folder for pictures, depth and normals; by default ``exported`` in the root.
    """
    export(root, normals, exported)
    return read(root, exported)


def read(root: Path, exported: Path | None = None) -> Listing:
    """List what `export` has written.

    Columns of the rows: ``split`` (``train`` or ``test``), ``label`` (the kind of room), ``group`` (the scene),
    ``depth`` (16-bit PNG, millimetres, 0 unknown), ``normals`` (0 outside the evaluated part and where depth was not
    measured) and ``truth`` (where the normals come from).

    Args:
        root: the folder with ``nyu_depth_v2_labeled.mat`` and ``splits.mat``.
        exported: the folder that was exported to; None for ``exported`` in the root.

    Raises:
        SetError: if a file is missing or is not the official one.
    """
    root = check_folder(root)
    folder = exported or root / EXPORTED
    with _open(root) as file, official_form(root / LABELLED):
        scenes, rooms = _texts(file, "scenes"), _texts(file, "sceneTypes")
    splits = _splits(root, len(scenes))
    truth = folder / TRUTH
    if not truth.is_file():
        raise SetError(f"there is no {truth}; write it with: {prepare('nyuv2')} --root {root}")
    rows, problems, counts = [], [], dict.fromkeys(PICTURES, 0)
    for index, (scene, room) in enumerate(zip(scenes, rooms, strict=True)):
        paths = {name: relative(folder / path, root) for name, path in files(index).items()}
        lost = [path for path in paths.values() if not (root / path).is_file()]
        problems += [Problem(kind="missing", path=path, about="not exported; prepare it again") for path in lost]
        if paths["path"] in lost or index not in splits:
            continue
        counts[splits[index]] += 1
        about = {"split": splits[index], "label": room, "group": scene, "truth": read_text(truth).strip()}
        rows.append({name: "" if path in lost else path for name, path in paths.items()} | about)
    return Listing(
        name="NYU Depth v2",
        root=root,
        media="picture",
        rows=rows,
        classes=sorted(set(rooms)),
        counts=[Count(what=f"{name} pictures", found=counts[name], published=PICTURES[name]) for name in PICTURES],
        problems=problems,
    )


def export(root: Path, normals: Path | None = None, exported: Path | None = None, progress: bool = True) -> None:
    """Write pictures, depth and normals; what is there already stays, so it can be stopped and called again.

    Args:
        root: the folder with the official files.
        normals: a folder or file of somebody's normals, see `Given`; None fits planes to the measured depth.
        exported: the folder to write to; None for ``exported`` in the root.
        progress: show a bar.

    Raises:
        SetError: if a file is missing or is not the official one, or normals of another origin were exported before.
    """
    root = check_folder(root)
    given = Given(normals) if normals is not None else None
    origin = PLANES if given is None else given.name
    folder = exported or root / EXPORTED
    with _open(root) as file:
        _claim(folder / TRUTH, origin)
        for index in track(range(len(file["images"])), "exporting NYU Depth v2", quiet=not progress):
            targets = {name: folder / path for name, path in files(index).items()}
            if not all(path.is_file() for path in targets.values()):
                _export_one(file, index, targets, given)


def files(index: int) -> dict[str, str]:
    """Return where each part of a picture goes, by column; numbers count from 1, as in the splits."""
    name = f"{index + 1:04d}"
    return {"path": f"pictures/{name}.png", "depth": f"depths/{name}.png", "normals": f"normals/{name}.npz"}


def _export_one(file: Any, index: int, targets: dict[str, Path], given: "Given | None") -> None:
    """Write one picture's files; the arrays lie in the file with their axes reversed."""
    for path in targets.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    raw = file["rawDepths"][index].T  # metres, 0 or NaN where not measured
    if given is None:
        middle = points_from_matlab(PRINCIPAL)
        measured = np.isfinite(raw) & (raw > 0)
        whole_picture = normals_from_depth(raw, measured, FOCAL, (float(middle[0]), float(middle[1])))
    else:
        whole_picture = given(index, raw.shape)
    found = np.zeros(whole_picture.shape, np.float16)  # 0.03 degrees at most are lost
    found[ROWS, COLUMNS] = whole_picture[ROWS, COLUMNS]
    depth = np.round(file["depths"][index].T * 1000).clip(0, 65535).astype(np.uint16)
    _save(targets["path"], lambda path: Image.fromarray(file["images"][index].transpose(2, 1, 0)).save(path, "PNG"))
    _save(targets["depth"], lambda path: Image.fromarray(depth).save(path, "PNG"))
    _save(targets["normals"], lambda path: _savez(path, found))


def _save(path: Path, write: Callable[[Path], None]) -> None:
    with whole(path) as part:
        write(part)


def _savez(path: Path, normals: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.savez_compressed(file, normals=normals)


def _claim(note: Path, origin: str) -> None:
    """Write down where the normals of a folder come from, or say that they come from elsewhere."""
    if note.is_file() and read_text(note).strip() != origin:
        raise SetError(
            f"{note.parent} holds normals from {read_text(note).strip()}, not from {origin}; delete its normals/ and "
            f"{note.name} to export others"
        )
    note.parent.mkdir(parents=True, exist_ok=True)
    with whole(note) as part:
        part.write_text(origin + "\n")


def _open(root: Path) -> Any:
    """Open the labelled part.

    Raises:
        SetError: if it is missing, is no HDF5 file, or lacks a part.
    """
    path = root / LABELLED
    if not path.is_file():
        raise SetError(f"there is no {path}; download the labelled part of NYU Depth v2 to {root}")
    try:
        import h5py
    except ImportError as error:
        raise SetError(f"{path} is an HDF5 file, which h5py reads; {extra('nyuv2')}") from error
    try:
        file = h5py.File(path)
    except OSError as error:
        raise SetError(f"{path} cannot be read ({error}); was it downloaded whole (2.8 GB)?") from error
    missing = [name for name in ("images", "depths", "rawDepths", "scenes", "sceneTypes") if name not in file]
    if missing:
        file.close()
        raise SetError(f"{path} has no {', '.join(missing)}; is it the official labelled part?")
    return file


def _texts(file: Any, name: str) -> list[str]:
    """Return strings: references to arrays of the numbers of their letters."""
    return ["".join(map(chr, np.asarray(file[one]).ravel())) for one in np.asarray(file[name]).ravel()]


def _splits(root: Path, count: int) -> dict[int, str]:
    """Return the split of each picture, counted from 0."""
    parts = matlab.load(root / SPLITS_FILE, "trainNdxs", "testNdxs")
    with official_form(root / SPLITS_FILE):
        train, test = map(index_from_matlab, parts)
    found: dict[int, str] = {}
    for name, numbers in (("train", train), ("test", test)):
        for index in numbers.tolist():
            if index >= count or index in found:
                raise SetError(f"{root / SPLITS_FILE}: {name} names picture {index + 1} of {count}, or one that test "
                               "and train share; is it the official file?")  # fmt: skip
            found[index] = name
    return found
