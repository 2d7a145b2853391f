"""Which gallery rows are right answers to which queries, and which may not answer: from what rows are."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from avssl.config import ConfigError
from avssl.features.alignment import align_rows, check_common
from avssl.features.extraction import Rows
from avssl.features.search import equals, numbered

Relevant = Literal["label", "group", "pair"]
Exclude = Literal["group", "path", "item", "none"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Question:
    """What is asked: which gallery rows are right for each query, and which may not answer.

    Args:
        query: what a right answer shares with each query: numbers ``(queries,)``, or classes ``(queries, classes)`` of
            which a query may have several; then an answer is worth the number of classes that it shares.
        gallery: the same for the gallery rows.
        excluded: names of queries and gallery rows of which equal ones may not answer; None excludes none.
        size: gallery rows that may answer each query, ``(queries,)``.
        total: right ones among them, ``(queries,)``.
        mean: mean worth of the rows that may answer, ``(queries,)``.
        ideal: worth of the best order's first rows, ``(queries, k)``.
        classes: what labels of both sides count, where labels are asked for.
    """

    query: np.ndarray
    gallery: np.ndarray
    excluded: tuple[np.ndarray, np.ndarray] | None
    size: np.ndarray
    total: np.ndarray
    mean: np.ndarray
    ideal: np.ndarray
    classes: tuple[str, ...] = ()

    def worth(self, index: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        """Return what gallery rows are worth as answers to some queries, ``(queries, k)``; 0 for wrong ones."""
        found = shared(self.query[rows], self.gallery, index)
        if self.excluded is not None:
            found *= self.excluded[0][rows, None] != self.excluded[1][index]
        return found


def ask(queries: Rows, gallery: Rows, relevant: Relevant | None, exclude: Exclude, k: int) -> Question:
    """Return the question that two sets of rows pose.

    Args:
        queries: rows that ask.
        gallery: rows that answer.
        relevant: right is a row of the same ``"label"`` (of a shared one, where rows have several), of the same
            ``"group"``, or the query's own in another modality (``"pair"``: the same clip of the same item); None asks
            nothing, so that no answer is right.
        exclude: rows of the query's own ``"group"`` (the path where there are no groups), ``"path"`` or ``"item"`` may
            not answer.
        k: answers that will count at most.

    Raises:
        ConfigError: if there are no labels, no query has anything to find, or fewer than ``k`` rows may answer.
    """
    if relevant == exclude == "group":
        raise ConfigError("relevant: group and exclude: group leave nothing to find; use exclude: item")
    classes: tuple[str, ...] = ()
    if relevant == "label":
        queries, gallery = align_rows([queries, gallery], ["query", "gallery"])
        classes = queries.classes
    query, answer = asked_for(queries, gallery, relevant)
    if relevant == "label":
        ours, theirs = (shown(side, len(classes)) for side in (query, answer))
        check_common(ours, theirs, classes, ("the queries", "the gallery"))
    excluded = None
    if exclude == "item":
        both = [np.char.add(np.char.add(rows.path, "\0"), rows.item.astype(str)) for rows in (queries, gallery)]
        excluded = numbered(both[0], both[1])
    elif exclude != "none":
        excluded = numbered(getattr(queries, exclude), getattr(gallery, exclude))
    size = np.full(len(queries), len(gallery)) - (0 if excluded is None else equals(*excluded))
    if size.min() < k:
        raise ConfigError(
            f"ks: {k} answers are asked for, but a query has only {size.min()} of {len(gallery)} gallery rows that "
            "may answer; use smaller ks, a larger gallery, or exclude less"
        )
    total, mean, ideal = expected(query, answer, excluded, size, k)
    if relevant is not None and not total.any():
        raise ConfigError(
            f"relevant: {relevant}, exclude: {exclude}: no query has a right item in the gallery; check labels, groups "
            "and what is excluded"
        )
    return Question(query=query, gallery=answer, excluded=excluded, size=size, total=total, mean=mean, ideal=ideal,
                    classes=classes)  # fmt: skip


def asked_for(queries: Rows, gallery: Rows, relevant: Relevant | None) -> tuple[np.ndarray, np.ndarray]:
    """Return what right answers share with their query, for queries and gallery rows whose classes are aligned."""
    if relevant == "group":
        return numbered(queries.group, gallery.group)
    if relevant == "pair":
        return numbered(place_of(queries), place_of(gallery))
    if relevant is None:
        return np.zeros(len(queries), int), np.ones(len(gallery), int)
    if queries.labels is not None and gallery.labels is not None:
        return np.nan_to_num(queries.labels), np.nan_to_num(gallery.labels)  # what is to be ignored is not shared
    if queries.label.max() < 0 or gallery.label.max() < 0:
        raise ConfigError("relevant: label needs classes; these data have none: use relevant: group, or label them")
    return queries.label, np.where(gallery.label < 0, -2, gallery.label)  # without a label nothing is alike


def shown(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return which classes any row shows, bool ``(classes,)``, of numbers ``(rows,)`` or of a table."""
    if labels.ndim == 2:
        return np.asarray((labels > 0).any(0))
    return np.bincount(labels[labels >= 0], minlength=classes) > 0


def place_of(rows: Rows) -> np.ndarray:
    """Return a name for each row: which clip of which item, and which row of it where there are several."""
    clips = np.char.add(np.char.add(rows.item.astype(str), " "), rows.clip.astype(str))
    order = np.argsort(clips, kind="stable")
    starts = np.r_[True, clips[order][1:] != clips[order][:-1]]
    first = np.maximum.accumulate(np.where(starts, np.arange(len(rows)), 0))
    number = np.empty(len(rows), int)
    number[order] = np.arange(len(rows)) - first
    return np.char.add(np.char.add(clips, " "), number.astype(str))


def shared(query: np.ndarray, gallery: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return what gallery rows ``index`` share with each query: 1 or 0, or the number of classes, ``(queries, k)``."""
    if query.ndim == 1:
        return (gallery[index] == query[:, None]).astype(np.float32)
    return np.stack([gallery[places] @ one for one, places in zip(query, index, strict=True)])


def expected(
    query: np.ndarray, gallery: np.ndarray, excluded: tuple[np.ndarray, np.ndarray] | None, size: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many rows are right for each query, their mean worth, and the worth of the best order's first."""
    if query.ndim == 1:
        total = equals(query, gallery)
        if excluded is not None:  # less those that are right and may not answer
            pairs = [np.stack([side, own], 1) for side, own in zip((query, gallery), excluded, strict=True)]
            _, place = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
            total = total - equals(place[: len(query)], place[len(query) :])
        return total, total / size, (np.arange(k) < total[:, None]).astype(np.float32)
    total, summed, ideal = np.zeros(len(query), int), np.zeros(len(query)), np.zeros((len(query), k), np.float32)
    for row, one in enumerate(query):  # a query at a time: all together would be a table of queries times gallery
        worth = gallery @ one
        if excluded is not None:
            worth[excluded[1] == excluded[0][row]] = 0
        total[row], summed[row] = (worth > 0).sum(), worth.sum()
        ideal[row] = -np.sort(np.partition(-worth, k - 1)[:k])
    return total, summed / size, ideal
