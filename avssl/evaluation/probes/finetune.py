"""Fine-tuning: the whole encoder and a linear layer learn classes, from all labels or a few.

The question of every pretext paper's main table (Misra et al., "Shuffle and Learn", ECCV 2016, section 4): is what was
learned a better start than chance? Every row gets the same items, steps, rates and augmentation, and the last step is
scored.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress, track
from torch import Tensor, nn

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import compared_encoders
from avssl.evaluation.probes.base import Labels
from avssl.evaluation.probes.linear import loss_of
from avssl.evaluation.probes.scoring import Scorer, check_split, class_notes, labels_of
from avssl.evaluation.probes.shots import labelled
from avssl.features.alignment import align_rows
from avssl.features.cache import FeatureCache, digest
from avssl.features.extraction import Rows
from avssl.features.layers import unit
from avssl.features.rows import frames_per_pass
from avssl.features.runs import Fresh
from avssl.metrics.classification import Precision
from avssl.nets import Encoder
from avssl.nets.clips import encode_clips
from avssl.nets.encoders import Takes, require_takes
from avssl.report.comparison import (
    Group,
    Values,
    by_metric,
    compared,
    difference_notes,
    difference_numbers,
    group_at,
    item_difference,
    numbers_of,
    percent,
    table_of,
)
from avssl.report.scores import CHANCE, Scores
from avssl.transforms import Draws, Transform


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """Frames of items, or their clips.

    Args:
        images: uint8 ``(frames, 3, H, W)``, or ``(clips, frames, 3, H, W)``.
        item: which item each is of, ``(frames,)`` or ``(clips,)``.
        rows: what the items are.
    """

    images: Tensor
    item: np.ndarray
    rows: Rows


class FineTune(Evaluator):
    """Accuracy of the encoder trained along with a linear layer; its scores are averaged over a test item's frames.

    Scores: as of `avssl.evaluation.probes.evaluator.Probes`, shares in [0, 1].

    Encoders of clips see the clips of the data's sampler whole, and scores are means over a test item's clips; a
    further row of pictures then gives the mean of a clip's frames.

    Rows: ``random`` (initial weights, another initialisation for each draw), ``trained``, further runs or weights, and
    ``chance``.

    Args:
        train: labelled data to learn from; each step draws an item and one of its frames, or clips.
        test: labelled data to score.
        views: transforms of the pictures: drawn in training, the look of evaluation on the test.
        shots: labelled training items: ``"all"``, a share such as ``"10%"``, or a number for each class.
        draws: how many times labels and initialisations are drawn.
        freeze: keep the encoder as it is and learn the linear layer alone.
        steps: of AdamW, one cycle of the learning rate.
        batch: pictures, or clips, a step.
        lr: highest learning rate of the encoder.
        head_lr: highest learning rate of the linear layer.
        weight_decay: of AdamW.
        precision: for several labels an item: ``"voc07"`` or ``"area"``.
        extra: further rows, from a name to the folder of a run or a file of weights.
        allow_shared_groups: training and test may share groups; then say so with the result.
        seed: fixes every draw.
        quiet: show no progress.
    """

    name = "eval_finetune"

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        views: Sequence[Transform] = (),
        shots: Sequence[str | int] = ("all",),
        draws: int = 3,
        freeze: bool = False,
        steps: int = 300,
        batch: int = 32,
        lr: float = 1e-3,
        head_lr: float = 3e-3,
        weight_decay: float = 1e-3,
        precision: Precision = "area",
        extra: Mapping[str, str] | None = None,
        allow_shared_groups: bool = False,
        seed: int = 0,
        quiet: bool = False,
    ):
        if min(draws, steps) < 1 or batch < 2 or not shots:
            raise ValueError(
                f"needs draws, steps >= 1, batch >= 2 and shots; got {draws}, {steps}, {batch}, {list(shots)}"
            )
        self.train, self.test, self.views, self.shots, self.draws = train, test, tuple(views), list(shots), draws
        self.freeze, self.steps, self.batch, self.lr, self.head_lr = freeze, steps, batch, lr, head_lr
        self.weight_decay, self.extra, self.seed, self.quiet = weight_decay, dict(extra or {}), seed, quiet
        self.precision: Precision = precision
        self.allow_shared_groups = allow_shared_groups

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        train, test = align_samples(
            read_samples(self.train, "training", self.quiet, encoder.takes),
            read_samples(self.test, "test", self.quiet, encoder.takes),
        )
        labels, truth = labels_of(train.rows, "training"), labels_of(test.rows, "test")
        check_split(train.rows, test.rows, labels, truth, self.allow_shared_groups)
        pool = train.images[: frames_per_pass(512, train.images)]
        pool = self._seen(pool, torch.zeros(len(pool), 3).long(), False)
        pool = (pool * 255).round().byte()
        rows = compared_encoders(encoder, pool, fresh, device, self.draws, self.seed, self.extra)
        for row in self.extra:
            if encoder.takes == "pictures":
                require_takes(rows[row][0], "pictures", f"evaluator.extra.{row}, beside an encoder of pictures,")
        scorer, cache = Scorer(truth, labels.shown, self.precision), FeatureCache(folder)
        asked = labels.among(labels.shown)  # what training never shows can not be learned
        jobs = [(row, shots, draw) for row in rows for shots in self.shots for draw in range(self.draws)]
        found: dict[Group, list[np.ndarray]] = {}
        with Progress(disable=self.quiet, transient=True) as bar:
            task = bar.add_task("fine-tuning", total=len(jobs))
            for row, shots, draw in jobs:
                bar.update(task, description=f"{row}, {shots} labels, draw {draw + 1}")
                start = rows[row][draw % len(rows[row])]
                scores = self._one(
                    start, train, asked, test, labelled(asked, shots, draw, self.seed), draw, device, cache
                )
                group = group_at(row, prefix="fine-tuned", labels=str(shots))
                found.setdefault(group, []).append(scores)
                bar.advance(task)
        return self._scores(found, scorer, labels, test, encoder, train)

    def _one(
        self,
        start: Encoder,
        train: Samples,
        labels: Labels,
        test: Samples,
        chosen: np.ndarray,
        draw: int,
        device: str,
        cache: FeatureCache,
    ) -> np.ndarray:
        """Return scores of the test items, ``(items, classes)``, learned now or before."""
        key = {
            "settings": self._settings(),
            "weights": digest(start),
            "train": digest(train.images, np.nan_to_num(labels.table, nan=-1), chosen),
            "test": digest(test.images),
            "seed": [self.seed, draw],
            "device": torch.device(device).type,
        }
        return cache(key, lambda: self._learn(start, train, labels, test, chosen, draw, torch.device(device)))

    def _learn(
        self,
        start: Encoder,
        train: Samples,
        labels: Labels,
        test: Samples,
        chosen: np.ndarray,
        draw: int,
        device: torch.device,
    ) -> np.ndarray:
        frames = [torch.from_numpy(np.flatnonzero(train.item == item)) for item in chosen]
        truth = torch.from_numpy(labels.table[chosen]).float().to(device)
        gpus = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(self.seed + draw)
            network = nn.Sequential(
                OfClips(start) if train.images.ndim == 5 else deepcopy(start), nn.Linear(start.dim, truth.shape[1])
            ).to(device)
            nn.init.zeros_(network[1].weight)  # pyright: ignore[reportArgumentType]
            network[0].requires_grad_(not self.freeze)
            groups = [{"params": list(network[1].parameters()), "lr": self.head_lr}]
            if not self.freeze:
                groups.append({"params": list(network[0].parameters()), "lr": self.lr})
            optimiser = torch.optim.AdamW(groups, weight_decay=self.weight_decay)
            rates = [group["lr"] for group in groups]
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=self.steps)
            for step in range(self.steps):
                network[0].train(not self.freeze)
                key = torch.tensor([[self.seed + draw, step, item] for item in range(self.batch)])
                draws = Draws(key)
                items = draws.integers(low=0, high=len(chosen) - 1)
                share = draws.uniform()
                rows = torch.stack(
                    [frames[item][int(part * len(frames[item]))] for item, part in zip(items, share, strict=True)]
                )
                pictures = self._seen(train.images[rows], key, True).to(device)
                optimiser.zero_grad()
                loss_of(network(pictures), truth[items.to(device)], labels.several is not None).backward()
                optimiser.step()
                schedule.step()
        network.eval()
        with torch.inference_mode():
            scores = [
                network(self._seen(part, torch.zeros(len(part), 3).long(), False).to(device)).cpu()
                for part in test.images.split(frames_per_pass(256, test.images))
            ]
        each, count = torch.cat(scores), int(test.item.max()) + 1
        place = torch.from_numpy(test.item)
        total = torch.zeros(count, each.shape[1]).index_add_(0, place, each)
        return (total / torch.bincount(place, minlength=count)[:, None]).numpy()

    def _seen(self, images: Tensor, key: Tensor, train: bool) -> Tensor:
        """Return pictures or clips as the network sees them, float ``(N, 3, H, W)`` or ``(N, frames, 3, H, W)``."""
        clips = images.ndim == 5
        frames = unit(images) if clips else unit(images)[:, None]
        draws = Draws(torch.cat([key, torch.ones_like(key[:, :1])], 1))  # not the stream that chose the items
        for view in self.views:
            frames = view(frames, draws, train=train)
        return frames if clips else frames[:, 0]

    def _scores(
        self,
        found: Mapping[Group, list[np.ndarray]],
        scorer: Scorer,
        labels: Labels,
        test: Samples,
        encoder: Encoder,
        train: Samples,
    ) -> Scores:
        scores: dict[Group, Values] = {
            group: by_metric([scorer.measure(one) for one in found[group]])
            for group in sorted(found, key=lambda group: list(map(str, self.shots)).index(group["labels"]))
        }
        metrics = [percent(name) for name in next(iter(scores.values()))]
        scores[group_at(CHANCE, labels="")] = by_metric([scorer.chance(labels)])
        main = percent(scorer.main)
        differences = {
            group: item_difference(self._each(scorer, ours), self._each(scorer, theirs), test.rows.group)
            for group, ours, theirs in compared(found)
        }
        return Scores(
            title=f"{'A linear layer learned' if self.freeze else 'Fine-tuned'}: {main.name} in %",
            numbers=numbers_of(scores) | difference_numbers(differences, main.name),
            protocol=self._protocol(encoder, train, test, labels),
            table=table_of(scores, metrics),
            notes=(
                *class_notes(labels, scorer.truth),
                *difference_notes(differences, main),
                *failure_notes(train, test),
            ),
            tables={"items": self._items(found, scorer, test)},
        )

    @staticmethod
    def _each(scorer: Scorer, runs: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([scorer.each(one) for one in runs])

    def _items(self, found: Mapping[Group, list[np.ndarray]], scorer: Scorer, test: Samples) -> list[dict[str, Any]]:
        rows = []
        for group, several in found.items():
            for item, scores in enumerate(scorer.whole(several[0])):
                about: dict[str, Any] = group.cells | {"path": test.rows.path[item]}
                about |= {"found": scorer.truth.classes[int(scores.argmax())]}
                if scorer.truth.one is not None:
                    about["truth"] = scorer.truth.classes[int(scorer.truth.one[item])]
                rows.append(about)
        return rows

    def _settings(self) -> dict[str, Any]:
        names = ("freeze", "steps", "batch", "lr", "head_lr", "weight_decay")
        return {name: getattr(self, name) for name in names} | {"views": describe(list(self.views))}

    def _protocol(self, encoder: Encoder, train: Samples, test: Samples, labels: Labels) -> dict[str, Any]:
        unit = "clips" if test.images.ndim == 5 else "frames"
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "classes": len(labels.classes),
            "data": f"{len(train.rows)} training items, {len(test.rows)} test items, {len(test.images)} test {unit}",
            "shots": self.shots,
            "draws": self.draws,
            "training": self._settings() | {"optimiser": "AdamW, one cycle", "scored": "last step"},
            "test": f"mean of the scores over an item's {unit}, no augmentation",
            "random": f"{self.draws} initialisations",
            "shared groups": self.allow_shared_groups,
            "seed": self.seed,
            "torch": torch.__version__,
        }


def align_samples(train: Samples, test: Samples) -> tuple[Samples, Samples]:
    """Return both with their classes under one numbering, see `align_rows`."""
    ours, theirs = align_rows([train.rows, test.rows], ["training", "test"])
    return replace(train, rows=ours), replace(test, rows=theirs)


def failure_notes(train: Samples, test: Samples) -> list[str]:
    """Return a line for each side with items that could not be read."""
    return [
        f"{len(side.rows.failures)} {what} items could not be read, such as {side.rows.failures[0]}."
        for side, what in ((train, "training"), (test, "test"))
        if side.rows.failures
    ]


class OfClips(nn.Module):
    """A copy of an encoder that looks at clips ``(N, frames, 3, H, W)``, whichever kind it is."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = deepcopy(encoder)

    def forward(self, clips: Tensor) -> Tensor:
        return encode_clips(self.encoder, clips)


