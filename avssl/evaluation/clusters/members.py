"""What members of clusters look and sound like: small pictures, of clips all in turn, and small sounds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.data import Dataset
from avssl.evaluation.retrieval.gallery import pictures_of
from avssl.features.extraction import Rows
from avssl.features.rows import Recipe
from avssl.report.embedded import picture_data, sound_data

SIDE = 64  # pixels of a picture, at most
FRAMES = 6  # of a clip, at most
EXACT = 32  # pixels of a picture up to which its colours are exact
BLOCK = 8  # of JPEG, in pixels: what lies beside a picture should not show in it
RATE, SECONDS = 8000, 2  # of a sound: samples a second, about, and the length, at most


@dataclass(frozen=True, eq=False)
class Member:
    """A row as it is shown: pictures uint8 ``(frames, 3, side, side)``, a sound as a ``data:`` address, a failure."""

    frames: np.ndarray
    sound: str | None = None
    failure: str = ""


def read_members(data: Dataset, rows: Rows, wanted: Iterable[int], recipe: Recipe) -> dict[int, Member]:
    """Return members by row; each item is read once.

    Args:
        data: what the rows were made of.
        rows: what each is.
        wanted: which to read.
        recipe: how rows were made.
    """
    found: dict[int, Member] = {}
    by_item: dict[int, list[int]] = {}
    for row in wanted:
        by_item.setdefault(int(rows.item[row]), []).append(row)
    for number, several in sorted(by_item.items()):
        item = data[0, number]
        for row in several:
            found[row] = member_of(item, rows, row, recipe)
    return found


def member_of(item: dict[str, Any], rows: Rows, row: int, recipe: Recipe) -> Member:
    """Return a row of an item as it is shown; grey where the item can no longer be read."""
    if "failure" in item:
        return Member(np.full((1, 3, SIDE, SIDE), 128, np.uint8), failure=str(item["failure"]["error"]))
    small = recipe.stream == "frames" and rows.box is None
    side = min(SIDE, max(item["frames"].shape[-2:])) if small else SIDE
    if small and recipe.crop is not None:
        side = min(side, recipe.crop if isinstance(recipe.crop, int) else max(recipe.crop))
    side = side if side <= EXACT else -(-side // BLOCK) * BLOCK
    frames = pictures_of(item, rows, row, recipe, FRAMES, side)
    sound = item["sound"][max(0, int(rows.clip[row]))] if "sound" in item else None
    return Member(frames, None if sound is None else small_sound(sound, int(item["sound_rate"])))


def small_sound(sound: Tensor, rate: int) -> str:
    """Return a window of sound ``(channels, samples)`` as a small ``data:`` address: one channel, of lower rate."""
    step = max(1, rate // RATE)
    samples = sound.float().mean(0)[: SECONDS * rate]
    return sound_data(F.avg_pool1d(samples[None], step)[0].numpy() if step > 1 else samples.numpy(), rate // step)


def strip(members: Sequence[Member]) -> dict[str, Any]:
    """Return pictures of members as one: a line for each, in it its frames; those with fewer stand still at the end.

    Returns:
        ``picture``, a ``data:`` address, and how many ``frames`` a line of it has.
    """
    count = max(len(member.frames) for member in members)
    side = max(member.frames.shape[-1] for member in members)
    lines = []
    for member in members:
        frames = F.interpolate(torch.from_numpy(member.frames).float(), (side, side), mode="nearest").byte().numpy()
        lines.append(np.concatenate([frames[np.minimum(np.arange(count), len(frames) - 1)]], 0))
    table = np.stack(lines)  # (lines, frames, 3, side, side)
    whole = table.transpose(2, 0, 3, 1, 4).reshape(3, len(members) * side, count * side)
    return {"picture": picture_data(whole, lossy=side > EXACT), "frames": count}
