"""Clips with their windows of sound, looked at once and held in memory for every question."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.methods.recordings import recordings_of
from avssl.methods.sound.base import PairScorer, SidedScorer
from avssl.methods.sound.pairs import pairs_of, view_clips
from avssl.training.feed import batches_of, is_empty, single_process


@dataclass(frozen=True, eq=False, kw_only=True)
class Heard:
    """Clips of a data set and the windows of sound that belong to them, a row each.

    Args:
        frames: uint8 ``(N, frames, 3, H, W)``.
        sound: float32 ``(N, channels, samples)``.
        key: names each row, ``(N, parts)``.
        item: which item of the data set, ``(N,)``.
        recording: a number for the recording of each, ``(N,)``; several items may be of one, see
            `avssl.methods.recordings`.
        clip: which clip of it, ``(N,)``.
        label: class, or -1, ``(N,)``.
        paths: of the recordings.
        silent: share of windows that were left out because nothing is to be heard.
        failures: recordings that could not be read.
        classes: names of the labels; empty where they are bare numbers.
    """

    frames: Tensor
    sound: Tensor
    key: Tensor
    item: Tensor
    recording: Tensor
    clip: Tensor
    label: Tensor
    paths: list[str]
    silent: float
    failures: list[dict[str, str]]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sound)

    def rows(self, chosen: Tensor) -> "Heard":
        """Return chosen rows."""
        names = ("frames", "sound", "key", "item", "recording", "clip", "label")
        tensors = {name: getattr(self, name)[chosen] for name in names}
        return replace(self, **tensors, paths=[self.paths[row] for row in chosen.tolist()])


def listen(
    data: Dataset, items: int | None = None, batch_size: int = 16, workers: int = 2, rate: int | None = None
) -> Heard:
    """Return the clips and sounds of recordings spread evenly over a data set; silent windows are left out, counted.

    Args:
        data: recordings with sound.
        items: at most so many; None for all.
        batch_size: recordings read at a time.
        workers: processes that read.
        rate: samples a second that the method's sound encoder is made for; None does not ask.

    Raises:
        ConfigError: if the data have no sound or sound of another rate, or fewer than two recordings can be heard.
    """
    parts: dict[str, list[Tensor]] = {}
    paths: list[str] = []
    failures: list[dict[str, str]] = []
    for batch in batches_of(single_process("cpu"), data, 0, items, batch_size, workers):
        failures.extend(batch["failures"])
        if is_empty(batch):
            continue
        try:
            pairs = pairs_of(batch, (), train=False, rate=rate)
        except ValueError as error:
            raise ConfigError(f"evaluator.data: {error}") from error
        clips = batch["frames"].shape[1]
        found = {"frames": batch["frames"].flatten(0, 1), "sound": pairs.sound, "key": pairs.key, "heard": pairs.heard}
        found |= {"item": batch["key"][pairs.video, 2], "clip": torch.arange(clips).repeat(len(batch["path"]))}
        found["recording"] = recordings_of(batch)[pairs.video]
        found |= {"label": torch.full_like(pairs.video, -1) if pairs.label is None else pairs.label}
        for name, value in found.items():
            parts.setdefault(name, []).append(value)
        paths += [batch["path"][video] for video in pairs.video.tolist()]
    rows = {name: torch.cat(several) for name, several in parts.items()}
    heard = rows.pop("heard") if rows else torch.zeros(0, dtype=torch.bool)
    if not rows or len(rows["recording"][heard].unique()) < 2:
        why = f"; the first that cannot be read: {failures[0]['error']}" if failures else ""
        raise ConfigError(f"evaluator.data: fewer than two recordings can be heard{why}")
    names = tuple(map(str, getattr(data, "classes", ())))
    silent = float((~heard).float().mean())
    everything = Heard(**rows, paths=paths, silent=silent, failures=failures, classes=names)
    return everything.rows(torch.nonzero(heard).flatten())


def others(recording: Tensor, times: int, seed: int) -> Tensor:
    """Return rows of other recordings for each row, int64 ``(times, N)``: whose sound makes a false pair.

    Each round is a ring of all rows in an order by chance, so that every sound is used once; rows that would meet their
    own recording take the next that is not.

    Args:
        recording: of each row, ``(N,)``; at least two different.
        times: rounds.
        seed: fixes them.
    """
    orders = [np.random.default_rng((seed, number)).permutation(len(recording)) for number in range(times)]
    return torch.stack([following(recording, torch.from_numpy(order)) for order in orders])


def following(recording: Tensor, order: Tensor) -> Tensor:
    """Return for each row the next in a ring of rows that is of another recording, int64 ``(N,)``.

    Args:
        recording: of each row, ``(N,)``; at least two different.
        order: of the rows in the ring, ``(N,)``.

    Examples:
        >>> following(torch.tensor([4, 4, 7]), torch.tensor([0, 1, 2])).tolist()
        [2, 2, 0]
    """
    count, place = len(order), torch.empty_like(order)
    place[order] = torch.arange(count)
    partner = order[(place + 1) % count]
    clash = recording[partner] == recording
    for step in range(2, count):
        if not clash.any():
            break
        partner[clash] = order[(place[clash] + step) % count]
        clash = recording[partner] == recording
    return partner


def in_batches(count: int, batch: int = 64) -> Iterator[slice]:
    """Yield slices over rows."""
    for start in range(0, count, batch):
        yield slice(start, start + batch)


@torch.no_grad()
def over(function: Callable[..., Tensor], *rows: Tensor, device: str = "cpu") -> Tensor:
    """Return a function of rows, some at a time, on a device; pictures become floats in [0, 1]."""
    parts = in_batches(len(rows[0]))
    return torch.cat([function(*(ready(one[part], device) for one in rows)).float().cpu() for part in parts])


def ready(values: Tensor, device: str) -> Tensor:
    """Return rows on a device, pictures as floats in [0, 1]."""
    values = values.to(device)
    return values.float() / 255 if values.dtype == torch.uint8 else values


def score_numbered(
    method: PairScorer, heard: tuple[Tensor, Tensor], pairs: tuple[Tensor, Tensor], key: Tensor, device: str = "cpu"
) -> Tensor:
    """Return the scores of pairs that are named by their numbers, ``(pairs,)``.

    A method that makes something of each side alone looks at each picture once, and listens to each sound once.

    Args:
        method: in evaluation mode, on the device.
        heard: pictures uint8 ``(pictures, frames, 3, H, W)``, and windows of sound ``(sounds, channels, samples)``.
        pairs: which of the pictures, and which of the sounds, int64 ``(pairs,)`` each.
        key: names each picture, ``(pictures, parts)``.
        device: where the method runs.
    """
    frames, sound = heard

    def shown(pictures: Tensor, key: Tensor) -> Tensor:
        return view_clips(pictures, key, method.views)

    if not isinstance(method, SidedScorer):

        def score(seen: Tensor, played: Tensor) -> Tensor:
            pictures, sounds = (ready(one[rows.cpu()], device) for one, rows in ((frames, seen), (sound, played)))
            return method.score_pairs(shown(pictures, key[seen.cpu()].to(device)), sounds)

        return over(score, *pairs)
    pictures = over(lambda one, names: method.side_of_pictures(shown(one, names)), frames, key, device=device)
    sounds = over(method.side_of_sounds, sound, device=device)
    return over(lambda seen, played: method.score_sides(pictures[seen].to(device), sounds[played].to(device)), *pairs)
