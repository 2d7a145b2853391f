"""Key points from few labels: how much of a person's pose an encoder knows, beside what it would know untrained.

The question of Misra, Zitnick and Hebert, "Shuffle and Learn", ECCV 2016, section 5, asked in small.
https://arxiv.org/abs/1603.08561
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator, Fresh, Scores
from avssl.evaluation.features import Extractor, check_layer
from avssl.evaluation.kept import Kept, digest
from avssl.evaluation.keypoints.fits import Fit, Judge
from avssl.evaluation.keypoints.heads import Head, Labelled, Regression, Ridge
from avssl.evaluation.keypoints.people import Joints, People, gather
from avssl.evaluation.keypoints.protocols import protocol_of
from avssl.evaluation.keypoints.skeletons import FIGURE, skeleton_of
from avssl.evaluation.keypoints.table import summarise
from avssl.evaluation.rows import HOG, PIXELS, RANDOM, baselines, contenders
from avssl.nets import Encoder
from avssl.sampling import rng_for

MEAN_POSE = "mean pose"
ALL = "all"  # every training item is labelled


class KeyPoints(Evaluator):
    """Finds key points with heads that learn from a few labelled pictures.

    For each number of labels and each draw, that many training videos are drawn and one frame of each is labelled.
    The draws are nested (the first 50 of 200 are the 50) and the same for every row. Rows:

    - ``trained``: the encoder;
    - ``random``: its architecture with initial weights, another initialisation for each draw, batch statistics
      calibrated on the training pictures;
    - ``pixels`` and ``hog``: ridge regression on the picture itself, and on its histograms of oriented gradients;
    - ``mean pose``: the mean of the labelled poses, whatever the picture: the level of knowing nothing;
    - one for each of ``extra``.

    Args:
        train: videos or people to label, a frame or more of each; their pictures also calibrate the random rows.
        test: videos or people that no label comes from.
        labels: how many labelled pictures, one number or several; ``"all"`` for every training item.
        draws: how many times the labels are drawn, at least 3 to say how sure a difference is.
        heads: what learns from the labels.
        margin: pixels of the pictures that are cut on each side; heads that augment shift within them.
        skeleton: the joint convention; None for that of the data, or ``figure``.
        protocol: how predictions are judged, one of `avssl.evaluation.keypoints.protocols.PRESETS`.
        thresholds: of the PCKs, in place of the protocol's; differences and items are given for the first one.
        joints: which joints count: every ``"labelled"`` one, hidden ones too (as in MPII), or the ``"visible"``.
        extra: further rows, from a name to the folder of a run or a file of weights.
        read: training items that labels are drawn from at most, a sample by chance of larger data.
        seed: fixes draws, initialisations and fits.
        shown: how many test pictures are drawn.
        quiet: show no progress.
    """

    name = "eval_keypoints"

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        labels: Sequence[int | str] = (50, 200),
        draws: int = 3,
        heads: Sequence[Head] | None = None,
        margin: int = 2,
        skeleton: str | None = None,
        protocol: str = "default",
        thresholds: Sequence[float] | None = None,
        joints: Joints = "labelled",
        extra: Mapping[str, str] | None = None,
        read: int = 4096,
        seed: int = 0,
        shown: int = 6,
        quiet: bool = False,
    ):
        wrong = [count for count in labels if count != ALL and (not isinstance(count, int) or count < 4)]
        if not labels or wrong or draws < 1 or read < 4:
            raise ValueError(
                f"needs at least 4 labels (numbers, or all), 4 items to read and 1 draw; got labels={list(labels)}, "
                f"read={read}, draws={draws}"
            )
        self.train, self.test, self.draws, self.read = train, test, draws, read
        self.labels: list[int] = sorted({count for count in labels if isinstance(count, int)})
        self.all = ALL in labels
        self.heads = list(heads) if heads is not None else [Ridge(), Regression()]
        if len({head.name for head in self.heads}) < len(self.heads):
            raise ValueError("two heads have the same name; use each head once")
        self.protocol = protocol_of(protocol)
        if thresholds is not None:
            if not thresholds or min(thresholds) <= 0:
                raise ValueError(f"thresholds must be lengths above 0, got {list(thresholds)}")
            self.protocol = replace(self.protocol, thresholds=tuple(thresholds))
        self.margin = margin
        self.skeleton = skeleton_of(skeleton or getattr(test, "skeleton", None) or FIGURE.name)
        self.joints: Joints = joints
        self.extra, self.seed, self.shown, self.quiet = dict(extra or {}), seed, shown, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        for head in self.heads:
            if isinstance(head, Ridge) and head.layer is not None:
                check_layer(encoder, head.layer)
        train = gather(self.train, "training", self.joints, self.quiet, self._chosen())
        test = gather(self.test, "test", self.joints, self.quiet).cropped(self.margin)
        if self.all:
            self.labels = sorted({*self.labels, len(train.paths)})
        self._check(train, test)
        judge = Judge(test, self.skeleton, self.protocol)
        kept = Kept(folder)
        extract = Extractor(kept, device, quiet=self.quiet)
        rows = self._rows(encoder, fresh, train, device)
        jobs = [
            (name, encoders[draw], head, labels, draw)
            for name, encoders in rows.items()
            for head in (self._for_pixels() if name in (PIXELS, HOG) else self.heads)
            for labels in self.labels
            for draw in range(self.draws)
        ]
        draws = {(n, d): self.label(train, n, d) for n in self.labels for d in range(self.draws)}
        fits = [
            Fit(row=MEAN_POSE, head="", labels=n, draw=d, found=constant(labelled, len(test)))
            for (n, d), labelled in draws.items()
        ]
        with Progress(disable=self.quiet, transient=True) as progress:
            bar = progress.add_task("key points", total=len(jobs))
            for name, network, head, labels, draw in jobs:
                progress.update(bar, description=f"{name}, {head.name}, {labels} labels")
                found = self._fit(network, head, draws[labels, draw], test, extract, draw, kept)
                fits.append(Fit(row=name, head=head.name, labels=labels, draw=draw, found=found))
                progress.advance(bar)
        return summarise(fits, judge, self._protocol(encoder, train, test, judge), against=RANDOM, shown=self.shown)

    def label(self, train: People, labels: int, draw: int) -> Labelled:
        """Return the labelled pictures of a draw: one frame of each of ``labels`` videos."""
        rng = rng_for(self.seed, epoch=draw, sample=0)
        frames = [np.flatnonzero(train.video == video) for video in range(len(train.paths))]
        frames = np.array([rows[rng.integers(len(rows))] for rows in frames if len(rows)])
        chosen = train.take(frames[rng.permutation(len(frames))[:labels]])
        return Labelled(
            images=chosen.images,
            points=chosen.points - np.float32(self.margin),
            counted=chosen.counted,
            margin=self.margin,
            mirrored=tuple(self.skeleton.mirrored),
        )

    def _chosen(self) -> list[int] | None:
        """Return which training items are read; None for all of them."""
        most = max([self.read, *self.labels])
        if self.all or len(self.train) <= most:
            return None
        return rng_for(self.seed, epoch=0, sample=1).permutation(len(self.train))[:most].tolist()

    def _rows(self, encoder: Encoder, fresh: Fresh | None, train: People, device: str) -> dict[str, list[Encoder]]:
        """Return each row's encoders, one a draw of labels."""
        pool = train.cropped(self.margin).images
        pool = pool[torch.from_numpy(rng_for(self.seed, epoch=0, sample=0).permutation(len(pool))[:1024])]
        rows = contenders(encoder, pool, fresh, device, self.draws, self.seed, self.extra)
        if any(isinstance(head, Ridge) for head in self.heads):
            rows |= baselines(pool)
        return {name: several if len(several) > 1 else several * self.draws for name, several in rows.items()}

    def _for_pixels(self) -> list[Head]:
        """Return the first ridge head, for pixels have nothing to fine-tune, and one layer only."""
        ridges = [head for head in self.heads if isinstance(head, Ridge)][:1]
        return [AllOf(head) for head in ridges]

    def _fit(
        self, encoder: Encoder, head: Head, labelled: Labelled, test: People, extract: Extractor, draw: int, kept: Kept
    ) -> np.ndarray:
        key = {
            "head": head.name,
            "settings": head.settings(),
            "weights": digest(encoder),
            "labels": digest(labelled.images, labelled.points, labelled.counted),
            "margin": labelled.margin,
            "test": digest(test.images),
            "seed": (self.seed, draw),
            "device": extract.device.type,
        }
        seed = self.seed + 1000 * draw
        return kept(key, lambda: head(encoder, labelled, test.images, extract, seed))

    def _check(self, train: People, test: People) -> None:
        if max(self.labels) > len(train.paths):
            raise ConfigError(
                f"evaluator.labels: {max(self.labels)} labels are more than the {len(train.paths)} training videos, "
                "and one frame of each is labelled; ask for fewer"
            )
        shared = set(train.paths) & set(test.paths)
        if shared:
            raise ConfigError(f"{len(shared)} videos are in training and in test, such as {min(shared)}; use splits")
        for people, name in ((train, "training"), (test, "test")):
            if people.points.shape[1] != len(self.skeleton):
                raise ConfigError(
                    f"the {name} videos have {people.points.shape[1]} joints, the skeleton {self.skeleton.name!r} has "
                    f"{len(self.skeleton)}: {', '.join(self.skeleton.joints)}"
                )

    def _normaliser(self) -> str:
        if self.protocol.normaliser == "torso":
            return f"torso: {' and '.join(map(' + '.join, self.skeleton.torso))}"
        return {"reference": f"{self.protocol.unit}, as the data annotate it"}.get(
            self.protocol.normaliser, self.protocol.unit
        )

    def _protocol(self, encoder: Encoder, train: People, test: People, judge: Judge) -> dict[str, Any]:
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "test videos": len(test.paths),
            "test pictures": len(test),
            "training videos": len(train.paths),
            "labels": self.labels,
            "label draws": self.draws,
            "labelled": "one frame of each of that many training videos, nested, the same for every row",
            "picture": "{}x{}, cut by {} px on each side".format(*train.images.shape[-2:], self.margin),
            "protocol": self.protocol.name,
            "normaliser": self._normaliser(),
            "thresholds": self.protocol.thresholds,
            "comparison": self.protocol.comparison,
            "average": self.protocol.average,
            "main number over": self.protocol.group or "all joints",
            "area over": f"{self.protocol.grid[0]} to {self.protocol.grid[-1]}, {len(self.protocol.grid)} thresholds",
            "joints": f"{len(self.skeleton)} of {self.skeleton.name!r}, {self.joints} ones count",
            "lost joints": "left out" if self.protocol.drop_lost else "wrong",
            "test pictures without a length": judge.unmeasured,
            "random": f"{self.draws} initialisations, batch statistics of the training pictures",
            "heads": {head.name: head.settings() for head in self.heads},
            "seed": self.seed,
            "unreadable videos": [failure["path"] for failure in (*train.failures, *test.failures)],
            "torch": torch.__version__,
        }


class AllOf(Ridge):
    """The same ridge regression under the same name, on the only layer that pixels have."""

    def __init__(self, ridge: Ridge):
        super().__init__(None, ridge.penalties, ridge.held_out)
        self.name = ridge.name


def constant(labelled: Labelled, people: int) -> np.ndarray:
    """Return the mean pose for everyone, ``(people, joints, 2)``."""
    return np.broadcast_to(labelled.mean_pose().astype(np.float32), (people, *labelled.points.shape[1:]))