def read_samples(data: Dataset, what: str, quiet: bool, takes: Takes = "pictures") -> Samples:
    """Read every item of a labelled data set into memory, by its frames or by its clips.

    Raises:
        ConfigError: if none can be read, or frames differ in size or clips in length.
    """
    images, item, about, failures = [], [], [], []
    for index in track(range(len(data)), f"reading {what} data", disable=quiet, transient=True):
        one = data[0, index]
        if "failure" in one:
            failures.append(one["failure"])
            continue
        frames = one["frames"][one["valid"].any(1) if takes == "clips" else one["valid"]]
        images.append(frames)
        item.append(np.full(len(frames), len(about)))
        about.append(one)
    if not images:
        raise ConfigError(f"none of the {len(data)} {what} items can be read; the first: {failures[:1]}")
    sizes = {tuple(frames.shape[-2:]) for frames in images}
    if len(sizes) > 1:
        raise ConfigError(f"the {what} frames differ in size ({sorted(sizes)[:3]}); set size: [height, width]")
    if len(lengths := {frames.shape[1] for frames in images if frames.ndim == 5}) > 1:
        raise ConfigError(f"the {what} clips differ in length ({sorted(lengths)[:3]} frames); sample equal ones")
    count = len(about)
    several = np.stack([one["labels"].numpy() for one in about]) if "labels" in about[0] else None
    rows = Rows(
        item=np.arange(count),
        clip=np.full(count, -1),
        start=np.zeros(count),
        end=np.zeros(count),
        label=np.array([int(one.get("label", -1)) for one in about]),
        labels=several,
        group=np.array([one.get("group") or one["path"] for one in about]),
        path=np.array([one["path"] for one in about]),
        box=None,
        keypoints=None,
        visible=None,
        classes=tuple(getattr(data, "classes", ())),
        failures=tuple(failures),
    )
    return Samples(images=torch.cat(images), item=np.concatenate(item), rows=rows)
