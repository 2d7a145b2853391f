"""From a teacher to labels: features, clusters, the cluster of each item; each a step that is done once."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avssl.config import Count, Trust, describe
from avssl.data import Dataset, Relabelled, write_labels
from avssl.evaluation.clusters.command import cluster_features
from avssl.evaluation.clusters.files import CLUSTERS, LABELS
from avssl.evaluation.transfer.steps import Step
from avssl.evaluation.transfer.teachers import Loaded
from avssl.features.command import extract_features
from avssl.features.files import INDEX
from avssl.sampling import rng_for

KEPT = ("clusters", "used", "smallest", "largest", "evenness", "NMI", "many-to-one", "NMI permuted")


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """How features become clusters, see `avssl.evaluation.clusters.command.cluster_features`.

    Args:
        clusters: how many.
        components: principal components that are kept and whitened, at most; null clusters features as they are.
        unit: whether features are taken at length 1 then.
        rounds: updates of the centres, at most.
        start: of k-means.
    """

    clusters: Count = 2000
    components: Count | None = 256
    unit: bool = True
    rounds: Count = 25
    start: Literal["random", "k-means++"] = "random"


@dataclass(frozen=True, kw_only=True)
class Looking:
    """How data are looked at, which changes no feature.

    Args:
        device: where networks and k-means run.
        batch: frames a pass.
        workers: processes that read ahead.
        trust: packages whose classes a run may name.
    """

    device: str = "cpu"
    batch: int = 256
    workers: int = 0
    trust: Trust = ()


def label_items(
    teacher: Loaded, clustering: ClusterSettings, seed: int, folder: Path, looking: Looking
) -> tuple[Path, dict[str, float]]:
    """Return the file of the labels that a teacher gives to the items of its data, and what its clusters are like.

    Clusters are fitted to what the teacher's ``clustered`` holds. Other data are given the nearest of these centres, by
    the same mean and the same axes. Only the start of k-means depends on the seed: features are taken once.

    Args:
        teacher: who labels.
        clustering: how.
        seed: of the start of k-means.
        folder: of all that this teacher does.
        looking: where and how fast.

    Raises:
        ConfigError: if the folder holds what does not fit, or there are fewer items than clusters.
    """
    same = teacher.clustered is teacher.data
    features, about = take_features(teacher, teacher.clustered, folder / "features", looking)
    settings = {"seed": seed, "clustering": describe(clustering), "features": about}
    made = folder / f"clusters_{seed}"
    fitting: dict[str, Any] = {"layer": teacher.layer, "device": looking.device, "seed": seed, "out": made}
    fitting |= {name: getattr(clustering, name) for name in ("clusters", "components", "unit", "rounds", "start")}

    def fit() -> Mapping[str, float]:
        return chosen(cluster_features(features, **fitting).numbers)

    numbers = Step(made, settings, (CLUSTERS, LABELS))(fit)
    if same:
        return made / LABELS, numbers
    others, about = take_features(teacher, teacher.data, folder / "features_of_data", looking)
    given = folder / f"labels_{seed}"

    def label() -> Mapping[str, float]:
        return chosen(
            cluster_features(others, layer=teacher.layer, centres=made, out=given, device=looking.device).numbers
        )

    return given / LABELS, Step(given, {"clusters": settings, "features": about}, (LABELS,))(label)


def take_features(teacher: Loaded, data: Dataset, folder: Path, looking: Looking) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a teacher's features of data, and all that they depend on."""
    about = teacher.about(data)

    def extract() -> Mapping[str, float]:
        extract_features(
            data,
            encoder=teacher.encoder,
            layers=[teacher.layer],
            stream=teacher.recipe.stream,
            crop=teacher.recipe.crop,
            max_features=teacher.recipe.max_features,
            out=folder,
            device=looking.device,
            batch=looking.batch,
            workers=looking.workers,
            trust=looking.trust,
        )
        shutil.rmtree(folder / "kept", ignore_errors=True)  # pieces, of which the array is made
        return {}

    Step(folder, about, (f"{teacher.layer}.npy", INDEX))(extract)
    return folder, about


def chosen(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return what is worth keeping of the numbers of a clustering."""
    return {name: numbers[name] for name in KEPT if name in numbers}


def permute_labels(labels: Path, data: Dataset, seed: int, folder: Path) -> Path:
    """Return the file of the same labels, given to items by lot: as many of each, and nothing to be learned.

    Args:
        labels: a file that `avssl.data.Relabelled` reads.
        data: what it is of.
        seed: of the lots.
        folder: to write into.
    """
    known = Relabelled(data, labels)

    def permute() -> Mapping[str, float]:
        write_labels(folder / LABELS, data, permuted(known.labels, seed), known.weights)
        return {}

    Step(folder, {"seed": seed, "labels": known.digest}, (LABELS,))(permute)
    return folder / LABELS


def permuted(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return labels dealt out anew among the items that have one, int64 ``(items,)``.

    Examples:
        >>> permuted(np.array([3, -1, 0, 3, 2]), seed=0).tolist()
        [3, -1, 3, 0, 2]
    """
    found, known = labels.copy(), labels >= 0
    found[known] = rng_for(seed, epoch=0, sample=0).permutation(labels[known])
    return found
