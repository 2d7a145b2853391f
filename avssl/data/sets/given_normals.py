"""Normals of NYU Depth v2 as other people publish them, in the few forms that are about."""

import gzip
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from avssl.data.arrays import read_arrays
from avssl.data.sets import matlab
from avssl.data.sets.base import SetError, official_form
from avssl.data.sets.trees import visible
from avssl.media.errors import MediaError
from avssl.media.pictures import read_picture

ENDINGS = (".mat", ".npz", ".npy", ".png")
NEEDED = ("all_normals", "all_valid_depth_masks")
PACKED = "all_normals.pklz"  # of the benchmark of Goyal et al., ICCV 2019: the normals of Ladicky et al.


class Given:
    """Normals by the number of their picture.

    Only the convention that x runs along the rows is needed; signs are kept as they come, for training and testing
    take them from the same files.

    Args:
        source: ``all_normals.pklz`` (Goyal et al., "Scaling and Benchmarking Self-Supervised Visual Representation
            Learning", ICCV 2019; it needs 11 GB of memory) or a folder with it, or a folder with a file for each
            picture whose name ends with its number from 1 (``nm_000001.mat``): ``.mat`` with ``nx``, ``ny``, ``nz``
            and perhaps ``depthValid``, ``.npz`` with ``normals`` and perhaps ``valid``, ``.npy``, or ``.png`` that
            holds ``(n + 1) / 2 * 255``, black where unknown.

    Attributes:
        name: what the normals are called in reports.

    Raises:
        SetError: if there are none.
    """

    def __init__(self, source: Path):
        source = Path(source)
        packed = source / PACKED if source.is_dir() else source
        self.files: dict[int, Path] = {}
        self.packed: dict[str, Any] | None = None
        self.name = source.name
        if packed.is_file() and packed.suffix == ".pklz":
            self.packed, self.name = _unpack(packed), PACKED
            return
        if source.is_dir():
            numbered = ((re.search(r"(\d+)$", path.stem), path) for path in visible(source))
            self.files = {
                int(number[1]) - 1: path for number, path in numbered if number and path.suffix.lower() in ENDINGS
            }
        if not self.files:
            raise SetError(
                f"{source} holds no normals: {PACKED}, or files such as nm_000001.mat ({', '.join(ENDINGS)})"
            )

    def __call__(self, index: int, size: tuple[int, ...]) -> np.ndarray:
        """Return the normals of a picture, float32 ``(H, W, 3)``, 0 where unknown.

        Args:
            index: of the picture, from 0.
            size: height and width that they must have.

        Raises:
            SetError: if there are none, or they have another size.
        """
        if self.packed is not None:
            normals = np.asarray(self.packed["all_normals"][index], np.float32)
            valid = np.asarray(self.packed["all_valid_depth_masks"][index]) != 0
            where = f"{PACKED}, picture {index + 1}"
        elif index in self.files:
            where = str(self.files[index])
            normals, valid = _read(self.files[index])
        else:
            raise SetError(f"there are normals for {len(self.files)} pictures, but none for picture {index + 1}")
        if normals.shape != (*size, 3) or valid.shape != tuple(size):
            raise SetError(f"{where}: normals are {normals.shape}, the picture is {(*size, 3)}")
        length = np.linalg.norm(normals, axis=-1, keepdims=True)
        there = valid[..., None] & np.isfinite(length) & (length > 0.5)
        return np.where(there, normals / np.where(there, length, 1.0), 0.0).astype(np.float32)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return normals ``(H, W, 3)`` and where they are known ``(H, W)``."""
    if path.suffix.lower() == ".mat":
        with official_form(path):
            normals = np.stack(matlab.load(path, "nx", "ny", "nz"), -1).astype(np.float32)
        try:
            return normals, np.asarray(matlab.load(path, "depthValid")[0], bool)
        except SetError:  # not every version of these files has it
            return normals, known(normals)
    if path.suffix.lower() == ".png":
        try:
            coded = read_picture(path)
        except MediaError as error:
            raise SetError(str(error)) from error
        return coded.astype(np.float32) / 127.5 - 1, np.asarray(coded.any(-1), bool)
    if path.suffix.lower() == ".npz":
        stored = read_arrays(path, "normals", optional=("valid",))
        normals = stored["normals"].astype(np.float32)
        return normals, stored["valid"].astype(bool) if "valid" in stored else known(normals)
    try:
        normals = np.load(path, allow_pickle=False).astype(np.float32)
    except Exception as error:  # NumPy raises OSError, ValueError, EOFError, ...
        raise SetError(f"{path} cannot be read ({error})") from error
    return normals, known(normals)


def known(normals: np.ndarray) -> np.ndarray:
    """Return where all three numbers are finite."""
    return np.asarray(np.isfinite(normals).all(-1), bool)


class _Arrays(pickle.Unpickler):
    """Builds arrays and plain values only: a pickle from elsewhere runs no code here."""

    ALLOWED = frozenset({"_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer"})

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "numpy" and name in self.ALLOWED:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")


def _unpack(path: Path) -> dict[str, Any]:
    try:
        with gzip.open(path, "rb") as file:
            content = _Arrays(file, encoding="latin1").load()
    except Exception as error:  # damaged bytes ask for anything: missing keys, empty stacks, odd types, no memory, ...
        raise SetError(f"{path} cannot be read as normals: {error}") from error
    missing = [name for name in NEEDED if not isinstance(content, dict) or name not in content]
    if missing:
        raise SetError(f"{path} has no {', '.join(missing)}; is it the file of that benchmark?")
    return content
