"""K-means of features in files, or the nearest centres of clusters made before: what ``tools/cluster.py`` runs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.console import Console

from avssl.config import ConfigError, Count, Trust, trusting
from avssl.data import DataError
from avssl.evaluation.clusters.files import (
    CLUSTERS,
    LABELS,
    TABLE,
    read_clusters,
    write_clusters,
    write_item_labels,
    write_table,
)
from avssl.evaluation.clusters.groups import Groups
from avssl.evaluation.clusters.scoring import score_clusters
from avssl.evaluation.clusters.sheets import PAGE, page_of_features, write_page
from avssl.evaluation.runner import show
from avssl.features.device import find_device
from avssl.features.extraction import Rows
from avssl.features.files import read_features
from avssl.features.sharing import from_environment
from avssl.media.errors import MediaError
from avssl.nets import Clusters
from avssl.report.scores import Scores

BLOCK = 4096  # rows at a time


def cluster_features(
    features: str | Path,
    clusters: Count = 100,
    layer: str | None = None,
    components: Count | None = 256,
    unit: bool = True,
    spherical: bool = False,
    rounds: Count = 25,
    start: Literal["random", "k-means++"] = "random",
    seed: int = 0,
    centres: str | Path | None = None,
    page: bool = True,
    sheets: Count = 48,
    out: str | Path | None = None,
    device: str = "auto",
    trust: Trust = (),
) -> Scores:
    """Cluster features, or give them the nearest centres of clusters made before; write files, print sizes.

    The folder gains ``clusters.safetensors`` (centres, mean and axes of the whitening, label of each row),
    ``clusters.parquet`` (what each row is, its cluster, the squared distance to the centre) and ``labels.safetensors``
    (labels of the items, for `avssl.data.Relabelled`). Where it knows its data it gains ``clusters.html``, a page of
    pictures of the clusters.

    Args:
        features: folder that tools/extract.py wrote, or one of its ``.npy`` files.
        clusters: how many; with ``centres`` those of the file.
        layer: which file, where the folder holds several.
        components: principal components that are kept and whitened, at most; null clusters features as they are.
        unit: whether features are taken at length 1 then.
        spherical: whether centres are of length 1 too.
        rounds: updates of the centres, at most.
        start: see `avssl.nets.fit_kmeans`.
        seed: of the start.
        centres: clusters made before, a file or its folder: mean, axes and centres are used as they are, and nothing is
            fitted. The settings above, from ``clusters`` on without ``layer``, do not count then.
        page: whether to write the page. Members of clusters are read from the data for it.
        sheets: clusters that the page shows, at most; all are in its map, up to 2,000.
        out: folder to write into; None for ``clusters`` beside the features.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        trust: packages whose classes the data may name and so run, see `avssl.load_encoder`.

    Returns:
        Objective and sizes and, where rows have classes, how far clusters agree with them, beside the same labels
        permuted.

    Raises:
        ConfigError: if there are no such features, fewer than clusters, or centres are of features of another length.
    """
    if from_environment().world > 1:
        raise ConfigError("tools/cluster.py works in one process, on one device; start it without torchrun")
    array, rows = read_features(features, layer)
    array = array.reshape(len(array), -1)
    require_finite(features, array)
    folder = Path(features).expanduser()
    folder = folder.parent if folder.suffix == ".npy" else folder
    target = folder / "clusters" if out is None else Path(out).expanduser()
    console, device = Console(soft_wrap=True, highlight=False), find_device(device)
    try:
        if centres is not None:
            made = read_clusters(centres, device)
        else:
            made = Clusters(array.shape[1], clusters, components, unit, spherical).to(device)
            passed = progress(console, rounds + 1)
            made.fit(array, seed, rounds, start, BLOCK, passed)
        labels, distances = (values.cpu().numpy() for values in made.nearest(array, BLOCK))
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{features}: {error}" + (f" ({centres})" if centres is not None else "")) from error
    target.mkdir(parents=True, exist_ok=True)
    write_clusters(target / CLUSTERS, made, torch.from_numpy(labels), {"features": str(features), "rows": len(rows)})
    write_table(target / TABLE, rows, labels, distances)
    known = write_item_labels(target / LABELS, folder, rows, labels)
    scores = summarize(made, rows, labels, distances, str(features), centres)
    show(scores, console)
    console.print(f"Written: {', '.join(str(target / name) for name in (CLUSTERS, TABLE, *[LABELS] * known))}")
    if not known:
        console.print(f"No {LABELS}: the features do not say which items they are of; extract them again with avssl")
    if page:
        groups = Groups(labels=labels, distances=distances, centres=made.centres.cpu().numpy())
        try:
            with trusting(trust):
                text = page_of_features(folder, rows, groups, str(features), sheets, seed)
        except (ConfigError, DataError, MediaError) as error:  # the clusters are written, and their page can be later
            console.print(f"No {PAGE}: {error}", markup=False)
        else:
            write_page(target / PAGE, text)
            console.print(f"Written: {target / PAGE}, open it in a browser")
    return scores


def require_finite(features: str | Path, array: np.ndarray) -> None:
    """Check rows block by block.

    Raises:
        ConfigError: if one is not finite.
    """
    if not len(array):
        raise ConfigError(f"{features} holds no rows")
    for first in range(0, len(array), BLOCK):
        good = np.isfinite(array[first : first + BLOCK]).all(1)
        if not good.all():
            raise ConfigError(f"{features}: row {first + int((~good).argmax())} is not finite")


def progress(console: Console, passes: int) -> Callable[[int, float], None]:
    """Return what prints a line for each pass over the rows."""
    begun = time.perf_counter()

    def passed(number: int, objective: float) -> None:
        seconds = (time.perf_counter() - begun) / number
        console.print(f"pass {number} of {passes} at most: objective {objective:.6g}, {seconds:.2g} s a pass")

    return passed


def summarize(
    made: Clusters, rows: Rows, labels: np.ndarray, distances: np.ndarray, features: str, centres: str | Path | None
) -> Scores:
    """Return objective, sizes and agreement with classes as scores."""
    numbers, table, notes = score_clusters(labels, distances, len(made), rows.label)
    white = "none" if made.whitening is None else f"{len(made.whitening.scale)} components"
    protocol = {
        "features": f"{features}, {len(rows)} rows",
        "whitening": white,
        "length 1": made.unit,
        "spherical": made.spherical,
    }
    protocol |= {} if centres is None else {"centres": str(centres)}
    made_by = "K-means of features" if centres is None else "Nearest centres of clusters made before"
    title = f"{made_by}; sizes are the least, the middle and the greatest"
    return Scores(title=title, numbers=numbers, protocol=protocol, table=tuple(table), notes=tuple(notes))
