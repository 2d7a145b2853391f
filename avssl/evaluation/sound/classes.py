"""Reading classes from what both encoders of a method make of recordings: of what is seen, and of what is heard.

Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, sections 4.2 to 4.4 (linear probes of both streams, and
clusters' agreement with classes), https://arxiv.org/abs/1705.08168.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import MethodEvaluator
from avssl.evaluation.baselines import Pixels
from avssl.evaluation.probes.base import Labels, Probe
from avssl.evaluation.probes.linear import Linear
from avssl.evaluation.probes.neighbours import KNearest
from avssl.evaluation.probes.scoring import Scorer, check_classes, class_notes, clusters_of
from avssl.evaluation.sound.clips import Heard, listen, over
from avssl.evaluation.sound.crossmodal import Both
from avssl.evaluation.sound.fresh import untrained
from avssl.evaluation.sound.probe import encoder_of
from avssl.features.alignment import align_classes, renumbered
from avssl.features.runs import FreshMethod
from avssl.methods import Method
from avssl.methods.sound.base import JointEmbedder, PairScorer
from avssl.methods.sound.pairs import view_clips
from avssl.nets import LogMel, SpectrogramSpec
from avssl.nets.clips import encode_clips
from avssl.report.scores import CHANCE, LOG_MEL, PIXELS, RANDOM, TRAINED, Scores

SENSES = {"picture": PIXELS, "sound": LOG_MEL}  # and the row that needs no network


class Classes(MethodEvaluator):
    """Accuracy of classes read from the features of both encoders, before any head.

    Scores: accuracy of each probe and ``NMI`` of clusters, shares in [0, 1].

    A recording is the mean of its clips' features. Rows: the commonest class, random initialisations with the batch
    statistics of the training recordings, pixels or log-mel statistics, and the trained encoders.

    Args:
        train: recordings with sound and classes, to learn classes from.
        test: recordings to score.
        items: at most so many of each; None for all.
        probes: what reads classes; None for a linear one and 20 nearest neighbours.
        clusters: seeds of k-means, whose agreement with the test's classes is given; 0 for none.
        initialisations: random ones to compare with.
        seed: of random initialisations and fits.
        workers: processes that load.
    """

    name = "eval_classes"
    truths = ("sound", "label")
    asks = "Read classes from pictures and from sounds, and cluster both"
    needs = PairScorer | JointEmbedder
    lacks = "hears and does not see; ask what it hears by SoundProbe"

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        items: int | None = None,
        probes: Sequence[Probe] | None = None,
        clusters: int = 3,
        initialisations: int = 3,
        seed: int = 0,
        workers: int = 2,
    ):
        if clusters < 0 or initialisations < 1:
            raise ValueError(f"needs clusters >= 0 and initialisations >= 1; got {clusters}, {initialisations}")
        self.train, self.test, self.items, self.workers = train, test, items, workers
        self.probes = [Linear(), KNearest(k=20)] if probes is None else list(probes)
        self.clusters, self.initialisations, self.seed = clusters, initialisations, seed

    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        spec = encoder_of(method).spec
        self.require(method)
        assert isinstance(method, PairScorer | JointEmbedder)
        sides = [listen(data, self.items, workers=self.workers, rate=spec.rate) for data in (self.train, self.test)]
        if min(int(side.label.min()) for side in sides) < 0:
            raise ConfigError("evaluator: recordings without a class; classes are what is asked for, name them")
        ones = [averaged(side, side.label[:, None])[:, 0].astype(int) for side in sides]
        classes, places = align_classes([side.classes for side in sides], ones, ["training", "test"])
        labels = [Labels(renumbered(one, place), None, classes) for one, place in zip(ones, places, strict=True)]
        check_classes(*labels)
        rows: dict[str, list[list[Both]]] = {TRAINED: [[features(method, side, device) for side in sides]]}
        rows[RANDOM] = []
        for one in range(self.initialisations):
            made = untrained(fresh, self.seed + one, sides[0].frames, sides[0].sound, device)
            rows[RANDOM].append([features(made, side, device) for side in sides])
        plain = [untaught(side, spec) for side in sides]
        numbers: dict[str, float] = {}
        table = []
        for sense, without in SENSES.items():
            level = Scorer(labels[1], labels[0].shown).chance(labels[0])["accuracy"]
            runs_of = {CHANCE: [{probe.name: level for probe in self.probes}]}
            for row, runs in ((RANDOM, rows[RANDOM]), (without, [plain]), (TRAINED, rows[TRAINED])):
                runs_of[row] = [self.read(one[0][sense], labels[0], one[1][sense], labels[1]) for one in runs]
            for row, runs in runs_of.items():
                means = {name: float(np.mean([one[name] for one in runs])) for name in runs[0]}
                numbers |= {f"{sense}/{row}/{name}": value for name, value in means.items()}
                table.append({"of": sense, "row": row} | {name: f"{value:.3f}" for name, value in means.items()})
        columns = list(dict.fromkeys(name for line in table for name in line))
        protocol = {
            "train": describe(self.train),
            "test": describe(self.test),
            "recordings": [len(side) for side in labels],
            "features": "of the encoders, before heads; the mean over clips of a recording",
            "probes": {probe.name: probe.settings() for probe in self.probes},
            "clusters": f"k-means with as many clusters as classes, {self.clusters} seeds, of the test",
            "random": f"{self.initialisations} initialisations, batch statistics of the training recordings",
            "method": type(method).__name__,
            "seed": self.seed,
        }
        heard = sum(side.silent * len(side) for side in sides) / sum(map(len, sides))
        failures = sum(len(side.failures) for side in sides)
        notes = (
            "Accuracy of classes on test recordings"
            + "; NMI: how far k-means agrees with them" * bool(self.clusters)
            + ".",
            f"{heard:.1%} of the windows are silent and were left out; {failures} recordings could not be read.",
            *class_notes(*labels),
        )
        return Scores(
            title="Classes from what is seen and from what is heard",
            numbers=numbers,
            protocol=protocol,
            table=tuple(dict.fromkeys(columns, "") | line for line in table),
            notes=notes,
        )

    def read(self, train: np.ndarray, known: Labels, test: np.ndarray, asked: Labels) -> dict[str, float]:
        """Return the accuracy of each probe, and how far clusters agree with classes."""
        scorer, narrowed = Scorer(asked, known.shown), known.among(known.shown)  # what is never shown is not learned
        found = {probe.name: scorer.measure(probe(train, narrowed, test, self.seed))["accuracy"]
                 for probe in self.probes}  # fmt: skip
        if self.clusters:
            assert asked.one is not None
            found["NMI"] = float(clusters_of(test, asked.one, range(self.clusters))["NMI"].mean())
        return found


def features(method: Method, heard: Heard, device: str) -> Both:
    """Return what the encoders make of recordings, ``(recordings, dim)`` of each sense."""
    assert isinstance(method, PairScorer | JointEmbedder)
    method.to(device).eval()

    def picture(frames: Tensor, key: Tensor) -> Tensor:
        return encode_clips(method.encoder, view_clips(frames, key, method.views))

    pictures = over(picture, heard.frames, heard.key, device=device)
    sounds = over(method.sound, heard.sound, device=device)
    return {"picture": averaged(heard, pictures), "sound": averaged(heard, sounds)}


def untaught(heard: Heard, spec: SpectrogramSpec) -> Both:
    """Return pixels and log-mel statistics of recordings, which need no network."""
    pictures = over(lambda frames: Pixels()(frames[:, 0]).flatten(1), heard.frames)
    return {"picture": averaged(heard, pictures), "sound": averaged(heard, over(LogMel(spec), heard.sound))}


def averaged(heard: Heard, rows: Tensor) -> np.ndarray:
    """Return the mean over the clips of each recording, ``(recordings, dim)``, in the order of their numbers."""
    place = heard.item.unique(return_inverse=True)[1]
    sums = torch.zeros(int(place.max()) + 1, rows.shape[1]).index_add_(0, place, rows.float())
    return (sums / torch.bincount(place)[:, None]).numpy()
