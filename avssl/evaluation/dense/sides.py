"""The two sides of an evaluation, training and test pictures: scanned, checked to be apart, stamped."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.data.base import lasting
from avssl.features.cache import digest
from avssl.progress import track


def stamp(data: Dataset) -> str | None:
    """Return the hash of a data set's settings and of the state of its files; None if that is not known."""
    prints = [data.fingerprint(index) for index in range(len(data))]
    return None if None in prints else digest(np.array([str(lasting(describe(data))), *map(str, prints)]))


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
    for index in track(range(len(data)), f"reading {what} pictures", quiet=quiet):
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
