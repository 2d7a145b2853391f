"""Exact search among features, in pieces of bounded memory; by FAISS where it is installed, with equal answers."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.config import ConfigError

Similarity = Literal["cosine", "dot", "euclidean"]
Centre = Literal["gallery", "own", "none"]
Engine = Literal["torch", "faiss", "auto"]
PIECE = 64_000_000  # similarities held at a time


@dataclass(frozen=True, eq=False)
class Answers:
    """What was found: gallery rows ``index`` ``(queries, k)``, best first, and their ``similarity``."""

    index: np.ndarray
    similarity: np.ndarray


def search(
    queries: np.ndarray,
    gallery: np.ndarray,
    k: int,
    excluded: tuple[np.ndarray, np.ndarray] | None = None,
    similarity: Similarity = "cosine",
    centre: Centre = "gallery",
    engine: Engine = "auto",
) -> Answers:
    """Return the ``k`` most similar gallery rows of each query; of equals the one that stands first.

    Args:
        queries: ``(queries, ...)``.
        gallery: ``(gallery, ...)``.
        k: how many.
        excluded: names of the queries and of the gallery rows: a row of a query's own name may not answer it.
        similarity: ``"cosine"``, ``"dot"``, or ``"euclidean"`` (minus the squared distance).
        centre: take the gallery's mean out of both sides (``"gallery"``), each side's own (``"own"``, which lets the
            queries know each other: CoCLR's code does so), or nothing.
        engine: ``"torch"``, ``"faiss"``, or ``"auto"``: FAISS where it is installed and nothing is excluded.

    Raises:
        ConfigError: if a query has fewer than ``k`` rows that may answer, or FAISS is asked for and missing.
    """
    ours, theirs = prepared(queries, gallery, similarity, centre)
    names = None if excluded is None else numbered(*excluded)
    allowed = np.full(len(ours), len(theirs))
    if names is not None:
        allowed = allowed - np.bincount(names[1], minlength=max(names[0].max(), names[1].max()) + 1)[names[0]]
    if k < 1 or allowed.min() < k:
        raise ConfigError(
            f"k={k} answers are asked for, but a query has only {int(allowed.min())} of {len(theirs)} gallery items "
            "that may answer; use a smaller k, a larger gallery, or exclude less"
        )
    if engine == "faiss" and find_spec("faiss") is None:
        raise ConfigError("engine: faiss is not installed; pip install 'avssl[faiss]', or engine: torch")
    if engine == "faiss" or (engine == "auto" and names is None and find_spec("faiss") is not None):
        most = 0 if names is None else int((len(theirs) - allowed).max())
        return by_faiss(ours, theirs, k, most, names, similarity)
    return by_torch(ours, theirs, k, names, similarity)


def prepared(queries: np.ndarray, gallery: np.ndarray, similarity: Similarity, centre: Centre) -> tuple[Tensor, Tensor]:
    """Return both sides as float32 rows, centred, and of length 1 for cosines."""
    ours, theirs = (
        torch.from_numpy(np.ascontiguousarray(side.reshape(len(side), -1))).float() for side in (queries, gallery)
    )
    if ours.shape[1] != theirs.shape[1]:
        raise ConfigError(f"queries have {ours.shape[1]} numbers, the gallery {theirs.shape[1]}; use the same layer")
    if centre != "none":
        middle = theirs.mean(0)
        ours, theirs = ours - (ours.mean(0) if centre == "own" else middle), theirs - middle
    if similarity == "cosine":
        ours, theirs = F.normalize(ours, dim=1), F.normalize(theirs, dim=1)
    return ours, theirs


def numbered(queries: np.ndarray, gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return names as whole numbers that are equal where the names are."""
    _, place = np.unique(np.concatenate([queries, gallery]), return_inverse=True)
    return place[: len(queries)], place[len(queries) :]


def by_torch(
    ours: Tensor, theirs: Tensor, k: int, names: tuple[np.ndarray, np.ndarray] | None, similarity: Similarity
) -> Answers:
    squares = theirs.square().sum(1)
    found, index = [], []
    for start in range(0, len(ours), max(1, PIECE // len(theirs))):
        piece = ours[start : start + max(1, PIECE // len(theirs))]
        closeness = alike(piece, theirs, squares, similarity)
        if names is not None:
            own = torch.from_numpy(names[0][start : start + len(piece)])
            closeness.masked_fill_(own[:, None] == torch.from_numpy(names[1])[None], -torch.inf)
        best, place = first_of_equals(closeness, k)
        found.append(best)
        index.append(place)
    return Answers(torch.cat(index).numpy(), torch.cat(found).numpy())


def alike(ours: Tensor, theirs: Tensor, squares: Tensor, similarity: Similarity) -> Tensor:
    """Return how similar each query is to each gallery row, ``(queries, gallery)``."""
    product = ours @ theirs.T
    if similarity != "euclidean":
        return product
    return 2 * product - squares - ours.square().sum(1, keepdim=True)


def first_of_equals(closeness: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the ``k`` highest of each row and their places, sorted; of equals the first places, in order."""
    width = closeness.shape[1]
    best, place = closeness.topk(min(k + 1, width), dim=1)
    if width > k:  # equals at the border: topk takes any of them
        tied = (best[:, k - 1] == best[:, k]).nonzero().flatten()
        if len(tied):
            order = closeness[tied].sort(dim=1, descending=True, stable=True)
            best[tied, :k], place[tied, :k] = order.values[:, :k], order.indices[:, :k]
    best, place = best[:, :k], place[:, :k]
    place, by_place = place.sort(dim=1)  # then by closeness, stably: equals stay in the order of their places
    best, by_closeness = best.gather(1, by_place).sort(dim=1, descending=True, stable=True)
    return best, place.gather(1, by_closeness)


def by_faiss(
    ours: Tensor, theirs: Tensor, k: int, most: int, names: tuple[np.ndarray, np.ndarray] | None, similarity: Similarity
) -> Answers:
    """Ask an exact index for as many answers as can be excluded more, and drop those; near-equals are sorted anew."""
    import faiss

    wide = min(k + most, len(theirs))
    index = faiss.IndexFlatL2(theirs.shape[1]) if similarity == "euclidean" else faiss.IndexFlatIP(theirs.shape[1])
    index.add(theirs.numpy())
    _, place = index.search(ours.numpy(), wide)
    place = torch.from_numpy(np.sort(place, axis=1))
    squares = theirs.square().sum(1)
    kept, closest = [], []
    for start in range(0, len(ours), 1024):
        piece, rows = ours[start : start + 1024], place[start : start + 1024]
        closeness = torch.einsum("qd,qkd->qk", piece, theirs[rows])
        if similarity == "euclidean":
            closeness = 2 * closeness - squares[rows] - piece.square().sum(1, keepdim=True)
        if names is not None:
            own = torch.from_numpy(names[0][start : start + 1024])
            closeness = closeness.masked_fill(torch.from_numpy(names[1])[rows] == own[:, None], -torch.inf)
        best, order = closeness.sort(dim=1, descending=True, stable=True)
        closest.append(best[:, :k])
        kept.append(rows.gather(1, order)[:, :k])
    return Answers(torch.cat(kept).numpy(), torch.cat(closest).numpy())
