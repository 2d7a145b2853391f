"""Random parts of annotated pictures, their masks cut along: what segmentation learns from."""

from typing import Any

import numpy as np

from avssl.data.base import DataError, Dataset, Key, split_key
from avssl.data.items import items_of
from avssl.data.scene_changes import cut, mirrored, scaled
from avssl.sampling import rng_for

STREAM = 1 << 33  # of chance, beside those of clips
TRUTHS = ("mask", "shares")
KEPT = ("times", "valid", "path", "group", "key")


class SceneCrops(Dataset):
    """A random part of each picture, at a random size, with its mask; other annotations are left out.

    What is drawn depends on seed, epoch and index alone.

    Args:
        data: pictures with ``mask``, or with ``shares`` of classes (`PseudoMasks`), one clip of one frame each.
        crop: (height, width) in pixels; smaller pictures are filled up, with void beside their mask.
        scale: bring each picture to a random size between these shares of its own before; None leaves it.
        flip: mirror half of the pictures. Left and right of a body would change places unnoticed.
        seed: of the draws.

    Raises:
        DataError: if a size cannot be.
    """

    classes: tuple[str, ...] = ()  # those of objects, which are left out, say nothing of masks

    def __init__(
        self,
        data: Dataset,
        crop: tuple[int, int],
        scale: tuple[float, float] | None = None,
        flip: bool = False,
        seed: int = 0,
    ):
        if min(crop) < 1 or (scale is not None and not 0 < scale[0] <= scale[1]):
            raise DataError(
                f"needs a crop of at least 1 pixel and scales above 0, the least first; got {crop}, {scale}"
            )
        self.data, self.crop, self.scale, self.flip, self.seed = data, (crop[0], crop[1]), scale, flip, seed
        self.weights = np.asarray(getattr(data, "weights", np.ones(len(data), np.float32)))
        self.digest = items_of(data)["digest"]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return a part of a picture and of its mask.

        Raises:
            DataError: if it has no mask.
        """
        epoch, index = split_key(key, len(self))
        item = self.data[key]
        if "failure" in item:
            return item
        truth = next((name for name in TRUTHS if name in item), None)
        if truth is None:
            raise DataError(f"{item['path']} has no mask; choose a split whose pictures have one")
        rng = rng_for(self.seed, epoch, index, STREAM)
        found = {"image": item["frames"][0, 0], truth: item[truth]}
        if self.scale is not None:
            found = scaled(found, float(rng.uniform(*self.scale)), truth)
        found = cut(found, self.crop, rng.random(2).tolist(), truth)
        if self.flip and rng.random() < 0.5:
            found = mirrored(found, truth)
        kept = {name: item[name] for name in KEPT if name in item}
        return kept | {"frames": found["image"][None, None], truth: found[truth]}

    def fingerprint(self, index: int) -> str | None:
        return self.data.fingerprint(index)
