"""Features of a data set: every encoder and every layer in one pass over the data, kept on disk, resumed, shared.

The one way in which evaluators and ``tools/extract.py`` take features.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.features.cache import FeatureCache, digest
from avssl.features.layers import OUTPUT, check_layer, unit
from avssl.features.rows import ItemRows, Recipe, batches, check_recipe, pooled, rows_of
from avssl.features.sharing import Share, from_environment
from avssl.nets import Encoder, SoundEncoder
from avssl.nets.encoders import Takes, outputs_of
from avssl.progress import Bar


@dataclass(frozen=True, eq=False)
class Asked:
    """What to take of an encoder: names out of its ``layers``, or ``"output"``."""

    encoder: Encoder | SoundEncoder
    layers: tuple[str, ...] = (OUTPUT,)


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """What each row of a feature array is.

    Args:
        item: its place in the data set, int64 ``(rows,)``.
        clip: which clip of the item, -1 for all.
        start: when the first frame is on screen, in seconds.
        end: when the last one is.
        label: class or -1.
        labels: several labels (1, 0, NaN to be ignored), ``(rows, classes)``; None where the data has one or none.
        group: what must not answer for itself: the data's groups, the path where it has none.
        path: the file.
        box: left, top, right, bottom of a patch in pixels of the frame, ``(rows, 4)``; None for whole frames.
        keypoints: joints of a frame in pixels of what was looked at, ``(rows, joints, 2)``; None without.
        visible: which joints are labelled, ``(rows, joints)``.
        classes: names of the classes.
        failures: items that could not be read.
    """

    item: np.ndarray
    clip: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray
    labels: np.ndarray | None
    group: np.ndarray
    path: np.ndarray
    box: np.ndarray | None
    keypoints: np.ndarray | None
    visible: np.ndarray | None
    classes: tuple[str, ...] = ()
    failures: tuple[dict[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, eq=False, kw_only=True)
class Extracted:
    """Features of a data set: ``features[name][layer]`` is float32 ``(rows, ...)``, row by row as in ``rows``."""

    features: Mapping[str, Mapping[str, np.ndarray]]
    rows: Rows


def extract(
    asked: Mapping[str, Asked],
    data: Dataset,
    recipe: Recipe,
    cache: FeatureCache,
    device: torch.device | str = "cpu",
    what: str = "",
    batch: int = 256,
    piece: int = 64,
    workers: int = 0,
    quiet: bool = False,
    share: Share | None = None,
) -> Extracted:
    """Return what encoders make of a data set; the data is read once, whatever is asked.

    The work is done in pieces of a few items. Each piece is kept under the hash of the weights, the recipe, the data's
    settings and the state of its files (path, size, time of writing): an interrupted extraction goes on where it
    stopped, and what is kept is not read again. When all are there, they become one file for each layer.

    Args:
        asked: encoders by name, of pictures and of clips as they come, and the layers to take of each.
        data: items with ``frames``.
        recipe: how items become vectors.
        cache: where pieces are kept.
        device: where encoders run.
        what: the word for progress and errors, such as ``"gallery"``.
        batch: frames a pass.
        piece: items a piece.
        workers: processes that read ahead.
        quiet: show no progress.
        share: the processes that share the work and the folder of ``cache``; None for those that torchrun started.

    Raises:
        ConfigError: if a layer does not exist, an encoder takes something else, nothing can be read, or features are
            not finite.
    """
    if not len(data):
        raise ConfigError(f"the {what or 'data'} set is empty")
    for one in asked.values():
        check_recipe(one.encoder, recipe)
        for layer in one.layers:
            check_layer(one.encoder, layer)
    share = share or from_environment()
    if share.world > 1 and cache.folder is None:
        raise ConfigError("processes share features by a folder; give one")
    work = _Work(asked, data, recipe, cache, torch.device(device), batch, what)
    kept = work.kept_of_all()
    share.wait()  # all have looked before one writes: they must go the same way
    if not work.missing(kept):
        return _joined(_Piece(kept, _unpack(kept["", "rows"])), asked, data, what)
    rest = _Work(work.missing(kept), data, recipe, cache, torch.device(device), batch, what)
    found = _merged(_in_pieces(rest, piece, workers, quiet, share), rest.asked)
    share.wait()  # all have read the pieces
    if not share.rank:
        rest.merge(found, piece)
    share.wait()
    return _joined(_Piece(kept | found.arrays, found.about), asked, data, what)


def _in_pieces(work: "_Work", piece: int, workers: int, quiet: bool, share: Share) -> list["_Piece"]:
    """Return all pieces, of which this process computes its share."""
    pieces = pieces_of(len(work.data), piece)
    done: dict[int, _Piece] = {}
    todo = [one for one in pieces[share.rank :: share.world] if not work.kept_already(one)]
    with Bar(f"features of the {work.what} data".replace("  ", " "), sum(map(len, todo)), quiet or not todo) as bar:
        for one, items in zip(todo, _read(work.data, todo, workers), strict=True):
            made = work.compute(one, _ticking(items, bar.advance))
            if not work.kept_already(one):  # no folder, or data that nobody can tell the state of
                done[one.start] = made
    share.wait()
    return [done.get(one.start) or work.load(one) for one in pieces]


def pieces_of(count: int, piece: int) -> list[range]:
    """Return neighbouring places, at most ``piece`` together.

    Examples:
        >>> pieces_of(5, 2)
        [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + piece, count)) for start in range(0, count, piece)]


