"""The clusters that a method puts items in, as a page: what each holds, and how far they agree with classes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import MethodEvaluator
from avssl.evaluation.clusters.groups import Groups
from avssl.evaluation.clusters.scoring import score_clusters
from avssl.evaluation.clusters.sheets import page_of
from avssl.features.extraction import Rows
from avssl.features.rows import Recipe
from avssl.features.runs import FreshMethod
from avssl.methods import Method
from avssl.methods.base import Batch
from avssl.report.scores import Scores
from avssl.training.feed import batches_of, is_empty, single_process
from avssl.transforms.draws import index_of

COLUMNS = ("item", "label", "start", "end", "path")  # of `Rows`, that items tell


class ClusterSheets(MethodEvaluator):
    """Pictures of a method's clusters: DeepCluster, SeLa, SwAV, SCAN and all that say of which cluster an item is.

    Items are seen as in evaluation. Distances are those to the mean of a cluster's items, in what the method tells
    clusters by.

    Args:
        data: items to put into clusters.
        items: at most so many, spread evenly over the data; None for all.
        sheets: clusters that get a sheet, at most; all are on the map, up to 2,000.
        batch: items a pass.
        seed: of the members that are drawn by chance.
        workers: processes that read ahead.
    """

    name = "cluster_sheets"
    lacks = "puts items in no clusters; for any encoder: tools/extract.py, then tools/cluster.py"

    def __init__(
        self,
        data: Dataset,
        items: int | None = None,
        sheets: int = 48,
        batch: int = 128,
        seed: int = 0,
        workers: int = 0,
    ):
        if min(sheets, batch, items or 1) < 1 or min(seed, workers) < 0:
            raise ValueError(f"needs sheets, batch and items of at least 1; got {sheets}, {batch}, {items}")
        self.data, self.items, self.sheets, self.batch = data, items, sheets, batch
        self.seed, self.workers = seed, workers

    def refuses(self, method: Method) -> str:
        none = type(method).clusters_of is Method.clusters_of
        return f"{type(method).__name__} {self.lacks}" if none else ""

    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        method.to(device).eval()
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        about: list[dict[str, Any]] = []
        count, failures = 0, 0
        for batch in batches_of(single_process("cpu"), self.data, 0, self.items, self.batch, self.workers):
            failures += len(batch["failures"])
            if is_empty(batch):
                continue
            found = method.clusters_of(moved(batch, device))
            if found is None:
                raise ConfigError(f"{type(method).__name__} {self.lacks}")
            count = found.clusters
            parts.append((found.rows.float().cpu().numpy(), found.label.cpu().numpy()))
            about += about_items(batch)
        if not parts:
            raise ConfigError(f"evaluator.data: none of {len(self.data)} items could be read")
        vectors, labels = (np.concatenate(several) for several in zip(*parts, strict=True))
        groups, rows = grouped(vectors, labels, count), rows_of(about, tuple(getattr(self.data, "classes", ())))
        numbers, table, notes = score_clusters(labels, groups.distances, count, rows.label)
        if failures:
            notes.append(f"{failures} items could not be read.")
        title = f"{type(method).__name__}, items of its data"
        return Scores(
            title="Clusters that the method puts items in; sizes are the least, the middle and the greatest",
            numbers=numbers,
            protocol={
                "data": describe(self.data),
                "items": len(rows),
                "method": type(method).__name__,
                "objective": "squared distances to the mean of a cluster's items",
                "seed": self.seed,
            },
            table=tuple(table),
            notes=tuple(notes),
            pages={"clusters": page_of(groups, rows, self.data, Recipe(), title, self.sheets, self.seed)},
        )


def moved(batch: Batch, device: str) -> Batch:
    return {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()}


def about_items(batch: Batch) -> list[dict[str, Any]]:
    """Return what the items of a batch are, as columns of `Rows`; times are those of the first clip."""
    index, times = index_of(batch["key"]).tolist(), batch["times"][:, 0].flatten(1)
    labels = batch["label"].tolist() if "label" in batch else [-1] * len(index)
    ends = [times.amin(1).tolist(), times.amax(1).tolist()]
    columns = zip(index, labels, *ends, batch["path"], strict=True)
    return [dict(zip(COLUMNS, values, strict=True)) for values in columns]


def rows_of(about: list[dict[str, Any]], classes: tuple[str, ...]) -> Rows:
    """Return items as rows."""
    item, label, start, end, path = (np.array([one[name] for one in about]) for name in COLUMNS)
    return Rows(
        item=item,
        clip=np.full(len(about), -1),
        start=start,
        end=end,
        label=label,
        labels=None,
        group=path,
        path=path,
        box=None,
        keypoints=None,
        visible=None,
        classes=classes,
    )


def grouped(vectors: np.ndarray, labels: np.ndarray, count: int) -> Groups:
    """Return a clustering with the means of its clusters as centres; one without rows lies at 0."""
    rows, places = torch.from_numpy(vectors).double(), torch.from_numpy(labels)
    sums = torch.zeros(count, rows.shape[1], dtype=torch.float64).index_add_(0, places, rows)
    centres = sums / torch.bincount(places, minlength=count).clamp(min=1)[:, None]
    far = (rows - centres[places]).square().sum(1)
    return Groups(labels=labels, distances=far.numpy(), centres=centres.numpy())
