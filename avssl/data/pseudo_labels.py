"""A data set of labelled items, each beside some that a teacher labelled: what a student of self-training sees."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from avssl.data.base import DataError, Dataset, Key, split_key
from avssl.data.items import items_of
from avssl.sampling import rng_for

STREAM = 1 << 32  # of chance, beside those of clips
TARGETS = ("shares", "soft", "mask", "label")  # what a pseudo-label may be, the first that an item has
BESIDE = ("frames", "times", "valid")  # what stands in one row: the labelled item's first
KEPT = ("label", "mask", "path", "group")  # what stays the labelled item's


class WithPseudoLabels(Dataset):
    """A labelled item and ``ratio`` others with pseudo-labels an item, so that each batch has both in this ratio.

    In an epoch each of the others comes as often as its weight says, in an order of its own; labelled items come one
    after the other, each once before any comes again. An item has ``frames`` ``(1 + ratio, frames, 3, H, W)``, the
    labelled clip first, ``label`` or ``mask`` of that one, and ``pseudo`` ``(ratio, ...)`` of the others: classes (-1,
    in masks 255 for none), or shares of all classes as floats. No other label of the others is in it.

    Args:
        labelled: items of one clip each.
        pseudo: items of one clip each, with the labels that a teacher gave them: `Relabelled`, `PseudoMasks`, or these
            cut by `SceneCrops`. Its ``weights``, whole numbers, say how often each item comes.
        ratio: others beside each labelled item.
        seed: of both orders.

    Attributes:
        classes: of the labelled items.
        digest: of all items and their labels.

    Raises:
        DataError: if there are no labelled items, or none of the others counts.
    """

    def __init__(self, labelled: Dataset, pseudo: Dataset, ratio: int = 1, seed: int = 0):
        if ratio < 1 or not len(labelled):
            raise DataError(f"needs a ratio of at least 1 and labelled items; got {ratio} and {len(labelled)} items")
        weights = np.asarray(getattr(pseudo, "weights", np.ones(len(pseudo))))
        copies = weights.astype(np.int64)
        if not (copies == weights).all():
            raise DataError("weights of pseudo-labels say how often an item comes, so they are whole numbers")
        if not copies.sum():
            raise DataError(f"none of the {len(pseudo)} items with pseudo-labels counts: all weights are 0")
        self.labelled, self.pseudo, self.ratio, self.seed = labelled, pseudo, ratio, seed
        self.items = np.repeat(np.arange(len(copies)), copies)
        self.copy = np.concatenate([np.arange(count) for count in copies[copies > 0]])
        self.most = int(copies.max())
        self.classes = list(getattr(labelled, "classes", ()))
        self.digest = " ".join(items_of(one)["digest"] for one in (labelled, pseudo))
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    def __len__(self) -> int:
        return -(-len(self.items) // self.ratio)

    def sources(self) -> list[str]:
        """Refuse: an item is of several files."""
        raise DataError("items with pseudo-labels beside them are of several files; ask for those of both data sets")

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return a labelled item and others beside it.

        Raises:
            DataError: if they cannot stand beside each other.
        """
        epoch, index = split_key(key, len(self))
        times, place = divmod(epoch * len(self) + index, len(self.labelled))
        item = self.labelled[times, int(self._order(1, times, len(self.labelled))[place])]
        found = [item]
        order = self._order(0, epoch, len(self.items))
        for number in range(index * self.ratio, (index + 1) * self.ratio):
            one = order[number % len(order)]
            found.append(self.pseudo[epoch * self.most + int(self.copy[one]), int(self.items[one])])
        if failed := next((one for one in found if "failure" in one), None):
            return failed
        shapes = [tuple(one["frames"].shape) for one in found]
        odd = next((number for number, shape in enumerate(shapes) if shape != shapes[0] or shape[0] != 1), None)
        if odd is not None:
            raise DataError(
                f"{item['path']} has frames {shapes[0]} and {found[odd]['path']} {shapes[odd]}; each needs one clip, "
                "and all one size"
            )
        both = {name: torch.cat([one[name] for one in found]) for name in BESIDE if all(name in one for one in found)}
        kept = {name: item[name] for name in KEPT if name in item}
        pseudo = torch.stack([target_of(one) for one in found[1:]])
        return both | kept | {"pseudo": pseudo, "key": torch.tensor([self.seed, epoch, index])}

    def _order(self, stream: int, number: int, size: int) -> np.ndarray:
        """Return the order of a pass, which the seed fixes."""
        if self._orders.get(stream, (-1, None))[0] != number:
            self._orders[stream] = number, rng_for(self.seed, number, stream, STREAM).permutation(size)
        return self._orders[stream][1]


def target_of(item: dict[str, Any]) -> Tensor:
    """Return the label that a teacher gave an item.

    Raises:
        DataError: if it has none.
    """
    name = next((name for name in TARGETS if name in item), None)
    if name is None:
        raise DataError(f"{item['path']} has no pseudo-label: none of {', '.join(TARGETS)}")
    return torch.as_tensor(item[name])