@dataclass(frozen=True, eq=False)
class _Piece:
    arrays: dict[tuple[str, str], np.ndarray]
    about: dict[str, Any]


class _Work:
    """Computes, keeps and loads pieces."""

    def __init__(
        self,
        asked: Mapping[str, Asked],
        data: Dataset,
        recipe: Recipe,
        cache: FeatureCache,
        device: torch.device,
        batch: int,
        what: str,
    ):
        self.asked, self.data, self.recipe, self.cache = asked, data, recipe, cache
        self.device, self.batch, self.what = device, batch, what
        self.weights = {name: digest(one.encoder) for name, one in asked.items()}
        self.base = {"data": describe(data), "recipe": describe(recipe)}

    def keys(self, piece: range) -> dict[tuple[str, str], dict[str, Any]] | None:
        """Return the key of each array of a piece; None if nothing tells whether the data is still the same."""
        prints = [self.data.fingerprint(index) for index in piece]
        if None in prints:
            return None
        base = self.base | {"files": digest(np.array(prints)), "items": [piece.start, piece.stop]}
        keys = {("", "rows"): base | {"about": "rows", "classes": list(map(str, getattr(self.data, "classes", ())))}}
        for name, one in self.asked.items():
            for layer in one.layers:
                key = base | {"weights": self.weights[name], "layer": layer, "device": self.device.type}
                keys[name, layer] = key
        return keys

    def kept_already(self, piece: range) -> bool:
        keys = self.keys(piece)
        return keys is not None and all(self.cache.has(key) for key in keys.values())

    def kept_of_all(self) -> dict[tuple[str, str], np.ndarray]:
        """Return the arrays of all items that are kept as one; none without their rows."""
        keys = self.keys(range(len(self.data))) or {}
        found = {name: self.cache.get(key) for name, key in keys.items()}
        kept = {name: array for name, array in found.items() if array is not None}
        return kept if ("", "rows") in kept else {}

    def missing(self, kept: Mapping[tuple[str, str], np.ndarray]) -> dict[str, Asked]:
        """Return what is asked and not among arrays."""
        rest = {
            name: Asked(one.encoder, tuple(layer for layer in one.layers if (name, layer) not in kept))
            for name, one in self.asked.items()
        }
        return {name: one for name, one in rest.items() if one.layers}

    def merge(self, found: _Piece, piece: int) -> None:
        """Keep the arrays of all items as one each, in place of their pieces."""
        pieces, keys = pieces_of(len(self.data), piece), self.keys(range(len(self.data)))
        if len(pieces) < 2 or keys is None:
            return
        for name, array in found.arrays.items():
            self.cache.put(keys[name], array)
        self.cache.put(keys["", "rows"], _pack(found.about))
        for one in pieces:
            for key in (self.keys(one) or {}).values():
                self.cache.drop(key)

    def load(self, piece: range) -> _Piece:
        keys = self.keys(piece)
        if keys is None:
            raise ConfigError(f"the {self.what} data does not tell the state of its files; one process must do it all")
        arrays = {name: self.cache.get(key) for name, key in keys.items()}
        lost = [name for name, array in arrays.items() if array is None]
        if lost:
            raise ConfigError(
                f"features of items {piece.start} to {piece.stop - 1} of the {self.what} data are not in "
                f"{self.cache.folder}; all processes need that same folder"
            )
        found = {name: array for name, array in arrays.items() if array is not None}
        return _Piece(found, _unpack(found.pop(("", "rows"))))

    def compute(self, piece: range, items: Iterator[dict[str, Any]]) -> _Piece:
        """Run what is not kept yet over a piece, and keep it."""
        keys = self.keys(piece)
        arrays = {} if keys is None else {name: self.cache.get(key) for name, key in keys.items() if name[0]}
        missing = {
            name: Asked(one.encoder, tuple(layer for layer in one.layers if arrays.get((name, layer)) is None))
            for name, one in self.asked.items()
        }
        kinds: set[Takes] = {kind_of(one.encoder) for one in self.asked.values()}
        by_kind: dict[Takes, list[ItemRows]] = {kind: [] for kind in kinds}
        for index, item in zip(piece, items, strict=True):
            for kind, several in by_kind.items():
                several.append(rows_of(item, index, self.recipe, kind))
        found = {name: array for name, array in arrays.items() if array is not None}
        passes = {kind: list(batches(several, self.batch)) for kind, several in by_kind.items()}
        for name, one in missing.items():
            if one.layers:
                kind = kind_of(one.encoder)
                made = self._run(one, by_kind[kind], passes[kind])
                found |= {(name, layer): array for layer, array in made.items()}
        about = _about(next(iter(by_kind.values())))  # rows are alike for all kinds
        if keys is not None:
            for name, array in found.items():
                self.cache.put(keys[name], array)
            self.cache.put(keys["", "rows"], _pack(about))  # last: a piece counts as kept when its rows are
        return _Piece(found, about)

    @torch.inference_mode()
    def _run(self, one: Asked, items: list[ItemRows], passes: list[Tensor]) -> dict[str, np.ndarray]:
        encoder = one.encoder.to(self.device).eval()
        parts: dict[str, list[Tensor]] = {layer: [] for layer in one.layers}
        for frames in passes:
            pictures = unit(frames.to(self.device))
            for layer, values in shown(encoder, pictures, one.layers).items():
                parts[layer].append(pooled(values.float(), self.recipe.max_features).cpu())
        weights = torch.cat([item.weights for item in items]) if items else torch.zeros(0)
        place = torch.cat([item.place + first for item, first in zip(items, _firsts(items), strict=True)])
        count = sum(item.rows for item in items)
        found = {}
        for layer, several in parts.items():
            each = torch.cat(several) if several else torch.zeros(0, 1)
            flat = each.flatten(1) * weights[:, None]
            total = torch.zeros(count, flat.shape[1]).index_add_(0, place, flat)
            found[layer] = total.reshape(count, *each.shape[1:]).numpy()
        return found


