"""What is looked at in an item of data: frames, crops or patches, and which row of features each adds to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.config import ConfigError
from avssl.nets import Encoder, SoundEncoder
from avssl.nets.encoders import Takes

Unit = Literal["item", "clip", "frame"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How items become feature vectors.

    Args:
        unit: a vector for each ``"item"`` (mean over its clips), each ``"clip"`` (mean over its frames) or each
            ``"frame"``; frames that are padding do not count. An encoder of clips sees each clip whole, as the sampler
            made it, and knows no frames; clips of nothing but padding do not count.
        stream: what is looked at: the items' ``"frames"``, or their windows of ``"sound"`` (a clip each).
        crop: the middle of each frame that is looked at, (height, width) or a side in pixels; None for all of it.
        patch: cut each frame into squares of ``(side, step)`` pixels, each a row of its own (with ``unit="frame"``).
        max_features: a layer of maps is averaged to the finest square grid that keeps at most so many numbers (the
            channels' means at least), maps of clips over time before; None keeps the map as it is. Comparing layers at
            about 9,000 numbers each is the protocol of Goyal et al. 2019 (arXiv 1905.01235, section 4).
    """

    unit: Unit = "item"
    stream: Literal["frames", "sound"] = "frames"
    crop: int | tuple[int, int] | None = None
    patch: tuple[int, int] | None = None
    max_features: int | None = 9216

    def __post_init__(self):
        if self.patch is not None and self.unit != "frame":
            raise ValueError(f"patches are cut out of frames: use unit='frame' with patch={self.patch}")


@dataclass(frozen=True, eq=False, kw_only=True)
class ItemRows:
    """The frames or clips of an item: which row each adds to, with what weight, and what the rows are."""

    frames: (
        Tensor  # uint8 (frames, 3, H, W) or (clips, frames, 3, H, W), or sound, float32 (windows, channels, samples)
    )
    place: Tensor  # (frames,), (clips,) or (windows,)
    weights: Tensor  # likewise
    rows: int
    about: list[dict[str, Any]]
    failure: dict[str, str] | None = None


def check_recipe(encoder: Encoder | SoundEncoder, recipe: Recipe) -> None:
    """Say in one line if an encoder cannot look at data in this way.

    Raises:
        ConfigError: if it takes sound and pictures are looked at, or the other way round, or it takes clips and rows
            are frames.
    """
    if reason := misfit(encoder, recipe):
        raise ConfigError(reason)


def misfit(encoder: Encoder | SoundEncoder, recipe: Recipe) -> str:
    """Return why an encoder cannot look at data in this way, in words; empty where it can."""
    name, takes = type(encoder).__name__, encoder.takes
    if (takes == "sound") != (recipe.stream == "sound"):
        return f"stream: {name} takes {takes}, and cannot look at {recipe.stream}; use another encoder"
    if takes == "clips" and recipe.unit == "frame":
        return f"unit: {name} takes clips, so that a frame has no features of its own; use clip or item"
    return ""


def rows_of(item: dict[str, Any], index: int, recipe: Recipe, takes: Takes = "pictures") -> ItemRows:
    """Return what an encoder of pictures or of clips is shown of an item; rows are the same for both."""
    if "failure" in item:
        nothing = torch.zeros(0, dtype=torch.int64)
        empty = torch.zeros(0, 3, 1, 1, dtype=torch.uint8)
        return ItemRows(frames=empty, place=nothing, weights=nothing.float(), rows=0, about=[], failure=item["failure"])
    if recipe.stream not in item:
        raise ConfigError(
            f"{item['path']} has no {recipe.stream}; such data cannot be looked at by stream={recipe.stream}"
        )
    if recipe.stream == "sound":
        return sound_rows(item, index, recipe)
    frames, valid = item["frames"], item["valid"]
    moved = (0, 0)
    if recipe.crop is not None:
        frames, moved = centre(frames, recipe.crop)
    clips = torch.arange(len(frames))[:, None].expand(valid.shape)
    if recipe.unit == "item":
        place = torch.zeros(int(valid.sum()), dtype=torch.int64)
    else:
        numbers = clips if recipe.unit == "clip" else torch.arange(valid.numel()).view(valid.shape)
        place = torch.unique(numbers[valid], return_inverse=True)[1]
    counts = torch.bincount(place)
    times, clip = item["times"][valid].numpy(), clips[valid].numpy()
    common, about = common_of(item, index), []
    for row in range(len(counts)):
        mine = (place == row).numpy()
        own = {"clip": int(clip[mine][0]) if recipe.unit != "item" else -1}
        own |= {"start": float(times[mine].min()), "end": float(times[mine].max())}
        if recipe.unit == "frame" and "keypoints" in item:
            points = item["keypoints"][valid].numpy()[mine][0] - np.array(moved[::-1], np.float32)
            own |= {"keypoints": points.tolist(), "visible": item["visible"][valid].numpy()[mine][0].tolist()}
        about.append(common | own)
    if takes == "clips":
        chosen = frames[valid.any(1)]
        place = torch.zeros(len(chosen), dtype=torch.int64) if recipe.unit == "item" else torch.arange(len(chosen))
        weights = torch.full((len(chosen),), len(counts) / max(1, len(chosen)))
        return ItemRows(frames=chosen, place=place, weights=weights, rows=len(counts), about=about)
    chosen = frames[valid]
    if recipe.patch is not None:
        chosen, about = patches_of(chosen, about, recipe.patch)
        place, counts = torch.arange(len(chosen)), torch.ones(len(chosen), dtype=torch.int64)
    return ItemRows(frames=chosen, place=place, weights=1 / counts[place].float(), rows=len(counts), about=about)


