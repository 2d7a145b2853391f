"""Retrieval: what an encoder takes for alike, among frames, patches, clips, items or sounds, and whether it is.

The usual protocol for video (Büchler, Brattoli and Ommer, ECCV 2018, https://arxiv.org/abs/1807.11293; Xu et al.,
"VCOP", CVPR 2019, section 4.3): test videos ask, training videos answer, ten clips a video averaged, cosine; a hit at k
if any of the k first has the class.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.keypoints.skeletons import FIGURE, Skeleton, skeleton_of
from avssl.evaluation.retrieval.gallery import gallery_picture
from avssl.evaluation.retrieval.question import Exclude, Question, Relevant, ask
from avssl.evaluation.retrieval.results import Retrieved, collect
from avssl.evaluation.retrieval.scoring import Ranked, rank
from avssl.evaluation.retrieval.subjects import compared
from avssl.evaluation.retrieval.summary import curves, notes, table
from avssl.evaluation.retrieval.tables import classes, items, neighbours
from avssl.features.cache import FeatureCache, digest
from avssl.features.extraction import Asked, Extracted, Rows, extract
from avssl.features.layers import OUTPUT, check_layer
from avssl.features.rows import Recipe, Unit
from avssl.features.runs import Fresh
from avssl.features.search import Centre, Engine, Similarity, Space
from avssl.nets import Encoder
from avssl.report.scores import Scores

LOOK = "neighbours to look at; answers that the cheapest row gives too, in %"  # where nothing tells what is right


class Retrieval(Evaluator):
    """Retrieval scores of frames, patches, clips, items or sounds by their nearest neighbours, and pictures of these.

    Scores: ``R@k``, ``recall@k``, ``precision@k``, ``nDCG@k``, ``mAP@k`` and ``mAP``, shares in [0, 1]; ``median rank``
    from 1; ``pose distance@k/torso`` in torso lengths.

    Rows: ``random`` (initial weights, batch statistics of the gallery; mean over initialisations), ``trained``, further
    runs or weights, ``pixels`` and ``hog`` (for sounds ``log-mel``), and ``chance`` (the exact expectation of a random
    order). Every row sees the same pictures; the data is read once. Queries with nothing right to find count nowhere
    and a note says how many.

    Where frames have key points, the pose distance of the neighbours is given too, beside chance (any row that may
    answer) and an ``oracle`` (the nearest poses there are): figure 3 of Misra et al., "Shuffle and Learn", ECCV 2016,
    as a number.

    Args:
        queries: data that asks.
        gallery: data that answers; None for the queries' own.
        unit: what a row is: ``"item"`` (mean over clips), ``"clip"`` or ``"frame"``; with ``patch`` a patch of a frame.
        stream: what is looked at: ``"frames"``, or ``"sound"`` with an encoder of sounds.
        layer: features to compare: ``"output"`` or a layer of the encoder.
        ks: how many answers count.
        relevant: what is right: the same ``"label"`` (where rows have several, a shared one; nDCG then counts how many
            are shared), the same ``"group"`` (source), or None: nothing, and poses alone are compared. Where there are
            none either, as in a folder of videos, neighbours are drawn, and all that is counted is how many of them
            pixels find too.
        exclude: what may not answer: rows of the query's own ``"group"`` (its file where the data has no groups), its
            ``"path"`` (file) or ``"item"``, or ``"none"`` where queries and gallery are different data.
        similarity: ``"cosine"``, ``"dot"`` or ``"euclidean"``.
        centre: take out the ``"gallery"``'s mean, each side's ``"own"``, or ``"none"``.
        whole: rank the whole gallery, for mAP and the median rank; False saves time where it is large.
        crop: the middle of each frame that is looked at, (height, width) or a side in pixels.
        patch: (side, step) in pixels.
        max_features: numbers that a layer of maps is averaged to at most.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file of weights.
        engine: ``"torch"``, ``"faiss"`` or ``"auto"``, where ``whole`` is False; they give equal answers.
        skeleton: the joint convention of key points; None for the data's own.
        num_shown: how many queries to draw.
        seed: of the first random initialisation.
        workers: processes that read ahead.
        quiet: show no progress.
    """

    name = "eval_retrieval"  # and another where poses alone are compared, see `name_of`

    def __init__(
        self,
        queries: Dataset,
        gallery: Dataset | None = None,
        unit: Unit = "item",
        stream: Literal["frames", "sound"] = "frames",
        layer: str = OUTPUT,
        ks: Sequence[int] = (1, 5, 10, 20, 50),
        relevant: Literal["label", "group"] | None = "label",
        exclude: Exclude = "group",
        similarity: Similarity = "cosine",
        centre: Centre = "gallery",
        whole: bool = True,
        crop: int | tuple[int, int] | None = None,
        patch: tuple[int, int] | None = None,
        max_features: int | None = 9216,
        initialisations: int = 3,
        extra: Mapping[str, str] | None = None,
        engine: Engine = "auto",
        skeleton: str | None = None,
        num_shown: int = 6,
        seed: int = 0,
        workers: int = 0,
        quiet: bool = False,
    ):
        if not ks or min(ks) < 1 or initialisations < 1 or num_shown < 1:
            raise ValueError(
                f"ks, initialisations and num_shown start at 1; got {list(ks)}, {initialisations}, {num_shown}"
            )
        self.queries, self.gallery, self.layer, self.ks = queries, gallery, layer, sorted(set(ks))
        self.name = self.name_of({"relevant": relevant})
        self.recipe = Recipe(unit=unit, stream=stream, crop=crop, patch=patch, max_features=max_features)
        self.relevant: Relevant | None = relevant
        self.exclude: Exclude = exclude
        self.similarity: Similarity = similarity
        self.centre: Centre = centre
        self.engine: Engine = engine
        self.skeleton = skeleton_of(skeleton or getattr(queries, "skeleton", None) or FIGURE.name)
        self.whole, self.initialisations, self.extra = whole, initialisations, dict(extra or {})
        self.num_shown, self.seed, self.workers, self.quiet = num_shown, seed, workers, quiet

    @classmethod
    def name_of(cls, settings: Mapping[str, Any]) -> str:
        return "eval_neighbours" if settings.get("relevant", "label") is None else cls.name

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        check_layer(encoder, self.layer)
        cache = FeatureCache(folder)
        asked = compared(
            encoder, self.layer, self._sides[1], self.recipe, fresh, device, self.initialisations, self.seed, self.extra
        )
        ours = self._extract(asked, self.queries, cache, device, "query")
        theirs = ours if self.gallery is None else self._extract(asked, self.gallery, cache, device, "gallery")
        question = ask(ours.rows, theirs.rows, self.relevant, self.exclude, self.ks[-1])
        skeleton = self._skeleton(ours.rows, theirs.rows)
        ranked: dict[str, list[Ranked]] = {}
        for name in asked:
            ranked.setdefault(name.rpartition(" ")[0], []).append(self._rank(ours, theirs, name, question))
        retrieved = collect(ranked, question, self.ks, (ours.rows, theirs.rows), self._unit, skeleton)
        pictures = {"gallery": gallery_picture(retrieved, self._sides, self.recipe, self.num_shown)}
        tables: dict[str, Iterable[Mapping[str, Any]]] = {
            "items": items(retrieved),
            "neighbours": neighbours(retrieved),
        }
        if self.relevant is not None:
            pictures["hits_by_k"] = curves(retrieved)
            if by_class := classes(retrieved):
                tables["classes"] = by_class
        return Scores(
            title=f"Retrieval of {self._unit}s: {self._asking if retrieved.tells else LOOK}",
            numbers=retrieved.numbers(),
            protocol=self._protocol(retrieved, encoder),
            table=tuple(table(retrieved)),
            notes=tuple(notes(retrieved)),
            tables=tables,
            pictures=pictures,
        )

    @property
    def _sides(self) -> tuple[Dataset, Dataset]:
        return self.queries, self.queries if self.gallery is None else self.gallery

    @property
    def _unit(self) -> str:
        if self.recipe.patch is not None:
            return "patch"
        return f"{self.recipe.unit} of sound" if self.recipe.stream == "sound" else self.recipe.unit

    @property
    def _asking(self) -> str:
        return f"answers of the same {self.relevant}, shares in %" if self.relevant else "distance of poses"

    def _extract(
        self, asked: Mapping[str, Asked], data: Dataset, cache: FeatureCache, device: str, what: str
    ) -> Extracted:
        return extract(asked, data, self.recipe, cache, device, what, workers=self.workers, quiet=self.quiet)

    def _rank(self, ours: Extracted, theirs: Extracted, name: str, question: Question) -> Ranked:
        (layer,) = ours.features[name]
        sides = ours.features[name][layer], theirs.features[name][layer]
        space = Space(*sides, question.excluded, self.similarity, self.centre, self.engine)
        return rank(space, question, self.ks, self.whole and self.relevant is not None)

    def _skeleton(self, ours: Rows, theirs: Rows) -> Skeleton | None:
        """Return the convention of the key points, where poses can be compared; None where they cannot."""
        if ours.keypoints is not None and theirs.keypoints is not None and ours.box is None and self.skeleton.torso:
            return self.skeleton
        return None

    def _protocol(self, retrieved: Retrieved, encoder: Encoder) -> dict[str, Any]:
        ours, theirs = retrieved.ours, retrieved.theirs
        protocol = {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "layer": self.layer,
            "unit": self._unit,
            "crop": self.recipe.crop,
            "similarity": self.similarity,
            "mean taken out": {"gallery": "the gallery's", "own": "each side's own", "none": "none"}[self.centre],
            "right": f"same {self.relevant}" if self.relevant else "not asked",
            "excluded": f"the query's own {self.exclude}" if self.exclude != "none" else "nothing",
            "equals": "to 4e-9, the first in the gallery first",
            "queries": len(ours),
            "gallery": len(theirs),
            "query items": len(np.unique(ours.item)),
            "gallery items": len(np.unique(theirs.item)),
            "ks": self.ks,
            "random": f"{self.initialisations} initialisations, batch statistics of the gallery",
            "seed": self.seed,
            "torch": torch.__version__,
        }
        if self.relevant:
            protocol["queries that count"] = int((retrieved.question.total > 0).sum())
        if retrieved.best:
            protocol["pose distance"] = f"{self.skeleton.name}, in {' to '.join(map(' + '.join, self.skeleton.torso))}"
        return protocol
