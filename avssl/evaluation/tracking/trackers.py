"""Trackers: a box that stays, a correlation filter on pixels or features, and boxes around propagated masks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

import numpy as np
import torch

from avssl.evaluation.baselines import add_rows
from avssl.evaluation.propagation.maps import LayerMaps, Maps, features_of
from avssl.evaluation.propagation.rows import Member
from avssl.evaluation.tracking.targets import Targets
from avssl.features.layers import unit
from avssl.features.propagation.labels import cells_to_mask, mask_to_cells
from avssl.features.propagation.propagate import propagate
from avssl.features.propagation.settings import Propagation
from avssl.nets.follower import Follower
from avssl.nets.map_net import grey_pictures


class Tracker(Protocol):
    """Follows boxes."""

    @property
    def about(self) -> str:
        """All that its results depend on, as text."""
        ...

    def __call__(self, targets: Targets) -> np.ndarray:
        """Return boxes like ``targets.boxes``, of which it looks at the first frame's alone."""
        ...


@dataclass(frozen=True, kw_only=True)
class Still:
    """The box of the first frame, in all of them."""

    about: str = "still"

    def __call__(self, targets: Targets) -> np.ndarray:
        return targets.boxes[:, :1].repeat(len(targets.frames), 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class ByFilter:
    """A correlation filter on windows around the box.

    Args:
        follower: with its features.
        padding: how many times a window is as wide and as high as the box.
        about: all that its results depend on, as text.
        device: where features are made.
    """

    follower: Follower
    padding: float
    about: str
    device: str = "cpu"

    @torch.inference_mode()
    def __call__(self, targets: Targets) -> np.ndarray:
        first = torch.from_numpy(targets.boxes[:, 0]).float().to(self.device)
        sizes = first[:, 2:] - first[:, :2]
        frames = (unit(frame[None].to(self.device)) for frame in targets.frames)
        centres = (first[:, :2] + first[:, 2:]) / 2 - 0.5  # edges count from the pixel's corner
        paths, extents = self.follower(frames, centres[None], sizes[None] * self.padding)
        middle, half = (paths[:, 0] + 0.5).cpu(), (extents[:, 0] / self.padding / 2).cpu()
        return torch.cat([middle - half, middle + half], -1).transpose(0, 1).double().numpy()


@dataclass(frozen=True, eq=False, kw_only=True)
class ByMasks:
    """The box of the first frame as a mask, propagated; a box that holds the found pixels' middle and spread.

    Args:
        maps: what maps pictures to features.
        settings: how labels are propagated.
        batch: frames a pass.
        multiple: of the sides of pictures, for encoders that need it.
        about: all that its results depend on, as text.
    """

    maps: Maps
    settings: Propagation
    about: str
    batch: int = 16
    multiple: int = 1

    def __call__(self, targets: Targets) -> np.ndarray:
        size, boxes = (targets.frames.shape[-2], targets.frames.shape[-1]), targets.boxes[:, 0]
        grid, stride, features = features_of(self.maps, targets.frames, self.settings, self.batch, self.multiple)
        seen, first = self.settings.input_size(*size), next(features)
        masks = torch.from_numpy(np.stack([filled(box, size) for box in boxes])).to(first.device)
        labels = torch.cat([mask_to_cells(mask, 1, grid, self.settings.read_in) for mask in masks])
        found: list[list[np.ndarray]] = [[] for _ in boxes]
        for soft in propagate(chain([first], features), labels, self.settings, stride, sets=len(boxes)):
            for own, one in zip(found, soft.chunk(len(boxes)), strict=True):
                own.append((cells_to_mask(one, grid, self.settings, seen) == 1).cpu().numpy())
        return np.stack([boxes_around(np.stack(own), box) for own, box in zip(found, boxes, strict=True)])


def filled(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the mask of the pixels that a box touches, at least one, uint8 ``(H, W)``."""
    mask = np.zeros(size, np.uint8)
    low, high = np.floor(box[:2]).astype(int).clip(0), np.ceil(box[2:]).astype(int)
    mask[low[1] : max(high[1], low[1] + 1), low[0] : max(high[0], low[0] + 1)] = 1
    return mask


def boxes_around(masks: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return a box for each mask: around the mean pixel, as wide as a rectangle of the same spread; a lost one stays.

    Args:
        masks: bool ``(frames, H, W)``.
        first: the box of the first frame, which is kept as it is.
    """
    boxes = [np.asarray(first, np.float64)]
    for mask in masks[1:]:
        rows, columns = np.nonzero(mask)
        if not len(rows):
            boxes.append(boxes[-1])
            continue
        places = np.stack([columns, rows], 1) + 0.5
        half = np.sqrt(3 * places.var(0) + 0.25)  # of a row of n pixels the variance is (n^2 - 1) / 12
        boxes.append(np.concatenate([places.mean(0) - half, places.mean(0) + half]))
    return np.stack(boxes)


def trackers_of(
    members: Mapping[str, list[Member]],
    follower: Follower,
    padding: float,
    settings: Propagation,
    device: str,
    batch: int,
    multiple: int,
    masks: bool = True,
) -> dict[str, list[Tracker]]:
    """Return the rows of the table: floors, then each encoder by the filter, then by masks.

    Args:
        members: encoders' maps by row.
        follower: how windows are followed; its features are replaced.
        padding: of windows.
        settings: of propagation.
        device: where encoders run.
        batch: frames a pass.
        multiple: of the sides of pictures, for encoders that need it.
        masks: rows by masks, too.

    Raises:
        ConfigError: if an encoder's row has the name of another row.
    """
    how = f"{follower.size} {follower.sigma} {follower.rate} {follower.scales} {follower.penalty} {padding}"

    def filtered(features, about: str) -> Tracker:
        return ByFilter(
            follower=replace(follower, features=features), padding=padding, about=f"{about} {how}", device=device
        )

    def values_of(maps: Maps):
        return lambda windows: maps(windows).values

    floors: dict[str, list[Tracker]] = {
        "still": [Still()],
        "grey filter": [filtered(lambda windows: grey_pictures(windows)[:, :1], "grey")],
        "RGB filter": [filtered(lambda windows: windows, "rgb")],
    }
    by_filter: dict[str, list[Tracker]] = {}
    by_masks: dict[str, list[Tracker]] = {}
    for name, several in members.items():
        maps = [(one.maps, one.about) for one in several if isinstance(one.maps, LayerMaps)]
        by_filter[name] = [filtered(values_of(one), about) for one, about in maps]
        by_masks[f"{name} masks"] = [
            ByMasks(maps=one, settings=settings, about=f"{about} {settings} {multiple}", batch=batch, multiple=multiple)
            for one, about in maps
        ]
    where = "evaluator.extra or others"
    rows = add_rows(floors, by_filter, where)
    return add_rows(rows, by_masks, where) if masks else rows
