"""One look at each recording of a data set: cues, silence and what tells doubles."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from avssl.audit import cues, doubles
from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.sound.clips import following
from avssl.files import same_bytes
from avssl.methods.base import Batch
from avssl.methods.recordings import count, in_company
from avssl.methods.sound.pairs import pairs_of, partners
from avssl.training.feed import batches_of, is_empty

if TYPE_CHECKING:
    from avssl.training.feed import Fabric


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """What was seen and heard, one row per pair of picture and sound.

    Args:
        pictures: cues, ``(pairs, 5)``.
        sounds: likewise.
        partner: whose sound makes a false pair, ``(pairs,)``.
        silent: which windows hold nothing to hear, ``(pairs,)``.
        looks: coarse light of each picture, ``(pairs, 64)``.
        marks: course and spectrum of each sound, ``(pairs, 64)``.
        paths: of the recording of each pair.
        recording: a number for it, ``(pairs,)``, the same for several items of one file or group.
        failures: recordings that cannot be used, and why.
        asked: how many recordings were looked at.
        clips: pairs of each recording, in a row.
    """

    pictures: np.ndarray
    sounds: np.ndarray
    partner: np.ndarray
    silent: np.ndarray
    looks: Tensor
    marks: Tensor
    paths: list[str]
    recording: Tensor
    failures: list[dict[str, str]]
    asked: int
    clips: int


def collect(fabric: "Fabric", data: Dataset, items: int, batch_size: int, workers: int) -> Samples:
    """Look at recordings spread evenly over a data set.

    Raises:
        ConfigError: if none can be used, or all are of one recording.
    """
    pictures, sounds, silent, looks, marks, partner, recording = [], [], [], [], [], [], []
    paths: list[str] = []
    failures: list[dict[str, str]] = []
    recordings = 0

    def read() -> Iterator[Batch]:
        for batch in batches_of(fabric, data, 0, items, batch_size, workers):
            failures.extend(batch["failures"])
            if not is_empty(batch):
                yield batch

    for batch in in_company(read()):
        if count(batch) < 2:  # one recording alone has no partner
            continue
        pairs = pairs_of(batch, (), train=False)
        before = len(paths)
        recordings += len(batch["path"])
        paths += [batch["path"][video] for video in pairs.video.tolist()]
        partner.append(before + partners(pairs.key, pairs.recording).cpu())
        recording.append(pairs.recording.cpu())
        first = pairs.pictures[:, 0].cpu()
        sound = pairs.sound.cpu()
        pictures.append(cues.picture_cues(first))
        sounds.append(cues.sound_cues(sound))
        looks.append(doubles.look_of(first))
        marks.append(doubles.sound_of(sound))
        silent.append(~pairs.heard.cpu())
    if not paths:
        why = f"; the first: {failures[0]['error']}" if failures else ""
        raise ConfigError(f"data: no two recordings could be used{why}")
    found, whose = torch.cat(recording), torch.cat(partner)
    own = found[whose] == found  # where a batch is of one recording for the most part
    whose[own] = following(found, torch.arange(len(found)))[own]
    return Samples(
        pictures=torch.cat(pictures).numpy(),
        sounds=torch.cat(sounds).numpy(),
        partner=whose.numpy(),
        silent=torch.cat(silent).numpy(),
        looks=torch.cat(looks),
        marks=torch.cat(marks),
        paths=paths,
        recording=found,
        failures=failures,
        asked=min(items, len(data)),
        clips=len(paths) // recordings,
    )


def find_doubles(train: Samples, held_out: Samples) -> list[tuple[str, str, str]]:
    """Return recordings that are there twice: both paths, and ``"bytes"`` or ``"look and sound"``."""
    both = [Path(path) for path in dict.fromkeys(train.paths + held_out.paths)]
    found = {(str(group[0]), str(other)): "bytes" for group in same_bytes(both) for other in group[1:]}
    heard = ~held_out.silent  # silence sounds like silence
    own = np.flatnonzero(heard)
    for row, other in doubles.alike(train.looks, train.marks, (held_out.looks[own], held_out.marks[own])):
        names = (train.paths[row], held_out.paths[int(own[other])])
        if names[0] != names[1]:
            found.setdefault(names, "look and sound")
    return [(*names, how) for names, how in found.items()]