def common_of(item: dict[str, Any], index: int) -> dict[str, Any]:
    """Return what all rows of an item share."""
    return {
        "item": index,
        "label": int(item.get("label", -1)),
        "group": item.get("group") or item["path"],
        "path": item["path"],
        "labels": item["labels"].tolist() if "labels" in item else None,
        "box": None,
    }


def sound_rows(item: dict[str, Any], index: int, recipe: Recipe) -> ItemRows:
    """Return the windows of sound of an item; those without a single true sample do not count."""
    heard = item["sound_valid"].flatten(1).any(1)
    sound, times = item["sound"][heard], item.get("sound_times", item["times"])[heard].numpy()
    if not len(sound):
        failure = {"path": item["path"], "error": "no window of it holds sound"}
        return rows_of({"failure": failure}, index, recipe)
    clips = torch.arange(len(heard))[heard].tolist()
    about = [
        {"clip": clip, "start": float(start), "end": float(end)}
        for clip, (start, end) in zip(clips, times, strict=True)
    ]
    place = torch.arange(len(sound))
    if recipe.unit == "item":
        about = [{"clip": -1, "start": float(times.min()), "end": float(times.max())}]
        place = torch.zeros_like(place)
    rows = len(about)
    weights = torch.full((len(sound),), rows / len(sound))
    common = common_of(item, index)
    return ItemRows(frames=sound, place=place, weights=weights, rows=rows, about=[common | one for one in about])


def patches_of(
    frames: Tensor, about: list[dict[str, Any]], patch: tuple[int, int]
) -> tuple[Tensor, list[dict[str, Any]]]:
    side, step = patch
    height, width = frames.shape[-2:]
    if side > min(height, width):
        raise ConfigError(f"patches of {side} px do not fit into frames of {height}x{width}; use smaller ones")
    corners = [(top, left) for top in range(0, height - side + 1, step) for left in range(0, width - side + 1, step)]
    cut = [frames[..., top : top + side, left : left + side] for top, left in corners]
    rows = [row | {"box": [left, top, left + side, top + side]} for row in about for top, left in corners]
    return torch.stack(cut, 1).flatten(0, 1), rows


def centre(frames: Tensor, crop: int | tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """Return the middle of pictures ``(..., H, W)``, and how many rows and columns lie before it.

    Raises:
        ConfigError: if the pictures are smaller.
    """
    high, wide = (crop, crop) if isinstance(crop, int) else crop
    height, width = frames.shape[-2:]
    if high > height or wide > width:
        raise ConfigError(f"a crop of {high}x{wide} does not fit into pictures of {height}x{width}; read them larger")
    top, left = (height - high) // 2, (width - wide) // 2
    return frames[..., top : top + high, left : left + wide], (top, left)


def pooled(features: Tensor, max_features: int | None) -> Tensor:
    """Average maps to the finest square grid of so many numbers, those of clips over time first; vectors stay.

    What has a place in time alone, as layers of waveforms, is averaged to the finest row of stretches.

    Args:
        features: ``(N, dim)``, ``(N, channels, height, width)``, ``(N, channels, frames, height, width)`` or ``(N,
            channels, moments)``.
        max_features: numbers to keep at most, though never fewer than the channels; None keeps maps.

    Examples:
        >>> pooled(torch.zeros(2, 512, 7, 7), 9216).shape, pooled(torch.zeros(2, 4, 3, 3), 9216).shape
        (torch.Size([2, 512, 4, 4]), torch.Size([2, 4, 3, 3]))
    """
    if features.ndim == 2 or max_features is None:
        return features
    features = features.mean(2) if features.ndim == 5 else features
    if features.ndim == 3:  # of a waveform
        return F.adaptive_avg_pool1d(features, min(features.shape[2], max(1, max_features // features.shape[1])))
    channels, height, width = features.shape[1:]
    side = max(1, int((max_features / channels) ** 0.5))
    if side >= height and side >= width:
        return features
    return F.adaptive_avg_pool2d(features, (min(side, height), min(side, width)))


def frames_per_pass(batch: int, images: Tensor) -> int:
    """Return how many pictures, or clips, hold ``batch`` frames; at least one."""
    return max(1, batch // max(1, images.shape[1])) if images.ndim == 5 else batch


def batches(items: list[ItemRows], batch: int) -> Iterator[Tensor]:
    """Yield frames or clips of one size, at most ``batch`` frames at a time (a clip at least), in order."""
    waiting: list[Tensor] = []
    count = 0  # of what waits
    for item in items:
        at_once = frames_per_pass(batch, item.frames)
        for frames in (item.frames,) if len(item.frames) <= at_once else item.frames.split(at_once):
            if waiting and (count + len(frames) > at_once or waiting[0].shape[1:] != frames.shape[1:]):
                yield torch.cat(waiting)
                waiting, count = [], 0
            if len(frames):
                waiting.append(frames)
                count += len(frames)
    if waiting:
        yield torch.cat(waiting)
