"""Items as transforms show them, their masks, key points and boxes with them."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor

from avssl.config import describe
from avssl.data.base import DataError, Dataset, Key, split_key
from avssl.data.items import items_of
from avssl.text import to_json
from avssl.transforms import Draws, Transform
from avssl.transforms.base import unit
from avssl.transforms.draws import numbered
from avssl.transforms.geometric import apply_with_labels

LABELS = ("masks", "keypoints", "boxes")  # what has a place in the frames


class Viewed(Dataset):
    """The clips of a data set as transforms show them, with what is known of places in them.

    ``masks`` take the pixel at each place: numbers are not mixed and 255 stays void. ``keypoints`` and ``boxes`` that
    are out of sight are unknown, NaN, and such key points not ``visible``; a mirrored picture keeps the order of its
    key points. Each clip draws by the item's key and its own number.

    Args:
        data: items with ``frames``, such as `Videos`.
        views: transforms, one after the other.
        train: whether they draw, as in training; False for the look that evaluation takes: crops of the middle, nothing
            mirrored.

    Raises:
        DataError: when an item has labels that a transform cannot carry.
    """

    def __init__(self, data: Dataset, views: Sequence[Transform], train: bool = False):
        self.data, self.views, self.train = data, list(views), train
        self.classes = list(getattr(data, "classes", ()))
        known = blake2b(items_of(data)["digest"].encode(), digest_size=16)
        known.update(to_json([describe(list(views)), train]).encode())
        self.digest = known.hexdigest()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return the item as it is seen, ``frames`` uint8; one that could not be read as it is."""
        epoch, index = split_key(key, len(self))
        item = self.data[key]
        if "failure" in item:
            return item
        own = item.get("key", torch.tensor([0, epoch, index]))[None]
        draws = Draws(numbered(own, len(item["frames"])).flatten(0, 1))
        there = {name: item[name] for name in LABELS if name in item}
        try:
            frames, labels = apply_with_labels(self.views, unit(item["frames"]), there, draws, self.train)
        except ValueError as error:
            raise DataError(f"{item['path']}: {error}") from error
        size = (frames.shape[-2], frames.shape[-1])
        item = item | {"frames": (frames * 255).round().clamp(0, 255).to(torch.uint8)} | labels
        if "keypoints" in labels:
            inside = within(labels["keypoints"], size)
            item["keypoints"] = labels["keypoints"].where(inside[..., None], float("nan"))
            item["visible"] = item["visible"] & inside
        if "boxes" in labels:
            item["boxes"] = labels["boxes"].where(touches(labels["boxes"], size)[..., None], float("nan"))
        return item

    def fingerprint(self, index: int) -> str | None:
        """Return a text that changes when the item's files or the views do; None if nothing is known."""
        known = self.data.fingerprint(index)
        return None if known is None else f"{known} {self.digest}"


def within(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Return which points ``(..., 2)`` lie in a picture of height and width; 0 is the centre of the first pixel."""
    x, y = points.unbind(-1)
    return (x >= -0.5) & (x <= size[1] - 0.5) & (y >= -0.5) & (y <= size[0] - 0.5)


def touches(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return which boxes ``(..., 4)`` share pixels with a picture of height and width."""
    left, top, right, bottom = boxes.unbind(-1)
    return (left < size[1]) & (top < size[0]) & (right > 0) & (bottom > 0)
