"""Exact search among features, in pieces of bounded memory; by FAISS where it is installed, with equal answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError
from avssl.installed import extra

Similarity = Literal["cosine", "dot", "euclidean"]
Centre = Literal["gallery", "own", "none"]
Engine = Literal["torch", "faiss", "auto"]
PIECE = 4_000_000  # similarities held at a time
TALL = 512  # queries compared at a time, at most
LARGE = 20_000  # gallery rows from which comparing by PyTorch is quicker than FAISS's exact index
STEPS = 2.0**28  # to which similarities are rounded, of the largest that a query could have
PLACES = 30  # bits of a key that hold the place in the gallery


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
    """Return the ``k`` most similar gallery rows of each query.

    Two rows whose similarities are equal to within 4e-9 of the largest that the query could have are equal, and the one
    that stands first in the gallery answers first. What single precision cannot tell apart is compared again in
    double, so the answers depend neither on the engine nor on the pieces that the work is done in.

    Args:
        queries: ``(queries, ...)``.
        gallery: ``(gallery, ...)``.
        k: how many.
        excluded: names of the queries and of the gallery rows: a row of a query's own name may not answer it.
        similarity: ``"cosine"``, ``"dot"``, or ``"euclidean"`` (minus the squared distance).
        centre: take the gallery's mean out of both sides (``"gallery"``), each side's own (``"own"``, which lets the
            queries know each other: CoCLR's code does so), or nothing.
        engine: ``"torch"``, ``"faiss"``, or ``"auto"``: FAISS where it is installed, for galleries of
            less than 20,000 rows of which few are excluded.

    Raises:
        ConfigError: if a query has fewer than ``k`` rows that may answer, or FAISS is asked for and missing.
    """
    space = Space(queries, gallery, excluded, similarity, centre, engine)
    found = [answers for _, answers in space.answers(k)]
    return Answers(np.concatenate([one.index for one in found]), np.concatenate([one.similarity for one in found]))


class Space:
    """Queries and a gallery made ready to be compared; see `search` for the arguments."""

    def __init__(
        self,
        queries: np.ndarray,
        gallery: np.ndarray,
        excluded: tuple[np.ndarray, np.ndarray] | None = None,
        similarity: Similarity = "cosine",
        centre: Centre = "gallery",
        engine: Engine = "auto",
    ):
        if engine == "faiss" and find_spec("faiss") is None:
            raise ConfigError(f"engine: faiss is not installed; {extra('faiss')}, or engine: torch")
        self.ours, self.theirs = prepared(queries, gallery, similarity, centre)
        self.euclidean, self.engine = similarity == "euclidean", engine
        self.names = None if excluded is None else tuple(map(torch.from_numpy, numbered(*excluded)))
        self.allowed = np.full(len(self.ours), len(self.theirs))  # how many rows may answer each query
        if excluded is not None:
            self.allowed -= equals(*excluded)
        own, longest = lengths(self.ours), lengths(self.theirs).max()
        largest = (own + longest) ** 2 if self.euclidean else own * longest
        self.largest = torch.where(largest > 0, largest, 1.0)  # the similarity that a query could have, (queries,)

    def answers(self, k: int) -> Iterator[tuple[slice, Answers]]:
        """Yield the ``k`` best answers piece by piece, and which queries they answer.

        Raises:
            ConfigError: if a query has fewer rows that may answer.
        """
        size = len(self.theirs)
        if k < 1 or self.allowed.min() < k:
            raise ConfigError(
                f"k={k} answers are asked for, but a query has only {int(self.allowed.min())} of {size} "
                "gallery items that may answer; use a smaller k, a larger gallery, or exclude less"
            )
        wide = k + 1 + size - int(self.allowed.min())  # what FAISS must give so that k + 1 are left
        suits = 8 * wide < size < LARGE and find_spec("faiss") is not None
        by_faiss = self.engine == "faiss" or (self.engine == "auto" and suits)
        index = self._index() if by_faiss else None
        for rows in slices(len(self.ours), TALL):
            if 4 * k > size:  # so many that some are too close for single precision
                yield rows, self._read(rows, self._best(rows, k))
            elif index is None:
                yield rows, self._settled(rows, k, *self._near(rows, k + 1))
            else:
                yield rows, self._settled(rows, k, *self._ask(index, rows, k + 1, min(wide, size)))

    def orders(self) -> Iterator[tuple[slice, Answers]]:
        """Yield the whole gallery in order piece by piece; rows that may not answer come last, at minus infinity."""
        for rows in slices(len(self.ours), max(1, PIECE // len(self.theirs))):
            yield rows, self._read(rows, np.sort(self._keys(rows, slice(0, len(self.theirs))), axis=1))

    def _near(self, rows: slice, k: int) -> tuple[Tensor, Tensor]:
        """Return about the ``k`` highest similarities and their places, in single precision."""
        best, places = torch.empty(rows.stop - rows.start, 0), torch.empty(rows.stop - rows.start, 0, dtype=torch.int64)
        for part in slices(len(self.theirs), max(k, PIECE // TALL)):
            closeness = self._closeness(self.ours[rows], self.theirs[part])
            if self.names is not None:
                closeness.masked_fill_(self.names[0][rows, None] == self.names[1][part], -torch.inf)
            found, place = closeness.topk(min(k, closeness.shape[1]), dim=1)
            best, places = torch.cat([best, found], 1), torch.cat([places, place + part.start], 1)
            best, chosen = best.topk(min(k, best.shape[1]), dim=1)
            places = places.gather(1, chosen)
        return best, places

    def _index(self) -> Any:
        import faiss

        index = faiss.IndexFlatL2(self.theirs.shape[1]) if self.euclidean else faiss.IndexFlatIP(self.theirs.shape[1])
        index.add(self.theirs.numpy())
        return index

    def _ask(self, index: Any, rows: slice, k: int, wide: int) -> tuple[Tensor, Tensor]:
        """Return what `_near` does, from FAISS."""
        found, places = map(torch.from_numpy, index.search(self.ours[rows].numpy(), wide))
        found = -found if self.euclidean else found
        if self.names is not None:
            found = found.masked_fill(self.names[0][rows, None] == self.names[1][places], -torch.inf)
        best, chosen = found.topk(min(k, wide), dim=1)
        return best, places.gather(1, chosen)

    def _settled(self, rows: slice, k: int, best: Tensor, places: Tensor) -> Answers:
        """Return the ``k`` first of ``k + 1`` candidates; queries with candidates too close to tell are asked anew."""
        error = torch.finfo(torch.float32).eps * (8 + self.ours.shape[1] ** 0.5)  # far more than was seen
        doubt = error * self.largest[rows, None]
        answers = Answers(places[:, :k].numpy().copy(), best[:, :k].double().numpy())
        close = (best[:, :-1] - best[:, 1:] <= doubt).any(1).nonzero().flatten() + rows.start
        for some in close.split(TALL):
            exact = self._read(some, self._best(some, k))
            answers.index[some - rows.start], answers.similarity[some - rows.start] = exact.index, exact.similarity
        return answers

    def _best(self, rows: slice | Tensor, k: int) -> np.ndarray:
        """Return the ``k`` lowest keys of some queries, in order, a piece of the gallery at a time."""
        best = None
        for part in slices(len(self.theirs), max(k, PIECE // TALL)):
            keys = self._keys(rows, part)
            both = keys if best is None else np.concatenate([best, keys], axis=1)
            best = np.partition(both, k - 1, axis=1)[:, :k] if both.shape[1] > k else both
        assert best is not None
        return np.sort(best, axis=1)

    def _keys(self, rows: slice | Tensor, part: slice) -> np.ndarray:
        """Return whole numbers that are lower the better a row answers: how far it is, and then its place."""
        closeness = self._closeness(self.ours[rows].double(), self.theirs[part].double())
        keys = closeness.mul_(-STEPS / self.largest[rows, None]).round_().to(torch.int64)
        if self.names is not None:
            keys.masked_fill_(self.names[0][rows, None] == self.names[1][part], int(STEPS) + 1)  # behind all others
        return keys.bitwise_left_shift_(PLACES).add_(torch.arange(part.start, part.stop)).numpy()

    def _read(self, rows: slice | Tensor, keys: np.ndarray) -> Answers:
        far = keys >> PLACES
        similarity = far * (-self.largest[rows, None].numpy() / STEPS)
        return Answers(keys & (2**PLACES - 1), np.where(far > STEPS, -np.inf, similarity))

    def _closeness(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """Return how similar each query is to each gallery row, ``(queries, gallery)``."""
        product = ours @ theirs.T
        if not self.euclidean:
            return product
        return product.mul_(2).sub_(squares(theirs)).sub_(squares(ours)[:, None])


def prepared(queries: np.ndarray, gallery: np.ndarray, similarity: Similarity, centre: Centre) -> tuple[Tensor, Tensor]:
    """Return both sides as float32 rows, centred, and of length 1 for cosines.

    Raises:
        ConfigError: if they differ in width.
    """
    sides = [np.ascontiguousarray(side.reshape(len(side), -1), np.float32) for side in (queries, gallery)]
    if sides[0].shape[1] != sides[1].shape[1]:
        raise ConfigError(
            f"queries have {sides[0].shape[1]} numbers, the gallery {sides[1].shape[1]}; use the same layer"
        )
    middles = [np.zeros(side.shape[1]) if centre == "none" else side.mean(0, dtype=np.float64) for side in sides]
    if centre == "gallery":
        middles[0] = middles[1]
    for number, (side, middle) in enumerate(zip(sides, middles, strict=True)):
        sides[number] = made = np.empty_like(side)
        for rows in slices(len(side), 4096):  # double precision of all at once would take much memory
            moved = side[rows] - middle
            if similarity == "cosine":
                moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
            made[rows] = moved
    return torch.from_numpy(sides[0]), torch.from_numpy(sides[1])


def numbered(ones: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return names as whole numbers from 0 that are equal where the names are."""
    _, place = np.unique(np.concatenate([ones, others]), return_inverse=True)
    return place[: len(ones)], place[len(ones) :]


def equals(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how many of ``others`` equal each of ``ones``."""
    names, counts = np.unique(others, return_counts=True)
    place = np.minimum(np.searchsorted(names, ones), len(names) - 1)
    return np.where(names[place] == ones, counts[place], 0)


def slices(count: int, size: int) -> Iterator[slice]:
    """Yield neighbouring parts of at most ``size``."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def squares(rows: Tensor) -> Tensor:
    return rows.square().sum(-1)


def lengths(rows: Tensor) -> Tensor:
    return squares(rows.double()).sqrt()
