"""Labelled pictures and clips in memory, and what a network makes of the items they are of."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.features.alignment import align_rows
from avssl.features.extraction import Rows
from avssl.features.layers import unit
from avssl.features.rows import frames_per_pass
from avssl.nets import Encoder
from avssl.nets.clips import encode_clips
from avssl.nets.encoders import Takes
from avssl.progress import track
from avssl.transforms import Draws, Transform


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """Frames of items, or their clips.

    Args:
        images: uint8 ``(frames, 3, H, W)``, or ``(clips, frames, 3, H, W)``.
        item: which item each is of, ``(frames,)`` or ``(clips,)``.
        rows: what the items are.
    """

    images: Tensor
    item: np.ndarray
    rows: Rows


def read_samples(data: Dataset, what: str, quiet: bool, takes: Takes = "pictures") -> Samples:
    """Read every item of a labelled data set into memory, by its frames or by its clips.

    Raises:
        ConfigError: if none can be read, or frames differ in size or clips in length.
    """
    images, item, about, failures = [], [], [], []
    for index in track(range(len(data)), f"reading {what} data", quiet=quiet):
        one = data[0, index]
        if "failure" in one:
            failures.append(one["failure"])
            continue
        frames = one["frames"][one["valid"].any(1) if takes == "clips" else one["valid"]]
        images.append(frames)
        item.append(np.full(len(frames), len(about)))
        about.append(one)
    if not images:
        raise ConfigError(f"none of the {len(data)} {what} items can be read; the first: {failures[:1]}")
    sizes = {tuple(frames.shape[-2:]) for frames in images}
    if len(sizes) > 1:
        raise ConfigError(f"the {what} frames differ in size ({sorted(sizes)[:3]}); set size: [height, width]")
    if len(lengths := {frames.shape[1] for frames in images if frames.ndim == 5}) > 1:
        raise ConfigError(f"the {what} clips differ in length ({sorted(lengths)[:3]} frames); sample equal ones")
    count = len(about)
    several = np.stack([one["labels"].numpy() for one in about]) if "labels" in about[0] else None
    rows = Rows(
        item=np.arange(count),
        clip=np.full(count, -1),
        start=np.zeros(count),
        end=np.zeros(count),
        label=np.array([int(one.get("label", -1)) for one in about]),
        labels=several,
        group=np.array([one.get("group") or one["path"] for one in about]),
        path=np.array([one["path"] for one in about]),
        box=None,
        keypoints=None,
        visible=None,
        classes=tuple(getattr(data, "classes", ())),
        failures=tuple(failures),
    )
    return Samples(images=torch.cat(images), item=np.concatenate(item), rows=rows)


def align_samples(train: Samples, test: Samples) -> tuple[Samples, Samples]:
    """Return both with their classes under one numbering, see `align_rows`."""
    ours, theirs = align_rows([train.rows, test.rows], ["training", "test"])
    return replace(train, rows=ours), replace(test, rows=theirs)


def failure_notes(train: Samples, test: Samples) -> list[str]:
    """Return a line for each side with items that could not be read."""
    return [
        f"{len(side.rows.failures)} {what} items could not be read, such as {side.rows.failures[0]}."
        for side, what in ((train, "training"), (test, "test"))
        if side.rows.failures
    ]


def apply_views(views: Iterable[Transform], images: Tensor, key: Tensor, train: bool) -> Tensor:
    """Return pictures or clips as a network sees them, float ``(N, 3, H, W)`` or ``(N, frames, 3, H, W)``."""
    clips = images.ndim == 5
    frames = unit(images) if clips else unit(images)[:, None]
    draws = Draws(torch.cat([key, torch.ones_like(key[:, :1])], 1))  # not the stream that chose the items
    for view in views:
        frames = view(frames, draws, train=train)
    return frames if clips else frames[:, 0]


def item_scores(network: nn.Module, looks: Samples, views: Iterable[Transform], device: torch.device) -> np.ndarray:
    """Return the means over an item's frames or clips of what a network gives them, ``(items, numbers)``.

    Args:
        network: of pictures or of clips, as the looks are; put into evaluation mode.
        looks: what is scored.
        views: transforms, with the look of evaluation.
        device: where the network is.
    """
    network.eval()
    with torch.inference_mode():
        scores = [
            network(apply_views(views, part, torch.zeros(len(part), 3).long(), False).to(device)).cpu()
            for part in looks.images.split(frames_per_pass(256, looks.images))
        ]
    each, count = torch.cat(scores), int(looks.item.max()) + 1
    place = torch.from_numpy(looks.item)
    total = torch.zeros(count, each.shape[1]).index_add_(0, place, each)
    return (total / torch.bincount(place, minlength=count)[:, None]).numpy()


class OfClips(nn.Module):
    """An encoder that looks at clips ``(N, frames, 3, H, W)``, whichever kind it is."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, clips: Tensor) -> Tensor:
        return encode_clips(self.encoder, clips)
