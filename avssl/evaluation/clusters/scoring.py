"""What is told of clusters: sizes, and how far they agree with classes, beside the same labels permuted."""

import numpy as np
from numpy import ndarray

from avssl.metrics.agreement import many_to_one_accuracy, matched_accuracy, mutual_information, rand_index

AGREEMENT = {"NMI": mutual_information, "ARI": rand_index, "ACC": matched_accuracy, "many-to-one": many_to_one_accuracy}


def score_clusters(
    labels: ndarray, distances: ndarray, clusters: int, classes: ndarray
) -> tuple[dict[str, float], list[dict[str, str]], list[str]]:
    """Return numbers, a table and notes on a clustering.

    Args:
        labels: cluster of each row, int64 ``(rows,)``.
        distances: squared distance of each row to its cluster's centre; their sum is the objective.
        clusters: how many there are.
        classes: of each row, -1 for none; they serve for nothing else.
    """
    numbers = sizes_of(labels, clusters) | {"objective": float(distances.astype(np.float64).sum())}
    cells = {
        "used": f"{numbers['used']} of {clusters}",
        "sizes": " / ".join(str(numbers[name]) for name in ("smallest", "median", "largest")),
        "evenness": f"{numbers['evenness']:.3f}",
        "objective": f"{numbers['objective']:.4g}",
    }
    table, notes = [{"row": "clusters"} | cells], []
    labelled = classes >= 0
    if labelled.any():
        truth, found = classes[labelled], labels[labelled]
        by_chance = np.random.default_rng(0).permutation(found)
        table.append({"row": "permuted"} | dict.fromkeys(cells, ""))
        for row, given, ending in zip(table, (found, by_chance), ("", " permuted"), strict=True):
            values = {name: score(given, truth) for name, score in AGREEMENT.items()}
            row.update({name: f"{100 * value:.1f}" for name, value in values.items()})
            numbers |= {name + ending: value for name, value in values.items()}
        notes.append(
            f"Of {labelled.sum()} rows in {len(np.unique(truth))} classes, in %. ACC gives each class one cluster, "
            "many-to-one each cluster the class that most of its rows have; NMI and many-to-one rise with the number "
            "of clusters."
        )
    return numbers, table, notes


def sizes_of(labels: ndarray, clusters: int) -> dict[str, float]:
    """Return what the sizes of clusters are like; ``evenness`` is their entropy over the greatest possible."""
    sizes = np.bincount(labels, minlength=clusters)
    shares = sizes[sizes > 0] / len(labels)
    return {
        "rows": len(labels),
        "clusters": clusters,
        "used": int((sizes > 0).sum()),
        "smallest": int(sizes.min()),
        "median": int(np.sort(sizes)[(clusters - 1) // 2]),
        "largest": int(sizes.max()),
        "evenness": float(-(shares * np.log(shares)).sum() / np.log(clusters)),
    }