def shown(encoder: Encoder | SoundEncoder, pictures: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Return what layers make of pictures, and the encoder itself under ``"output"``, from one pass."""
    layers = [layer for layer in names if layer != OUTPUT]
    if not layers:
        return {OUTPUT: encoder(pictures)}
    with outputs_of(encoder) as outputs:
        taps = encoder.taps(pictures, layers)
    return taps | ({OUTPUT: outputs[-1]} if OUTPUT in names else {})


def kind_of(encoder: Encoder | SoundEncoder) -> Takes:
    """Return whether an encoder is shown whole clips, or each picture (or window of sound) by itself."""
    return "clips" if encoder.takes == "clips" else "pictures"


def _firsts(items: list[ItemRows]) -> list[int]:
    return [0, *np.cumsum([item.rows for item in items]).tolist()][:-1]


def _about(items: list[ItemRows]) -> dict[str, Any]:
    rows = [row for item in items for row in item.about]
    return {"rows": rows, "failures": [item.failure for item in items if item.failure is not None]}


def _pack(about: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(json.dumps(about).encode(), np.uint8)


def _unpack(packed: np.ndarray) -> dict[str, Any]:
    return json.loads(packed.tobytes())


def _read(data: Dataset, pieces: Sequence[range], workers: int) -> Iterator[Iterator[dict[str, Any]]]:
    """Yield the items of each piece, read ahead by ``workers`` processes."""
    if not workers:
        for one in pieces:
            yield (data[0, index] for index in one)
        return
    keys = [(0, index) for one in pieces for index in one]
    data.prepare()
    loader = iter(DataLoader(data, batch_size=None, sampler=keys, num_workers=workers, prefetch_factor=4))
    for one in pieces:
        yield (next(loader) for _ in one)


def _ticking(items: Iterator[dict[str, Any]], tick) -> Iterator[dict[str, Any]]:
    for item in items:
        yield item
        tick()


def _merged(pieces: list[_Piece], asked: Mapping[str, Asked]) -> _Piece:
    """Return pieces as one."""
    full = [piece for piece in pieces if piece.about["rows"]] or pieces[:1]
    names = [(name, layer) for name, one in asked.items() for layer in one.layers]
    return _Piece(
        arrays={name: np.concatenate([piece.arrays[name] for piece in full]) for name in names},
        about={what: [one for piece in pieces for one in piece.about[what]] for what in ("rows", "failures")},
    )


def _joined(found: _Piece, asked: Mapping[str, Asked], data: Dataset, what: str) -> Extracted:
    rows, failures = found.about["rows"], tuple(found.about["failures"])
    if not rows:
        first = f"; the first: {failures[0]}" if failures else ""
        raise ConfigError(f"none of the {len(data)} items of the {what or 'data'} set can be read{first}")
    features = {name: {layer: found.arrays[name, layer] for layer in one.layers} for name, one in asked.items()}
    paths = np.array([row["path"] for row in rows])
    for name, layers in features.items():
        for layer, array in layers.items():
            odd = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(1))
            if len(odd):
                raise ConfigError(
                    f"{name}: features of {layer} are not finite for {len(odd)} of {len(array)} rows of the {what} "
                    f"data (first: {paths[odd[0]]}); weights that diverged give such, use an earlier checkpoint"
                )

    def column(name: str, kind: Any = None) -> np.ndarray:
        return np.array([row[name] for row in rows], dtype=kind)

    def perhaps(name: str, kind: Any) -> np.ndarray | None:
        values = [row.get(name) for row in rows]
        return None if any(value is None for value in values) else np.array(values, dtype=kind)

    about = Rows(
        item=column("item", np.int64),
        clip=column("clip", np.int64),
        start=column("start", np.float64),
        end=column("end", np.float64),
        label=column("label", np.int64),
        labels=perhaps("labels", np.float32),
        group=column("group"),
        path=paths,
        box=perhaps("box", np.int64),
        keypoints=perhaps("keypoints", np.float32),
        visible=perhaps("visible", bool),
        classes=tuple(map(str, getattr(data, "classes", ()))),
        failures=failures,
    )
    return Extracted(features=features, rows=about)
