"""The neighbours' vote: weighted k nearest neighbours.

Wu, Xiong, Yu and Lin, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018,
section 3.4. https://arxiv.org/abs/1805.01978
"""

import numpy as np

from avssl.evaluation.probes.base import Labels, Probe
from avssl.features.search import Similarity, search


class KNearest(Probe):
    """Each of the ``k`` nearest training items votes for its classes with the weight ``exp(similarity / temperature)``.

    Args:
        k: neighbours (section 3.4: 200); fewer where there are fewer training items, and the protocol says so.
        temperature: the lower, the more the nearest count (section 3.4: 0.07); None lets all count the same.
        similarity: ``"cosine"`` (the paper's), ``"dot"`` or ``"euclidean"``.
    """

    def __init__(self, k: int = 200, temperature: float | None = 0.07, similarity: Similarity = "cosine"):
        if k < 1 or (temperature is not None and temperature <= 0):
            raise ValueError(f"k starts at 1 and temperature is above 0 or null; got {k}, {temperature}")
        self.k, self.temperature = k, temperature
        self.similarity: Similarity = similarity
        weighing = "plain" if temperature is None else f"T={temperature:g}"
        self.name = f"kNN k={k} {similarity} {weighing}"

    def __call__(self, train: np.ndarray, labels: Labels, test: np.ndarray, seed: int) -> np.ndarray:
        k = min(self.k, len(train))
        found = search(test, train, k, similarity=self.similarity, centre="none", engine="torch")
        votes = np.nan_to_num(labels.table)[found.index]
        if self.temperature is None:
            return votes.mean(1)
        closeness = found.similarity.astype(np.float64)
        weights = np.exp((closeness - closeness.max(1, keepdims=True)) / self.temperature)
        return (votes * weights[..., None]).sum(1) / weights.sum(1)[:, None]
