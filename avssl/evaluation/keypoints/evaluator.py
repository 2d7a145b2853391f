"""Key points from few labels: how much of a person's pose an encoder knows, beside what it would know untrained.

The question of Misra, Zitnick and Hebert, "Shuffle and Learn", ECCV 2016, section 5, asked in small.
https://arxiv.org/abs/1603.08561
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import baselines, compared_encoders
from avssl.evaluation.keypoints.fits import Fit, Scorer
from avssl.evaluation.keypoints.heads import Head, HeatMaps, Labelled, Regression, Ridge
from avssl.evaluation.keypoints.jobs import Asked, jobs_of
from avssl.evaluation.keypoints.labels import label_order
from avssl.evaluation.keypoints.people import Joints, People, collect
from avssl.evaluation.keypoints.presets import protocol_of
from avssl.evaluation.keypoints.protocols import Normaliser
from avssl.evaluation.keypoints.skeletons import FIGURE, SKELETONS, skeleton_of
from avssl.evaluation.keypoints.table import summarize
from avssl.evaluation.side_by_side import Workers, do_all
from avssl.features.cache import FeatureCache, digest
from avssl.features.layers import Extractor, check_layer
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.nets.clips import StillClips
from avssl.report.scores import HOG, PIXELS, RANDOM, Scores
from avssl.sampling import rng_for

MEAN_POSE = "mean pose"
ALL = "all"  # every training item is labelled
LEAST = 4  # labels that a ridge can choose its penalty with
POOL = 1024  # pictures that give random encoders their batch statistics


class KeyPoints(Evaluator):
    """Accuracy of key points found by heads that learn from a few labelled pictures.

    Scores: ``pck@threshold`` and ``auc``, shares in [0, 1]; ``nme`` in lengths of the protocol; ``epe`` in pixels;
    ``lost``, the share of joints that were not found.

    For each number of labels and each draw, that many training items are drawn and one picture of each is labelled,
    spread over files and groups (see `avssl.evaluation.keypoints.labels`). The draws are nested (the first 50 of 200
    are the 50) and the same for every row. Rows:

    - ``trained``: the encoder;
    - ``random``: its architecture with initial weights, another initialisation for each draw, batch statistics
      calibrated on the training pictures;
    - ``pixels`` and ``hog``: ridge regression on the picture itself, and on its histograms of oriented gradients;
    - ``mean pose``: the mean of the labelled poses, whatever the picture: the level of chance;
    - one for each of ``extra``.

    Args:
        train: videos or people to label; their pictures also calibrate the random rows.
        test: videos or people that no label comes from.
        labels: how many labelled pictures, one number or several; ``"all"`` for one of every training item.
        draws: how many times the labels are drawn, at least 3 to say how sure a difference is.
        heads: what learns from the labels; None for `Ridge` and `Regression` as they are.
        margin: pixels of the pictures that are cut on each side; heads that augment shift within them.
        skeleton: the joint convention; None for that of the data, or ``figure``.
        protocol: how predictions are scored, one of `avssl.evaluation.keypoints.presets.PRESETS`.
        thresholds: of the PCKs, in place of the protocol's; differences and items are given for the first one.
        normaliser: what the default protocol divides by in place of the torso.
        length: in pixels of the evaluated picture, with ``normaliser: pixels``.
        joints: which joints count: every ``"labelled"`` one, hidden ones too (as in MPII), or the ``"visible"``.
        extra: further rows, from a name to the folder of a run or a file of weights.
        read: training items that labels are drawn from at most, a sample by chance of larger data; all are held in
            memory.
        seed: fixes draws, initialisations and fits.
        num_shown: how many test pictures are drawn.
        still: frames of the clips that an encoder of clips is shown.
        workers: processes that train networks on a CPU, see `avssl.evaluation.side_by_side.do_all`; 0 for this one
            alone. What is found does not depend on it.
        quiet: show no progress.

    An encoder of clips looks at each picture as a clip of ``still`` equal frames: what it knows of motion has no say.

    Raises:
        ValueError: for settings that cannot be used.
    """

    name = "eval_keypoints"
    truths = ("keypoints",)

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
        normaliser: Normaliser | None = None,
        length: float | None = None,
        joints: Joints = "labelled",
        extra: Mapping[str, str] | None = None,
        read: int = 4096,
        seed: int = 0,
        num_shown: int = 6,
        still: int = 8,
        workers: Workers = "auto",
        quiet: bool = False,
    ):
        wrong = [count for count in labels if count != ALL and (not isinstance(count, int) or count < LEAST)]
        if not labels or wrong or draws < 1 or read < LEAST or min(num_shown, still) < 1:
            raise ValueError(
                f"needs at least {LEAST} labels (numbers, or all), {LEAST} items to read, 1 draw, 1 picture to show, "
                f"1 frame; got labels={list(labels)}, read={read}, draws={draws}, num_shown={num_shown}, still={still}"
            )
        self.train, self.test, self.labels, self.draws, self.read = train, test, list(labels), draws, read
        self.heads = list(heads) if heads is not None else [Ridge(), Regression()]
        if len({head.name for head in self.heads}) < len(self.heads):
            raise ValueError("two heads have the same name; use each head once")
        self.protocol = protocol_of(protocol, thresholds, normaliser, length)
        self.margin, self.skeleton = margin, skeleton_of(skeleton or getattr(test, "skeleton", None) or FIGURE.name)
        self.joints: Joints = joints
        self.extra, self.seed, self.num_shown, self.quiet = dict(extra or {}), seed, num_shown, quiet
        self.still = still
        self.workers: Workers = workers

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        for head in self.heads:
            if isinstance(head, Ridge | HeatMaps) and head.layer is not None:
                check_layer(encoder, head.layer)
        train = collect(self.train, "training", self.joints, self.quiet, self._chosen())
        test = collect(self.test, "test", self.joints, self.quiet).cropped(self.margin)
        counts = self._counts(train)
        self._check(train, test)
        scorer = Scorer(test, self.skeleton, self.protocol)
        extract = Extractor(FeatureCache(folder), device, quiet=self.quiet)
        draws = {(count, draw): self.label(train, count, draw) for count in counts for draw in range(self.draws)}
        fits = [
            Fit(row=MEAN_POSE, head="", labels=count, draw=draw, found=constant(labelled, len(test)))
            for (count, draw), labelled in draws.items()
        ]
        asked = [
            Asked(row=name, encoder=encoders[draw], head=head, labels=count, draw=draw)
            for name, encoders in self._rows(encoder, fresh, train, device).items()
            for head in (self._for_pixels() if name in (PIXELS, HOG) else self.heads)
            for count, draw in draws
        ]
        jobs = jobs_of(asked, draws, test.images, extract, self.seed)
        fits += [
            Fit(row=one.row, head=one.head.name, labels=one.labels, draw=one.draw, found=found)
            for one, found in zip(asked, do_all(jobs, "key points", self.workers, device, self.quiet), strict=True)
        ]
        return summarize(
            fits, scorer, self._protocol(encoder, train, scorer, counts), against=RANDOM, num_shown=self.num_shown
        )

    def label(self, train: People, labels: int, draw: int) -> Labelled:
        """Return the labelled pictures of a draw: one of each of ``labels`` items."""
        chosen = train.take(label_order(train, self.seed, draw)[:labels])
        return Labelled(
            images=chosen.images,
            points=chosen.points - np.float32(self.margin),
            counted=chosen.counted,
            margin=self.margin,
            mirrored=tuple(self.skeleton.mirrored),
        )

    def _counts(self, train: People) -> list[int]:
        """Return the numbers of labels, in order."""
        items = len(np.unique(train.video))
        counts = sorted({items if count == ALL else int(count) for count in self.labels})
        if counts[-1] > items:
            raise ConfigError(
                f"evaluator.labels: {counts[-1]} labels are more than the {items} training items, and one picture of "
                "each is labelled; ask for fewer, or for all"
            )
        return counts

    def _chosen(self) -> list[int] | None:
        """Return which training items are read; None for all of them."""
        limit = max([self.read, *(count for count in self.labels if isinstance(count, int))])
        if ALL in self.labels or len(self.train) <= limit:
            return None
        return rng_for(self.seed, epoch=0, sample=1).permutation(len(self.train))[:limit].tolist()

    def _rows(self, encoder: Encoder, fresh: Fresh | None, train: People, device: str) -> dict[str, list[Encoder]]:
        """Return each row's encoders, one a draw of labels."""
        pool = train.cropped(self.margin).images
        pool = pool[torch.from_numpy(rng_for(self.seed, epoch=0, sample=0).permutation(len(pool))[:POOL])]
        clips = encoder.takes == "clips"
        seen = pool[:, None].expand(-1, self.still, -1, -1, -1) if clips else pool
        rows = compared_encoders(encoder, seen, fresh, device, self.draws, self.seed, self.extra)
        rows = {
            name: [StillClips(one, self.still) if one.takes == "clips" else one for one in several]
            for name, several in rows.items()
        }
        if self._for_pixels():
            rows |= baselines(pool)
        return {name: several if len(several) > 1 else several * self.draws for name, several in rows.items()}

    def _for_pixels(self) -> Sequence[Head]:
        """Return the first ridge head, for pixels have nothing to fine-tune, and one layer only."""
        return [AllOf(head) for head in self.heads if isinstance(head, Ridge)][:1]

    def _check(self, train: People, test: People) -> None:
        if shared := set(train.paths) & set(test.paths):
            raise ConfigError(f"{len(shared)} files are in training and in test, such as {min(shared)}; use splits")
        ours, theirs = (getattr(data, "skeleton", None) for data in (self.train, self.test))
        if ours and theirs and ours != theirs:
            raise ConfigError(
                f"joints of the training data are those of {ours!r}, of the test data those of {theirs!r}, and numbers "
                "mean others there; set skeleton: of both data to one of them"
            )
        for people, name in ((train, "training"), (test, "test")):
            if people.points.shape[1] != len(self.skeleton):
                raise ConfigError(
                    f"the {name} items have {people.points.shape[1]} joints, the skeleton {self.skeleton.name!r} has "
                    f"{len(self.skeleton)}: {', '.join(self.skeleton.joints)}; set skeleton: to one of "
                    f"{', '.join(SKELETONS)}"
                )

    def _protocol(self, encoder: Encoder, train: People, scorer: Scorer, counts: list[int]) -> dict[str, Any]:
        protocol, test, pictures = self.protocol, scorer.test, scorer.test.images[:1]
        seen = StillClips(encoder, self.still) if encoder.takes == "clips" else encoder
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "test items": len(test.paths),
            "test pictures": len(test),
            "training items": len(train.paths),
            "groups in training and test": len(train.groups & test.groups),
            "labels": counts,
            "label draws": self.draws,
            "labelled": "one picture of each of that many training items, spread over files and groups, nested, the "
            "same for every row",
            **({"clips": f"each picture as {self.still} equal frames"} if encoder.takes == "clips" else {}),
            "picture": "{}x{}, cut by {} px on each side".format(*train.images.shape[-2:], self.margin),
            "protocol": protocol.name,
            "normaliser": self._normaliser(scorer.unit),
            "thresholds": protocol.thresholds,
            "comparison": protocol.comparison,
            "average": protocol.average,
            "main number over": protocol.group or "all joints",
            "area over": f"{protocol.grid[0]} to {protocol.grid[-1]}, {len(protocol.grid)} thresholds, {protocol.area}",
            "joints": f"{len(self.skeleton)} of {self.skeleton.name!r}, {self.joints} ones count",
            "lost joints": "left out" if protocol.drop_lost else "wrong",
            "first frames": "left out" if protocol.skip_first else "scored",
            "test pictures without a length": scorer.unmeasured,
            "random": f"{self.draws} initialisations, batch statistics of the training pictures",
            "heads": {head.name: head.settings() | head.chosen(seen, pictures) for head in self.heads},
            "seed": self.seed,
            "unreadable items": [failure["path"] for failure in (*train.failures, *test.failures)],
            "torch": torch.__version__,
        }

    def _normaliser(self, unit: str) -> str:
        if self.protocol.normaliser == "torso":
            return f"torso: {' and '.join(map(' + '.join, self.skeleton.torso))}"
        return f"{unit}, as the data annotate it" if self.protocol.normaliser == "reference" else unit


class AllOf(Ridge):
    """The same ridge regression under the same name, on the only layer that pixels have."""

    def __init__(self, ridge: Ridge):
        super().__init__(None, ridge.penalties, ridge.held_out)
        self.name = ridge.name


def constant(labelled: Labelled, people: int) -> np.ndarray:
    """Return the mean pose for everyone, ``(people, joints, 2)``."""
    return np.broadcast_to(labelled.mean_pose().astype(np.float32), (people, *labelled.points.shape[1:]))
