"""Features to explore: those of a folder, or what a run's encoder makes of its data, extracted if need be."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from avssl.config import ConfigError, Trust, read, rebuild, trusting
from avssl.data import DataError, Dataset
from avssl.explore.media import Draw, Medium
from avssl.features.command import ABOUT, extract_features
from avssl.features.extraction import Rows
from avssl.features.files import INDEX, read_features, read_table
from avssl.features.layers import OUTPUT
from avssl.features.runs import CONFIG
from avssl.installed import tool

FOLDER = "explore"  # of a run, where its features for the map lie
SAME = ("path", "clip", "start", "end", "box")  # what makes two rows the same


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """Features of one layer, and what they are of.

    Args:
        name: of the run or folder and the layer, for people.
        features: ``(rows, ...)``.
        rows: what each is.
        index: the table that said so, with whatever further columns it has.
        data: settings of the data set; None where nothing tells.
    """

    name: str
    features: np.ndarray
    rows: Rows
    index: pa.Table
    data: Any


def open_sources(
    what: Path,
    layers: Sequence[str | None],
    data: Dataset | None = None,
    trust: Trust = (),
    extract: Callable[..., Path] = extract_features,
    **how: Any,
) -> list[Source]:
    """Return features of each layer, out of a folder or of a run, whose data is read once.

    Args:
        what: folder of features (or one ``.npy`` in it), or of a run.
        layers: which; None for the output, or the only one there is.
        data: of a run, what to look at; None for what it held out, or else learned from.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.
        extract: writes features into a folder and returns it.
        how: more settings of it.

    Raises:
        ConfigError: if it is neither, or lacks a layer.
    """
    if is_features(what):
        if data is not None:
            raise ConfigError(f"data: {what} holds features that are there already; give a run with data")
        return [read_source(what, layer) for layer in layers]
    if not (what / CONFIG).is_file():
        lacks = f"is neither a run (it has no {CONFIG}) nor features (it has no {INDEX})"
        raise ConfigError(
            f"{what} {lacks if what.exists() else 'does not exist'}; train a run, or write features ({tool('extract')})"
        )
    names = [layer or OUTPUT for layer in layers]
    data = data_of_run(what, trust) if data is None else data
    folder = extract(data, run=what, layers=tuple(dict.fromkeys(names)), out=what / FOLDER, trust=trust, **how)
    return [read_source(folder, name) for name in names]


def is_features(what: Path) -> bool:
    """Tell whether a path is one of features, not of a run."""
    return what.suffix == ".npy" or (what / INDEX).is_file()


def read_source(folder: Path, layer: str | None) -> Source:
    """Return features that were written to a folder.

    Raises:
        ConfigError: if they cannot be read, or are not finite.
    """
    if folder.suffix == ".npy":
        folder, layer = folder.parent, folder.stem
    elif layer is None and (folder / f"{OUTPUT}.npy").is_file():
        layer = OUTPUT
    features, rows = read_features(folder, layer)
    layer = layer or next(folder.glob("*.npy")).stem
    odd = np.flatnonzero(~np.isfinite(features.reshape(len(features), -1)).all(1))
    if len(odd):
        raise ConfigError(f"{folder / f'{layer}.npy'} is not finite in {len(odd)} of {len(rows)} rows, first {odd[0]}")
    place = folder.resolve()
    owner = place.parent if place.name in (FOLDER, "features") else place
    index = read_table(folder / INDEX)
    return Source(
        name=f"{owner.name}: {layer}", features=features, rows=rows, index=index, data=settings_of_data(folder)
    )


def settings_of_data(folder: Path) -> Any:
    """Return the settings of the data set that features in a folder are of; None where nothing tells.

    Raises:
        ConfigError: if what tells cannot be read.
    """
    path = folder / ABOUT
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("data")
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is not as extraction writes it; extract the features again") from error


def data_of_run(run: Path, trust: Trust = ()) -> Dataset:
    """Return the data that a run held out, or else that it learned from."""
    settings = read(run / CONFIG)
    part = "held_out" if settings.get("held_out") else "data"
    return made(settings.get(part), trust, f"{run / CONFIG}: {part}")


def made(settings: Any, trust: Trust, where: str) -> Dataset:
    with trusting(trust):
        return rebuild(settings, "avssl.data.Dataset", where)


def drawing(source: Source, trust: Trust = ()) -> Draw | None:
    """Return what draws a row whose item is in no file of its own, from the data set; None where nobody need or can.

    Raises:
        ConfigError: if the data set cannot be made again.
    """
    if source.data is None or all(Path(path).is_file() for path in set(source.rows.path.tolist())):
        return None
    data = made(source.data, trust, "the data of the features")

    def draw(medium: Medium) -> np.ndarray:
        item = data[0, medium.item]
        if "frames" not in item:
            raise DataError(item.get("failure", {}).get("error", f"item {medium.item} has no frames"))
        away = (item["times"] - (medium.start + medium.end) / 2).abs().masked_fill(~item["valid"], float("inf"))
        return item["frames"].flatten(0, -4)[away.flatten().argmin()].numpy()

    return draw


def same_rows(ones: Source, others: Source) -> None:
    """Say in one line if two features are not of the same rows.

    Raises:
        ConfigError: if so.
    """
    if len(ones.rows) != len(others.rows):
        raise ConfigError(
            f"other: {others.name} has {len(others.rows)} rows, {ones.name} {len(ones.rows)}; "
            "extract both from the same data"
        )
    for name in SAME:
        left, right = getattr(ones.rows, name), getattr(others.rows, name)
        if (left is None) != (right is None) or (left is not None and not np.array_equal(left, right)):
            raise ConfigError(
                f"other: rows of {others.name} and {ones.name} differ in {name}; extract both from the same data"
            )


def thinned(source: Source, count: int) -> Source:
    """Return at most so many rows of a source, drawn evenly by chance that is always the same."""
    rows = len(source.rows)
    if rows <= count:
        return source
    chosen = np.sort(np.random.default_rng(0).permutation(rows)[:count])
    arrays = {name: value[chosen] for name, value in vars(source.rows).items() if isinstance(value, np.ndarray)}
    return replace(
        source,
        features=source.features[chosen],
        rows=replace(source.rows, **arrays),
        index=source.index.take(pa.array(chosen)),
    )
