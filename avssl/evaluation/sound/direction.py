"""One direction of retrieval: what is asked with, what answers, and what is right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avssl.evaluation.sound.clips import Heard
from avssl.metrics import ranking

DEPTH = 30  # of nDCG ("Objects that Sound", section 3.4)
PIECE = 512  # queries compared at a time


@dataclass(frozen=True)
class Direction:
    """A direction, such as from picture to sound.

    Args:
        query: ``"picture"`` or ``"sound"``.
        gallery: likewise.
    """

    query: str
    gallery: str

    @property
    def across(self) -> bool:
        """Whether query and gallery differ."""
        return self.query != self.gallery

    def __str__(self) -> str:
        return f"{self.query} to {self.gallery}"


SENSES = ("picture", "sound")
DIRECTIONS = tuple(Direction(query, gallery) for query in SENSES for gallery in SENSES)


def orders(queries: np.ndarray, gallery: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield query rows, and the gallery's from the most to the least similar; equal ones in the gallery's order."""
    gallery = gallery.astype(np.float64)
    for start in range(0, len(queries), PIECE):
        rows = np.arange(start, min(start + PIECE, len(queries)))
        yield rows, np.argsort(-(queries[rows].astype(np.float64) @ gallery.T), axis=1, kind="stable")


def score_direction(
    embeddings: Mapping[str, np.ndarray], heard: Heard, direction: Direction, ks: Sequence[int]
) -> dict[str, float]:
    """Return P@10, nDCG@30, R@k by class, and, across modalities, ``own R@k``, means over queries.

    Queries whose class no other recording has do not count.

    Args:
        embeddings: unit vectors of ``"picture"`` and ``"sound"``, ``(N, dim)``.
        heard: their classes and recordings.
        direction: what is asked.
        ks: ranks.
    """
    label, recording = heard.label.numpy(), heard.recording.numpy()
    found: dict[str, list[np.ndarray]] = {}
    for rows, order in orders(embeddings[direction.query], embeddings[direction.gallery]):
        other = recording[order] != recording[rows][:, None]
        others_first = np.argsort(
            ~other, axis=1, kind="stable"
        )  # one's own recording goes to the end, and counts as wrong
        right = np.take_along_axis((label[order] == label[rows][:, None]) & other, others_first, 1)
        counted = right.any(1)
        scores = {"P@10": ranking.precision_at(right, min(10, right.shape[1]))[counted]}
        ideal = -np.sort(-right.astype(float), axis=1)
        scores["nDCG@30"] = ranking.ndcg_at(right[counted].astype(float), ideal[counted], min(DEPTH, right.shape[1]))
        for k in ks:
            scores[f"R@{k}"] = ranking.hits_at(right, k)[counted]
        if direction.across:
            own = order == rows[:, None]
            scores |= {f"own R@{k}": ranking.hits_at(own, k) for k in ks}
        for name, values in scores.items():
            found.setdefault(name, []).append(values)
    return {name: float(np.concatenate(values).mean()) for name, values in found.items()}


def chance_of(heard: Heard, direction: Direction, ks: Sequence[int]) -> dict[str, float]:
    """Return what a random order of the gallery scores in the mean."""
    label, recording = heard.label.numpy(), heard.recording.numpy()
    total = np.array([((label == label[row]) & (recording != recording[row])).sum() for row in range(len(label))])
    size = np.array([(recording != recording[row]).sum() for row in range(len(label))])
    total, size = total[total > 0], size[total > 0]
    share = float((total / size).mean())
    gain = [ranking.discounts(min(DEPTH, most)).sum() for most in size]
    best = [ranking.discounts(min(DEPTH, good)).sum() for good in total]
    found = {"P@10": share, "nDCG@30": float(np.mean(total / size * np.array(gain) / np.array(best)))}
    found |= {f"R@{k}": float(ranking.chance_of_a_hit(total, size, k).mean()) for k in ks}
    return found | ({f"own R@{k}": min(1.0, k / len(label)) for k in ks} if direction.across else {})
