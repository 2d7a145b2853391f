"""Nearest neighbours of all items of a data set, as files that `avssl.data.WithNeighbours` reads.

Van Gansbeke et al., "SCAN: Learning to Classify Images without Labels", ECCV 2020, section 2.1 (20 neighbours; 50 on
ImageNet), https://arxiv.org/abs/2005.12320.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console

from avssl.config import ConfigError, Trust
from avssl.data import Dataset, write_neighbours
from avssl.features.cache import FeatureCache
from avssl.features.device import find_device
from avssl.features.extraction import Asked, Rows, extract
from avssl.features.layers import OUTPUT
from avssl.features.rows import Recipe
from avssl.features.search import search
from avssl.features.sharing import from_environment
from avssl.features.subject import find_subject
from avssl.nets import Encoder
from avssl.training.export import ENCODER


def find_neighbours(
    data: Dataset,
    held_out: Dataset | None = None,
    count: int = 20,
    held_out_count: int = 5,
    run: str | Path | None = None,
    weights: str | Path | None = None,
    encoder: Encoder | None = None,
    export: str = ENCODER,
    layer: str = OUTPUT,
    max_features: int | None = 9216,
    out: str | Path | None = None,
    runs: str | Path = "runs",
    device: str = "auto",
    batch: int = 256,
    workers: int = 0,
    trust: Trust = (),
) -> Path:
    """Write the nearest other items of each item, those of the largest cosine of features, by an exact search.

    Where items have classes, the share of neighbours of an item's own class is printed: what SCAN reaches ends near it.
    Classes serve for nothing else. Started by ``torchrun`` on several processes, they share the pass over the data.

    Args:
        data: what is learned from.
        held_out: what a head is chosen by; its items are neighbours of each other.
        count: neighbours of each item of ``data``.
        held_out_count: of each of ``held_out``.
        run: folder of the run whose encoder is used; None for the one that was written last.
        weights: use these instead: a ``.safetensors`` or ``.pth`` with torchvision's keys, or an export of ours.
        encoder: the architecture of ``weights``.
        export: which of the run's encoders, by the name of its file.
        layer: whose features are compared, or ``"output"``.
        max_features: numbers that a layer of maps is averaged to at most.
        out: folder to write ``data.safetensors`` and ``held_out.safetensors`` into; None for ``neighbours`` in the
            run's folder.
        runs: where runs lie.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        batch: frames a pass.
        workers: processes that read ahead.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        The folder that was written.

    Raises:
        ConfigError: if there is no such run or layer, or fewer items than neighbours.
    """
    subject = find_subject(run, weights, encoder, None, runs, trust, export)
    folder = Path(out) if out is not None else subject.folder / "neighbours"
    console, sets = Console(soft_wrap=True), {"data": (data, count), "held_out": (held_out, held_out_count)}
    for name, (one, asked) in sets.items():
        if one is None:
            continue
        require_items(name, len(one), asked)
        found = extract(
            {ENCODER: Asked(subject.encoder, (layer,))},
            one,
            Recipe(max_features=max_features),
            FeatureCache(folder / "kept"),
            find_device(device),
            name,
            batch=batch,
            workers=workers,
        )
        if from_environment().rank:
            continue  # processes share the work; the first one writes
        table = neighbours_of_items(found.features[ENCODER][layer], found.rows.item, len(one), asked, name)
        write_neighbours(folder / f"{name}.safetensors", one, table)
        shares = ", ".join(f"{share:.1%} of {near}" for near, share in same_class(table, found.rows).items())
        own = f"; of an item's own class: {shares}" if shares else ""
        console.print(f"{folder / f'{name}.safetensors'}: {len(table)} x {asked}{own}", highlight=False)
        if found.rows.failures:
            console.print(f"{len(found.rows.failures)} items could not be read, such as {found.rows.failures[0]}")
    return folder


def require_items(name: str, items: int, count: int, what: str = "items") -> None:
    """Refuse to find more neighbours than there are other items.

    Raises:
        ConfigError: if so.
    """
    if not 1 <= count < items:
        raise ConfigError(
            f"{name}: {count} neighbours of each item are asked for, and {items} {what} have from 1 to {items - 1}; "
            f"set {'count' if name == 'data' else f'{name}_count'}"
        )


def neighbours_of_items(
    features: np.ndarray, item: np.ndarray, items: int, count: int, name: str = "data"
) -> np.ndarray:
    """Return the nearest other items of each by the cosine of their features, nearest first, of equals the first.

    Args:
        features: one row for each item that could be read, ``(N, ...)``.
        item: which item each row is of, ``(N,)``.
        items: how many there are.
        count: of neighbours.
        name: of the data, for messages.

    Returns:
        int64 ``(items, count)``; -1 for items that have no row.

    Raises:
        ConfigError: for fewer rows than neighbours.
    """
    require_items(name, len(features), count, "items that can be read")
    rows = np.arange(len(features))
    found = search(features, features, count, excluded=(rows, rows), centre="none").index
    table = np.full((items, count), -1, np.int64)
    table[item] = item[found]
    return table


def same_class(table: np.ndarray, rows: Rows) -> Mapping[int, float]:
    """Return the share of the first neighbour, and of all, that are of an item's own class; empty without classes."""
    if rows.labels is not None or (rows.label < 0).any():
        return {}
    label = np.full(len(table), -1)
    label[rows.item] = rows.label
    own = label[table[rows.item]] == rows.label[:, None]
    return {near: float(own[:, :near].mean()) for near in sorted({1, table.shape[1]})}
