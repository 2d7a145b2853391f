"""Pictures for an audit of shortcuts: content and plain noise, each with a cue planted in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from avssl.config import ConfigError
from avssl.data import Dataset, Noise
from avssl.data.base import Key, split_key
from avssl.methods.base import Batch
from avssl.training.feed import batches_of, is_empty
from avssl.transforms import Draws, Transform
from avssl.transforms.cues import Aberration, Light, Lines, Texture, Vignette
from avssl.transforms.draws import numbered, stream_of

if TYPE_CHECKING:
    from avssl.training.feed import Fabric

CUE_STREAM = 1  # last part of the keys that cues draw by: other numbers than the method draws


@dataclass(frozen=True, kw_only=True)
class Cue:
    """A cue, and the noise in which nothing else than it can be seen.

    Args:
        plant: puts it into pictures.
        noise: arguments of `avssl.data.Noise`.
    """

    plant: Transform
    noise: dict[str, float]


CUES = {
    # Colours part where edges are: the noise is smooth, or looking it up between pixels would blur it by place.
    "Aberration": Cue(plant=Aberration(), noise={"contrast": 0.2, "reach": 1.2}),
    "Vignette": Cue(plant=Vignette(), noise={"contrast": 0.1}),
    "Light": Cue(plant=Light(), noise={"contrast": 0.1}),
    "Texture": Cue(plant=Texture(), noise={"contrast": 0.0}),
    "Lines": Cue(plant=Lines(), noise={"contrast": 0.0}),
}


def planted(batches: Iterable[Batch], plant: Transform | None) -> Iterator[Batch]:
    """Yield batches with a cue in every picture, in eight bits as a camera would store it; None changes nothing."""
    for batch in batches:
        if plant is None:
            yield batch
            continue
        frames, key = batch["frames"], batch["key"]
        keys = numbered(key, frames.shape[1] * frames.shape[2]).flatten(0, 1)
        apart = stream_of(keys, CUE_STREAM)
        shown = plant(frames.flatten(0, 2)[:, None].float() / 255, Draws(apart))
        yield batch | {"frames": (shown.clamp(0, 1) * 255).round().byte().view_as(frames)}


class Remembered(Dataset):
    """Items that were read once.

    Args:
        frames: uint8 ``(items, clips, frames, 3, H, W)``.
        index: the number of each frame within its recording, int64 ``(items, clips, frames)``; None for pictures.

    Attributes:
        each: pictures of an item.
    """

    def __init__(self, frames: Tensor, index: Tensor | None = None):
        self.frames, self.index, self.each = frames, index, frames.shape[1] * frames.shape[2]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """Return one item, the same in every epoch under another key."""
        epoch, index = split_key(key, len(self))
        item = {"frames": self.frames[index], "path": f"item {index}", "key": torch.tensor([0, epoch, index])}
        return item if self.index is None else item | {"index": self.index[index]}


def load_pictures(fabric: "Fabric", data: Dataset, items: int, batch_size: int, workers: int, where: str) -> Remembered:
    """Read items spread evenly over a data set; those that only pad, and those that cannot be read, are left out.

    Raises:
        ConfigError: if fewer items can be read than make a batch.
    """
    found, numbers = [], []
    for batch in batches_of(fabric, data, 0, items, batch_size, workers):
        if not is_empty(batch):
            whole = batch["valid"].flatten(1).all(1) if "valid" in batch else slice(None)
            found.append(batch["frames"][whole].cpu())
            numbers += [batch["index"][whole].cpu()] if "index" in batch else []
    frames = torch.cat(found) if found else torch.empty(0)
    if len(frames) < batch_size:
        raise ConfigError(
            f"{where}: of {items} items asked for, {len(frames)} can be read; an audit needs a batch of {batch_size}: "
            "set a smaller batch_size"
        )
    return Remembered(frames, torch.cat(numbers) if len(numbers) == len(found) else None)


def noise_like(content: Remembered, cue: Cue, count: int, seed: int) -> Remembered | Noise:
    """Return noise in pictures of the size of the content, ``count`` items with one picture each."""
    height, width = content.frames.shape[-2:]
    return Noise(count=count, size=(height, width), seed=seed, **cue.noise)
