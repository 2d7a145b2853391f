"""The fits that a table of a dense task compares: every encoder, frozen or trained along, over several seeds."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.baselines import compared_encoders, pool_of
from avssl.evaluation.dense.fitting import Fitting
from avssl.evaluation.dense.sides import apart, stamp
from avssl.evaluation.dense.trials import Trial
from avssl.evaluation.side_by_side import Job, Workers, do_all
from avssl.features.cache import FeatureCache, digest
from avssl.features.layers import check_layer
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.nets.encoders import require_takes
from avssl.sampling import rng_for

POOL = 256  # pictures that give random encoders their batch statistics
Tuning = Literal["frozen", "fine-tuned"]


Work = Callable[[Encoder, bool, int], dict[str, np.ndarray]]  # encoder, freeze, seed -> what was found


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """What the evaluators of dense tasks have in common; see there for what each means.

    Raises:
        ValueError: if a number cannot be.
    """

    train: Dataset
    test: Dataset
    layers: Sequence[str] | None
    tuning: Sequence[Tuning]
    seeds: int
    pictures: int | None
    fitting: Fitting
    extra: Mapping[str, str]
    seed: int
    num_shown: int
    workers: Workers
    quiet: bool

    def __post_init__(self):
        if self.seeds < 1 or not self.tuning:
            raise ValueError(f"needs at least 1 seed and 1 tuning; got seeds={self.seeds}, tuning={self.tuning}")
        if len(set(self.tuning)) < len(self.tuning):
            raise ValueError(f"tuning names a way twice: {list(self.tuning)}")
        if self.pictures is not None and self.pictures < 1:
            raise ValueError(f"pictures is None for all, or at least 1; got {self.pictures}")

    def check(self, encoder: Encoder) -> None:
        """Check what can be checked before anything is read.

        Raises:
            ConfigError: if the encoder takes clips or has no such layer, a picture is on both sides, or there are
                too few.
        """
        require_takes(encoder, "pictures", "detection, segmentation or normals")
        for layer in self.layers or ():
            check_layer(encoder, layer)
        apart(self.train, self.test)
        count = len(self.train)
        if self.pictures is not None and self.pictures > count:
            raise ConfigError(
                f"evaluator.pictures: {self.pictures} are more than the {count} training pictures; ask for fewer"
            )

    def rows(self, encoder: Encoder, fresh: Fresh | None, device: str) -> dict[str, list[Encoder]]:
        """Return the encoders of each row, random ones first."""
        return compared_encoders(encoder, self.pool, fresh, device, self.seeds, self.seed, self.extra)

    @cached_property
    def pool(self) -> Tensor:
        """Pictures spread evenly over the training data, cut to the size that all have, uint8 ``(N, 3, H, W)``."""
        return pool_of(self.train, POOL, crop="common")

    @cached_property
    def drawn(self) -> list[int]:
        """Which test pictures are drawn."""
        last = len(self.test) - 1
        return np.unique(np.linspace(0, last, min(self.num_shown, last + 1)).round().astype(int)).tolist()

    def chosen(self, fit: int) -> list[int]:
        """Return which training pictures a fit learns from: all, or some that are drawn anew for each seed."""
        count = len(self.train)
        if self.pictures is None:
            return list(range(count))
        return sorted(rng_for(self.seed, epoch=fit, sample=1).permutation(count)[: self.pictures].tolist())

    def key(self, about: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what results are kept under: the data, the schedule and whatever else they depend on, ``about``.

        None where nothing tells whether the data is still the same.
        """
        stamps = stamp(self.train), stamp(self.test)
        if None in stamps:
            return None
        fitting = describe(self.fitting) | {"workers": None}  # how many read ahead changes nothing
        plain = {"fitting": fitting, "pictures": self.pictures, "seed": self.seed}
        return {"train": stamps[0], "test": stamps[1]} | plain | dict(about)

    def protocol(self) -> dict[str, Any]:
        """Return what every dense score depends on."""
        return {
            "training pictures": self.pictures or len(self.train),
            "test pictures": len(self.test),
            "training data": describe(self.train),
            "test data": describe(self.test),
            "truth": ", ".join(sorted({one.truth for one in getattr(self.test, "scenes", ()) if one.truth})) or "given",
            "seeds": self.seeds,
            "same for every row": "pictures, their order and cuts, steps, rates; the last step is scored",
            "random": f"{self.seeds} initialisations, batch statistics of the training pictures",
            "fitting": describe(self.fitting),
            "seed": self.seed,
            "torch": torch.__version__,
        }


def fit_all(
    rows: Mapping[str, Sequence[Encoder]],
    plan: Plan,
    work: Work,
    names: Sequence[str],
    key: Mapping[str, Any] | None,
    cache: FeatureCache,
    device: torch.device,
) -> list[Trial]:
    """Fit every row, way of tuning and seed; what is finished is kept and not done again.

    Args:
        rows: encoders by name; one for all seeds, or one a seed. One without weights is scored frozen alone.
        plan: says which ways and how many seeds.
        work: fits an encoder (a copy, which it may change) and scores it.
        names: of the arrays that ``work`` gives.
        key: all else that the result depends on; None keeps nothing.
        cache: where results are kept.
        device: where networks run.
    """
    jobs = [
        (row, tuning, seed, encoders[seed % len(encoders)])
        for seed in range(plan.seeds)
        for row, encoders in rows.items()
        for tuning in (plan.tuning if list(encoders[0].parameters()) else ("frozen",))
    ]
    tasks = []
    for row, tuning, seed, encoder in jobs:
        own = None if key is None else {**key, "weights": digest(encoder), "tuning": tuning, "fit": seed}
        tasks.append(
            Job(
                about=f"{row}, {tuning}, seed {seed}",
                work=partial(on_copy, work, encoder, tuning == "frozen", seed),
                kept=partial(kept, cache, own, names),
                keep=partial(keep, cache, own, names),
            )
        )
    found = do_all(tasks, "fits", plan.workers, device, plan.quiet)
    return [
        Trial(row=row, tuning=tuning, seed=seed, found=one)
        for (row, tuning, seed, _), one in zip(jobs, found, strict=True)
    ]


def on_copy(work: Work, encoder: Encoder, freeze: bool, seed: int) -> dict[str, np.ndarray]:
    """Do the work on a copy of an encoder, so that the encoder itself stays."""
    return work(deepcopy(encoder), freeze, seed)


def cached(
    cache: FeatureCache,
    key: Mapping[str, Any] | None,
    names: Sequence[str],
    compute: Callable[[], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Return named arrays, computed now or before."""
    found = kept(cache, key, names)
    if found is None:
        found = compute()
        keep(cache, key, names, found)
    return found


def kept(cache: FeatureCache, key: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, np.ndarray] | None:
    """Return named arrays that were computed before; None if one is missing, or nothing is kept."""
    arrays = {} if key is None else {name: cache.get({**key, "array": name}) for name in names}
    found = {name: array for name, array in arrays.items() if array is not None}
    return found if key is not None and len(found) == len(names) else None


def keep(
    cache: FeatureCache, key: Mapping[str, Any] | None, names: Sequence[str], found: Mapping[str, np.ndarray]
) -> None:
    """Keep named arrays, unless there is no key."""
    for name in names if key is not None else ():
        cache.put({**(key or {}), "array": name}, found[name])
