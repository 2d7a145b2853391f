"""A dataset of pictures in idx files, the form of MNIST: one array of pictures and one of labels for each part.

The form: LeCun, Cortes and Burges, "The MNIST database", section "File formats"; the same for Fashion-MNIST (Xiao,
Rasul and Vollgraf, 2017, https://arxiv.org/abs/1708.07747).
"""

import gzip
import hashlib
import math
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avssl.cache import cache_folder, whole
from avssl.data.base import Dataset, Key, file_state, split_key
from avssl.data.sources import CACHED
from avssl.data.texts import read_lines
from avssl.installed import prepare
from avssl.media.base import Size
from avssl.media.resize import output_size, resize_area

Split = Literal["train", "val", "trainval", "test"]
BYTES = 8  # the code of unsigned bytes, the only kind that pictures have
FILES = {"train": "train", "test": "t10k"}  # part -> the beginning of its files' names
IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
HELD_BACK = 5000  # the last pictures of training, as `val`; the sets themselves name no validation part


class IdxPictures(Dataset):
    """Pictures of MNIST's kind, in the same form as those of `Pictures`: grey ones get three equal channels.

    The folder holds the four official files, packed (``.gz``) or not; packed ones are unpacked once into the cache, and
    pictures are read from there by memory mapping.

    Args:
        source: the folder, or ``"cache:fashion_mnist"`` for what ``datasets/fashion_mnist/prepare.py`` gathered.
        split: ``train`` (all but the last 5,000 of the training file), ``val`` (those), ``trainval`` or ``test``.
        size: None as they are, a number for the short side, (height, width) for a fixed size, in pixels.
        count: keep only so many, the same for the same ``seed``; None for all.
        seed: of that choice; with epoch and index it also fixes what methods draw for a picture.
        classes: names of the classes; None for those of the folder's ``classes.txt``, or else the numbers.

    Attributes:
        digest: of which pictures of the files these are, and their labels; it tells them from others.

    Raises:
        ValueError: if the folder lacks a file, or a file is cut short or something else.
    """

    def __init__(
        self,
        source: str | Path,
        split: Split = "train",
        size: Size = None,
        count: int | None = None,
        seed: int = 0,
        classes: list[str] | None = None,
    ):
        folder = folder_of(source)
        part = FILES["test" if split == "test" else "train"]
        self.given = find(folder, f"{part}-{IMAGES}")
        self.path = unpacked(self.given)
        pictures = read_idx(self.path, 3, self.given)
        given = find(folder, f"{part}-{LABELS}")
        labels = read_idx(unpacked(given), 1, given)
        if len(pictures) != len(labels):
            raise ValueError(f"{folder}: {len(pictures)} pictures but {len(labels)} labels in the {part} files")
        self.places = places(len(labels), split, count, seed, folder)
        self.labels = labels[self.places].astype(np.int64)
        self.classes = classes or names_in(folder) or [str(number) for number in range(int(labels.max()) + 1)]
        if len(self.classes) <= labels.max():
            raise ValueError(f"{len(self.classes)} classes are named, but labels go up to {labels.max()}")
        self.size, self.seed, self.file = size, seed, f"{folder.name}/{part}"
        output_size(pictures.shape[1], pictures.shape[2], size)  # refuses a size that is none
        self.state = file_state(self.path)
        listed = hashlib.blake2b(part.encode(), digest_size=16)
        for numbers in (self.places, self.labels):
            listed.update(np.ascontiguousarray(numbers, np.int64).tobytes())
        self.digest = listed.hexdigest()

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one picture, the same in every epoch.

        Returns:
            ``frames`` uint8 ``(1, 1, 3, H, W)``; ``times`` float64 ``(1, 1)``, 0; ``valid`` bool ``(1, 1)``; ``label``;
            ``group``, empty; ``path``, the part and the number of the picture in its file; ``key`` int64
            (seed, epoch, index).
        """
        epoch, index = split_key(key, len(self))
        place = int(self.places[index])
        grey = np.asarray(read_idx(self.path, 3, self.given)[place])
        pixels = grey[..., None].repeat(3, axis=2)
        slot = np.empty((*output_size(grey.shape[0], grey.shape[1], self.size), 3), np.uint8)
        resize_area(pixels, slot)
        return {
            "frames": torch.from_numpy(np.ascontiguousarray(slot.transpose(2, 0, 1)))[None, None],
            "times": torch.zeros(1, 1, dtype=torch.float64),
            "valid": torch.ones(1, 1, dtype=torch.bool),
            "label": int(self.labels[index]),
            "group": "",
            "path": f"{self.file}/{place:05d}",
            "key": torch.tensor([self.seed, epoch, index]),
        }

    def sources(self) -> list[str]:
        """Return the file and the place in it of each picture."""
        return [f"{self.given.resolve()} {place}" for place in self.places.tolist()]

    def fingerprint(self, index: int) -> str:
        return f"{self.state} {self.places[index]} {self.labels[index]}"


def folder_of(source: str | Path) -> Path:
    """Return the folder that a source names.

    Raises:
        ValueError: if it is not there.
    """
    if isinstance(source, str) and source.startswith(CACHED):
        name = source.removeprefix(CACHED)
        folder = cache_folder(name)
        if not any(folder.glob(f"*{IMAGES}*")):
            raise ValueError(f"{folder} has no idx files; make it with: {prepare(name)}")
        return folder
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; give the one that holds {FILES['train']}-{IMAGES}.gz and its like")
    return folder


def places(total: int, split: Split, count: int | None, seed: int, folder: Path) -> np.ndarray:
    """Return which pictures of a file a split has, or a fixed choice of ``count`` of them, in the file's order."""
    held_back = min(HELD_BACK, total // 2)  # a tiny set keeps half to learn from
    found = {
        "train": np.arange(total - held_back),
        "val": np.arange(total - held_back, total),
    }.get(split, np.arange(total))
    if count is None:
        return found
    if not 1 <= count <= len(found):
        raise ValueError(f"count is from 1 to the {len(found)} pictures of {split} in {folder}; got {count}")
    return np.sort(np.random.default_rng((seed, total)).permutation(found)[:count])


def names_in(folder: Path) -> list[str]:
    """Return the class names in ``classes.txt``, one per line; an empty list without that file."""
    path = folder / "classes.txt"
    return [name for _, name in read_lines(path)] if path.is_file() else []


def find(folder: Path, name: str) -> Path:
    """Return the file of that name, packed or not, with ``-`` or ``.`` before ``idx`` (both are about).

    Raises:
        ValueError: if it is missing.
    """
    for one in (name, name.replace("-idx", ".idx")):
        for path in (folder / one, folder / f"{one}.gz"):
            if path.is_file():
                return path
    raise ValueError(f"{folder} lacks {name}.gz; the set is four files, {', '.join(FILES.values())} x images, labels")


def unpacked(path: Path) -> Path:
    """Return the plain file, unpacked into the cache if need be, under what tells it from others of the name.

    Raises:
        ValueError: if it is cut short or not packed by gzip.
    """
    if path.suffix != ".gz":
        return path
    mark = hashlib.sha256(file_state(path.resolve()).encode()).hexdigest()[:12]
    target = cache_folder("idx") / f"{path.stem}-{mark}"
    if not target.exists():
        try:
            content = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is cut short or damaged: {error}; fetch it again") from error
        with whole(target) as part:
            part.write_bytes(content)
    return target


@lru_cache(maxsize=16)  # of the process, so that items pickle as a path and not as the whole set
def read_idx(path: Path, dims: int, given: Path | None = None) -> np.ndarray:
    """Map an idx file of unsigned bytes into memory, read only.

    Args:
        path: the plain file.
        dims: how many dimensions it must have: 3 of pictures ``(pictures, height, width)``, 1 of labels.
        given: the file that it was unpacked from, to be named in errors; None for itself.

    Raises:
        ValueError: if it is no such file, or shorter or longer than its header says.
    """
    size, name = path.stat().st_size, given or path
    with path.open("rb") as file:
        header = file.read(4 + 4 * dims)
    if len(header) < 4 + 4 * dims or header[:4] != bytes((0, 0, BYTES, dims)):
        raise ValueError(
            f"{name} is no idx file of {'pictures' if dims == 3 else 'labels'}: it must begin with "
            f"{bytes((0, 0, BYTES, dims)).hex()}, but begins with {header[:4].hex() or 'nothing'}"
        )
    shape = tuple(int(side) for side in np.frombuffer(header, ">u4", offset=4))
    if 0 in shape:
        raise ValueError(f"{name} is empty: {' x '.join(map(str, shape))}")
    if size != len(header) + math.prod(shape):
        raise ValueError(
            f"{name} is cut short or damaged: {' x '.join(map(str, shape))} bytes and {len(header)} of a header are "
            f"{len(header) + math.prod(shape)}, but it has {size}; fetch it again"
        )
    return np.memmap(path, np.uint8, "r", len(header), shape)
