"""Some items of a data set: so many, a few of each class, or those that no other data set has."""

from abc import ABC
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from avssl.data.base import DataError, Dataset, Key, split_key
from avssl.data.items import items_of, labels_of, sources_of
from avssl.sampling import rng_for


class Chosen(Dataset, ABC):
    """Some items of a data set, in its order.

    Args:
        data: the whole.
        places: which of its items, int64 ``(items,)``.

    Attributes:
        classes: of the whole.
        digest: of its items and of what was chosen.
    """

    def __init__(self, data: Dataset, places: np.ndarray):
        self.data, self.places = data, np.asarray(places, np.int64)
        self.classes = list(getattr(data, "classes", ()))
        known = items_of(data)["digest"].encode() + np.ascontiguousarray(self.places).tobytes()
        self.digest = blake2b(known, digest_size=16).hexdigest()

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return an item of the whole; the last part of its ``key`` is its number here."""
        epoch, index = split_key(key, len(self))
        item = self.data[epoch, int(self.places[index])]
        if "key" in item:
            item = item | {"key": item["key"].clone()}
            item["key"][2] = index
        return item

    def sources(self) -> list[str]:
        """Return where each item comes from, see `avssl.data.items.sources_of`."""
        whole = sources_of(self.data)
        return [whole[place] for place in self.places]

    def fingerprint(self, index: int) -> str | None:
        return self.data.fingerprint(int(self.places[index]))


class FewLabels(Chosen):
    """As many items of each class, chosen by chance and the same for the same seed: what few labels are learned from.

    Choices are nested: 1 % of a seed is within its 10 %.

    Args:
        data: labelled items; those without a label are left out.
        share: of each class, above 0, at most 1; at least one item.
        each: so many of each class, in place of a share.
        seed: of the choice.

    Raises:
        DataError: if there are no labels, a class has fewer items, or not just one of ``share`` and ``each`` is given.
    """

    def __init__(self, data: Dataset, share: float | None = None, each: int | None = None, seed: int = 0):
        if (share is None) == (each is None) or not (share is None or 0 < share <= 1) or not (each is None or each > 0):
            raise DataError(f"needs a share in (0, 1] of each class, or each of at least 1; got {share} and {each}")
        self.labels = labels_of(data)
        order = rng_for(seed, 0, 0).permutation(len(self.labels))
        chosen: list[np.ndarray] = []
        for label in np.unique(self.labels[self.labels >= 0]):
            mine = order[self.labels[order] == label]
            count = each if each is not None else max(1, round(share * len(mine)))  # pyright: ignore[reportOptionalOperand]
            if count > len(mine):
                raise DataError(f"{count} items of each class are asked for, and class {label} has {len(mine)}")
            chosen.append(mine[:count])
        if not chosen:
            raise DataError(f"none of the {len(data)} items has a label; few labels are chosen among labelled items")
        super().__init__(data, np.sort(np.concatenate(chosen)))
        self.labels = self.labels[self.places]


class Some(Chosen):
    """So many items, chosen by chance and the same for the same seed; choices are nested.

    Args:
        data: the whole.
        count: how many.
        seed: of the choice.

    Raises:
        DataError: if there are not as many.
    """

    def __init__(self, data: Dataset, count: int, seed: int = 0):
        if not 1 <= count <= len(data):
            raise DataError(f"count is from 1 to the {len(data)} items that there are; got {count}")
        super().__init__(data, np.sort(rng_for(seed, 0, 0).permutation(len(data))[:count]))


class Without(Chosen):
    """The items of a data set whose files are in no other: what is left without labels, or without the test.

    Args:
        data: the whole.
        others: what is taken away.

    Raises:
        DataError: if nothing is left, or a data set does not tell which files it is of.
    """

    def __init__(self, data: Dataset, others: Sequence[Dataset]):
        taken = {source for other in others for source in sources_of(other)}
        places = [place for place, source in enumerate(sources_of(data)) if source not in taken]
        if not places:
            raise DataError(f"nothing is left of {len(data)} items: the others have the files of all")
        super().__init__(data, np.array(places))
