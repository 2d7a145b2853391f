"""The two sides of an evaluation, training and test pictures: looked over, kept apart, recognised again."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.features.cache import digest
from avssl.features.rows import centre

POOL = 256  # pictures that give random encoders their batch statistics


def stamp(data: Dataset) -> str | None:
    """Return the hash of a data set's settings and of the state of its files; None if that cannot be told."""
    prints = [data.fingerprint(index) for index in range(len(data))]
    return None if None in prints else digest(np.array([str(describe(data)), *map(str, prints)]))


def apart(train: Dataset, test: Dataset) -> None:
    """Check that there are pictures on both sides, and none on both.

    Raises:
        ConfigError: if a side is empty, or a picture is on both.
    """
    for data, name in ((train, "training"), (test, "test")):
        if not len(data):
            raise ConfigError(f"there are no {name} pictures")
    ours, theirs = ({str(one.path) for one in getattr(data, "scenes", ())} for data in (train, test))
    if ours & theirs:
        raise ConfigError(f"{len(ours & theirs)} pictures are in training and in test, such as {min(ours & theirs)}")


def pool_of(data: Dataset) -> Tensor:
    """Return pictures spread evenly over a data set, cut to the size that all of them have.

    Returns:
        uint8 ``(pictures, 3, H, W)``, at most `POOL`.
    """
    rows = np.unique(np.linspace(0, len(data) - 1, min(POOL, len(data))).round().astype(int)).tolist()
    found = [item["frames"][0] for item in (data[0, index] for index in rows) if "failure" not in item]
    if not found:
        raise ConfigError("none of the training pictures can be read")
    least = tuple(min(image.shape[side] for image in found) for side in (-2, -1))
    return torch.cat([centre(image, least)[0] for image in found])


def scan(data: Dataset, truth: str, what: str, see: Callable[[Mapping[str, Any]], Any], quiet: bool) -> list[Any]:
    """Look at every item once, and check that it has the truth that is asked for.

    Args:
        data: items.
        truth: the key that each must have.
        what: the word for progress and errors, such as ``"test"``.
        see: what to take of an item.
        quiet: show no progress.

    Raises:
        ConfigError: if an item lacks the truth, or none can be read.
    """
    found = []
    for index in track(range(len(data)), f"reading {what} pictures", disable=quiet, transient=True):
        item = data[0, index]
        if "failure" in item:
            continue
        if truth not in item:
            raise ConfigError(
                f"{item['path']} ({what}) has no {truth}; it comes from a manifest with a column {truth!r}, see "
                "avssl.data.Scenes, or choose a split whose pictures have it"
            )
        found.append(see(item))
    if not found:
        raise ConfigError(f"none of the {len(data)} {what} pictures can be read")
    return found
