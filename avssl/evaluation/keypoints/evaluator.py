"""Key points from few labels: how much of a person's pose an encoder knows, beside what it would know untrained.

The question of Misra, Zitnick and Hebert, "Shuffle and Learn", ECCV 2016, section 5, asked in small.
https://arxiv.org/abs/1603.08561
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress

import avssl
from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.metrics import pck
from avssl.evaluation.base import Evaluator, Fresh, Scores
from avssl.evaluation.features import Extractor, check_layer
from avssl.evaluation.keypoints.heads import Head, Labelled, Regression, Ridge
from avssl.evaluation.kept import Kept, digest
from avssl.evaluation.keypoints.fits import Fit, Judge
from avssl.evaluation.keypoints.table import summarise
from avssl.evaluation.keypoints.people import Joints, People, gather
from avssl.evaluation.rows import PIXELS, RANDOM, TRAINED, Pixels, calibrated, reinitialised
from avssl.evaluation.runs import find_run
from avssl.evaluation.keypoints.skeletons import skeleton_of
from avssl.nets import Encoder
from avssl.sampling import rng_for

MEAN_POSE = "mean pose"


class KeyPoints(Evaluator):
    """Finds key points with heads that learn from a few labelled pictures.

    For each number of labels and each draw, that many training videos are drawn and one frame of each is labelled.
    The draws are nested (the first 50 of 200 are the 50) and the same for every row. Rows:

    - ``trained``: the encoder;
    - ``random``: its architecture with initial weights, another initialisation for each draw, batch statistics
      calibrated on the training pictures;
    - ``pixels``: ridge regression on the picture itself;
    - ``mean pose``: the mean of the labelled poses, whatever the picture: the level of knowing nothing;
    - one for each of ``extra``.

    Args:
        train: videos to label, a frame or more of each; their pictures also calibrate the random rows.
        test: videos that no label comes from.
        labels: how many labelled pictures, one number or several.
        draws: how many times the labels are drawn, at least 3 to say how sure a difference is.
        heads: what learns from the labels.
        margin: pixels of the pictures that are cut on each side; heads that augment shift within them.
        skeleton: the joint convention; its torso is the normaliser.
        thresholds: of the PCKs, in torso lengths; differences and items are given for the first one.
        joints: which joints count: every ``"labelled"`` one, hidden ones too (as in MPII), or the ``"visible"``.
        extra: further rows, from a name to the folder of a run.
        seed: fixes draws, initialisations and fits.
        shown: how many test pictures are drawn.
        quiet: show no progress.
    """

    name = "eval_keypoints"

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        labels: Sequence[int] = (50, 200),
        draws: int = 3,
        heads: Sequence[Head] | None = None,
        margin: int = 2,
        skeleton: str = "figure",
        thresholds: Sequence[float] = (0.2, 0.1, 0.5),
        joints: Joints = "labelled",
        extra: Mapping[str, str] | None = None,
        seed: int = 0,
        shown: int = 6,
        quiet: bool = False,
    ):
        if not labels or min(labels) < 4 or draws < 1:
            raise ValueError(f"needs at least 4 labels and 1 draw; got labels={list(labels)}, draws={draws}")
        self.train, self.test, self.labels, self.draws = train, test, sorted(set(labels)), draws
        self.heads = list(heads) if heads is not None else [Ridge(), Regression()]
        if len({head.name for head in self.heads}) < len(self.heads):
            raise ValueError("two heads have the same name; use each head once")
        if not thresholds or min(thresholds) <= 0:
            raise ValueError(f"thresholds must be lengths above 0, got {list(thresholds)}")
        self.margin, self.skeleton, self.thresholds = margin, skeleton_of(skeleton), tuple(thresholds)
        self.joints: Joints = joints
        self.extra, self.seed, self.shown, self.quiet = dict(extra or {}), seed, shown, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        for head in self.heads:
            if isinstance(head, Ridge) and head.layer is not None:
                check_layer(encoder, head.layer)
        train = gather(self.train, "training", self.joints, self.quiet)
        test = gather(self.test, "test", self.joints, self.quiet).cropped(self.margin)
        self._check(train, test)
        kept = Kept(folder)
        extract = Extractor(kept, device, quiet=self.quiet)
        rows = self._rows(encoder, fresh, train, device)
        jobs = [
            (name, encoders[draw], head, labels, draw)
            for name, encoders in rows.items()
            for head in (self._for_pixels() if name == PIXELS else self.heads)
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
        judge = Judge(test, self.skeleton, self.thresholds)
        return summarise(fits, judge, self._protocol(encoder, train, test), against=RANDOM, shown=self.shown)

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
        )

    def _rows(self, encoder: Encoder, fresh: Fresh | None, train: People, device: str) -> dict[str, list[Encoder]]:
        """Return the encoder of each draw for each row."""
        pool = train.cropped(self.margin).images[:1024]
        make = fresh or (lambda seed: reinitialised(encoder, seed))
        initial = [calibrated(make(self.seed + draw), pool, device) for draw in range(self.draws)]
        rows: dict[str, list[Encoder]] = {PIXELS: [Pixels()] * self.draws, RANDOM: initial}
        rows[TRAINED] = [encoder] * self.draws
        return rows | {name: [avssl.load_encoder(find_run(run))] * self.draws for name, run in self.extra.items()}

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

    def _protocol(self, encoder: Encoder, train: People, test: People) -> dict[str, Any]:
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
            "normaliser": f"torso: {' and '.join(map(' + '.join, self.skeleton.torso))}",
            "thresholds": self.thresholds,
            "comparison": "<=",
            "average": "joints",
            "area over": f"{pck.GRID[0]} to {pck.GRID[-1]}, {len(pck.GRID)} thresholds",
            "joints": f"{len(self.skeleton)} of {self.skeleton.name!r}, {self.joints} ones count",
            "lost joints": "wrong",
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
