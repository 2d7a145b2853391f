"""A map of clusters: near each other where their centres are; large with many rows; coloured by how pure they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from avssl.evaluation.clusters.groups import Cluster

WIDE, HIGH, MARGIN = 1000, 640, 24  # of the map
COVERED = 0.2  # share of the map that all circles together cover, at most
SMALLEST, LARGEST = 2.5, 60  # radius of a circle
MOST = 2000  # clusters on it
FEW = 10  # clusters below which their two main components make the map
NAMED = 60  # clusters up to which circles have names
COLORS = colormaps["viridis"]


@dataclass(frozen=True, kw_only=True)
class Circle:
    """A cluster on the map: where, how large, its colour, and what is said of it."""

    number: int
    x: float
    y: float
    radius: float
    color: str
    name: str
    about: str


def map_of(
    clusters: Sequence[Cluster], centres: np.ndarray, names: dict[int, str], about: dict[int, str]
) -> list[Circle]:
    """Return the circles of a map, the large ones below.

    Args:
        clusters: the largest first; no more than ``MOST`` are drawn.
        centres: of all clusters, ``(all, dim)``.
        names: what to write on each, by number.
        about: what to say of each, by number.
    """
    clusters = clusters[:MOST]
    places = positions(centres[[cluster.number for cluster in clusters]])
    sizes = np.array([cluster.size for cluster in clusters])
    radii = np.sqrt(sizes / sizes.sum() * COVERED * WIDE * HIGH / np.pi)
    radii = (radii * min(1.0, LARGEST / radii.max())).clip(min=SMALLEST)
    edge = MARGIN + radii.max()
    x, y = (edge + places[:, side] * (whole - 2 * edge) for side, whole in enumerate((WIDE, HIGH)))
    colors = COLORS(shades(clusters))
    return [
        Circle(
            number=cluster.number,
            x=round(float(x[place]), 1),
            y=round(float(y[place]), 1),
            radius=round(float(radii[place]), 1),
            color=to_hex(colors[place]),
            name=names[cluster.number] if len(clusters) <= NAMED else "",
            about=about[cluster.number],
        )
        for place, cluster in enumerate(clusters)
    ]


def shades(clusters: Sequence[Cluster]) -> np.ndarray:
    """Return how bright each cluster is, in [0, 1]: its purity or, without classes, how tight it is among all."""
    if all(cluster.purity is not None for cluster in clusters):
        return np.array([cluster.purity for cluster in clusters], np.float64)
    far = np.array([cluster.far for cluster in clusters])
    return 1 - (far - far.min()) / max(float(np.ptp(far)), 1e-12)


def positions(centres: np.ndarray) -> np.ndarray:
    """Return places of centres in a square of side 1, ``(clusters, 2)``: t-SNE begun at the two main components.

    Of few clusters it is these components themselves.
    """
    rows = np.asarray(centres, np.float64)
    rows = rows - rows.mean(0)
    left, scale, _ = np.linalg.svd(rows, full_matrices=False)
    places = np.zeros((len(rows), 2))
    places[:, : len(scale)] = left[:, :2] * scale[:2]
    if len(rows) >= FEW and np.ptp(places, 0).min() > 0:
        from sklearn.manifold import TSNE  # slow to import

        near = min(30.0, (len(rows) - 1) / 3)
        start = places / places.std(0)[0] * 1e-4  # as scikit-learn scales its own
        places = TSNE(perplexity=near, init=start.astype(np.float32), random_state=0).fit_transform(rows)
    low, high = places.min(0), places.max(0)
    return np.where(high > low, (places - low) / np.where(high > low, high - low, 1), 0.5)
