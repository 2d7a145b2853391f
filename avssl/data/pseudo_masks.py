"""Masks that a teacher gave to pictures, as files in a folder: hard ones as PNG, shares of classes as bytes."""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from avssl.cache import whole
from avssl.data.arrays import read_arrays
from avssl.data.base import DataError, Dataset, Key, split_key
from avssl.data.items import items_of
from avssl.data.label_files import require_same
from avssl.data.scenes import read_mask

ABOUT = "masks.json"  # written last: a folder without it is not finished
VOID = 255
KEPT = ("frames", "times", "valid", "path", "group", "key")


class PseudoMasks(Dataset):
    """Pictures with the masks of a folder that `MaskWriter` wrote; what they were annotated with is left out.

    An item has ``mask`` uint8 ``(H, W)``, 255 where nobody is sure, or, if the folder holds soft masks, ``shares``
    float32 ``(classes, H, W)``, all 0 there.

    Args:
        data: the pictures, one clip of one frame each.
        folder: of the masks.

    Attributes:
        weights: 1 for pictures with a pixel that counts, 0 for others.
        digest: of pictures and masks.

    Raises:
        DataError: if the folder is not finished, or its masks are of other pictures.
    """

    classes: tuple[str, ...] = ()

    def __init__(self, data: Dataset, folder: str | Path):
        self.data, self.folder = data, Path(folder).expanduser()
        path = self.folder / ABOUT
        if not path.is_file():
            raise DataError(f"{path} does not exist; let a teacher label the pictures first")
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            self.soft, weights = bool(about["soft"]), np.array(about["weights"], np.float32)
            of, self.digest = {"count": about["count"], "digest": about["items"]}, str(about["masks"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} does not say what masks the folder holds; label the pictures anew") from error
        require_same(path, of, items_of(data), "masks")
        self.weights = weights

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return a picture and its mask.

        Raises:
            DataError: if the mask cannot be read or has another size.
        """
        _, index = split_key(key, len(self))
        item = self.data[key]
        if "failure" in item:
            return item
        found = {name: item[name] for name in KEPT if name in item}
        height, width = (int(side) for side in item["frames"].shape[-2:])
        if not self.soft:
            return found | {"mask": torch.from_numpy(read_mask(file_of(self.folder, index, False), (height, width)))}
        path = file_of(self.folder, index, True)
        shares = read_arrays(path, "shares")["shares"].astype(np.float32)
        if shares.ndim != 3 or shares.shape[1:] != (height, width):
            raise DataError(f"{path}: shares are {shares.shape}, the picture {(height, width)}")
        return found | {"shares": torch.from_numpy(shares / np.maximum(shares.sum(0), 1))}

    def fingerprint(self, index: int) -> str | None:
        known = self.data.fingerprint(index)
        return None if known is None else f"{known} {self.digest}"


class MaskWriter:
    """Writes masks of pictures, one after the other, where `PseudoMasks` reads them.

    Args:
        folder: is made if need be.
        data: the pictures.
        soft: whether masks are shares.
    """

    def __init__(self, folder: Path, data: Dataset, soft: bool):
        self.folder, self.soft, self.known = folder, soft, items_of(data)
        self.weights, self.digest = np.zeros(len(data), int), blake2b(digest_size=16)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ABOUT).unlink(missing_ok=True)

    def add(self, index: int, shares: np.ndarray, sure: np.ndarray) -> None:
        """Write the mask of a picture.

        Args:
            index: of the picture.
            shares: of classes, ``(classes, H, W)``, at most 255 of them.
            sure: which pixels count, bool ``(H, W)``.
        """
        path = file_of(self.folder, index, self.soft)
        if self.soft:
            values = np.round(shares * 255).astype(np.uint8) * sure
            with whole(path) as part, open(part, "wb") as file:
                np.savez_compressed(file, allow_pickle=False, shares=values)
        else:
            values = np.where(sure, shares.argmax(0), VOID).astype(np.uint8)
            with whole(path) as part:
                Image.fromarray(values).save(part, format="PNG")
        self.weights[index] = sure.any()
        self.digest.update(np.int64(index).tobytes() + np.ascontiguousarray(values).tobytes())

    def finish(self) -> None:
        """Write what the folder holds."""
        self.digest.update(self.known["digest"].encode())
        about = {"soft": self.soft, "count": self.known["count"], "items": self.known["digest"]}
        about |= {"masks": self.digest.hexdigest(), "weights": self.weights.tolist()}
        with whole(self.folder / ABOUT) as part:
            part.write_text(json.dumps(about), encoding="utf-8")


def file_of(folder: Path, index: int, soft: bool) -> Path:
    """Return the file of a picture's mask."""
    return folder / f"{index:06d}.{'npz' if soft else 'png'}"
