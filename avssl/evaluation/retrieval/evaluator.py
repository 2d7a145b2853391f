"""Retrieval: what an encoder takes for alike, among frames, patches, clips or items, and whether it is.

The usual protocol for video (Büchler, Brattoli and Ommer, ECCV 2018; Xu et al., "VCOP", CVPR 2019, section 4.3): test
videos ask, training videos answer, ten clips a video averaged, cosine; a hit at k if any of the k first has the class.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator, Fresh, Scores
from avssl.evaluation.drawing import Curve, Strip, contact_sheet, curve_picture
from avssl.evaluation.extraction import Asked, Extracted, Rows, extract
from avssl.evaluation.features import OUTPUT, check_layer
from avssl.evaluation.kept import Kept, digest
from avssl.evaluation.keypoints.skeletons import FIGURE, Skeleton, skeleton_of
from avssl.evaluation.looks import Recipe, Unit, centre
from avssl.evaluation.paired import Difference, paired_difference
from avssl.evaluation.retrieval.judging import Exclude, Question, Relevant, ask, chance, score
from avssl.evaluation.retrieval.nearest import pose_distance_of
from avssl.evaluation.retrieval.search import Answers, Centre, Engine, Similarity, search
from avssl.evaluation.rows import HOG, PIXELS, RANDOM, TRAINED, baselines, contenders, pool_of
from avssl.nets import Encoder
from avssl.sampling import rng_for

CHANCE = "chance"
POSE = "pose distance@5/torso"
POSE_NOTE = (
    "pose@5: mean distance of the joints of the five nearest, poses about their middle, in torsos; lower is better."
)


class Retrieval(Evaluator):
    """Measures how often the nearest neighbours of a frame, patch, clip or item are right, and draws them.

    Rows: ``random`` (initial weights, batch statistics of the gallery; mean over initialisations), ``trained``, further
    runs or weights, ``pixels``, ``hog``, and ``chance`` (the exact expectation of a random order). Every row sees the
    same pictures; the data is read once. Queries without anything right in the gallery count nowhere and are told.

    Args:
        queries: data that asks.
        gallery: data that answers; None for the queries' own.
        unit: what a row is: ``"item"``, ``"clip"`` or ``"frame"``; with ``patch`` a patch of a frame.
        layer: features to compare: ``"output"`` or a layer of the encoder.
        ks: how many answers count.
        relevant: what is right: the same ``"label"``, or the same ``"group"`` (source).
        exclude: what may not answer: the query's own ``"group"`` or ``"item"``, or ``"none"`` where queries and gallery
            are different data.
        similarity: ``"cosine"``, ``"dot"`` or ``"euclidean"``.
        centre: take out the ``"gallery"``'s mean, each side's ``"own"``, or ``"none"``.
        whole: rank the whole gallery, for mAP; False for large ones.
        crop: the middle of each frame that is looked at.
        patch: (side, step) in pixels.
        most: numbers that a layer of maps is averaged to at most.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file of weights.
        engine: ``"torch"``, ``"faiss"`` or ``"auto"``; they give equal answers.
        skeleton: with frames that have key points, the joint convention: the pose distance of the five nearest is told
            too (figure 3 of Misra et al., "Shuffle and Learn", ECCV 2016, as a number); None for the data's own.
        shown: how many queries to draw, of different classes where there are any.
        seed: of the first random initialisation.
        workers: processes that read ahead.
        quiet: show no progress.
    """

    name = "eval_retrieval"

    def __init__(
        self,
        queries: Dataset,
        gallery: Dataset | None = None,
        unit: Unit = "item",
        layer: str = OUTPUT,
        ks: Sequence[int] = (1, 5, 10, 20, 50),
        relevant: Relevant = "label",
        exclude: Exclude = "group",
        similarity: Similarity = "cosine",
        centre: Centre = "gallery",
        whole: bool = True,
        crop: int | tuple[int, int] | None = None,
        patch: tuple[int, int] | None = None,
        most: int | None = 9216,
        initialisations: int = 3,
        extra: Mapping[str, str] | None = None,
        engine: Engine = "auto",
        skeleton: str | None = None,
        shown: int = 6,
        seed: int = 0,
        workers: int = 0,
        quiet: bool = False,
    ):
        if not ks or min(ks) < 1 or initialisations < 1 or shown < 1:
            raise ValueError(f"ks, initialisations and shown start at 1; got {list(ks)}, {initialisations}, {shown}")
        if relevant == "pair":
            raise ValueError("relevant: pair is for two folders of features, see tools/compare_features.py")
        self.queries, self.gallery, self.layer, self.ks = queries, gallery, layer, sorted(set(ks))
        self.recipe = Recipe(unit=unit, crop=crop, patch=patch, most=most)
        self.relevant: Relevant = relevant
        self.exclude: Exclude = exclude
        self.similarity: Similarity = similarity
        self.centre: Centre = centre
        self.engine: Engine = engine
        self.skeleton = skeleton or getattr(queries, "skeleton", None) or FIGURE.name
        self.whole, self.initialisations, self.extra = whole, initialisations, dict(extra or {})
        self.shown, self.seed, self.workers, self.quiet = shown, seed, workers, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        check_layer(encoder, self.layer)
        kept, gallery_data = Kept(folder), self.gallery or self.queries
        pool = pool_of(gallery_data, crop=self.recipe.crop)
        rows = contenders(encoder, pool, fresh, device, self.initialisations, self.seed, self.extra)
        asked = {
            f"{row} {number}": Asked(one, (self.layer if self.layer in (OUTPUT, *one.layers) else OUTPUT,))
            for row, several in (rows | baselines(pool)).items()
            for number, one in enumerate(several)
        }
        ours = self._extract(asked, self.queries, kept, device, "query")
        theirs = ours if self.gallery is None else self._extract(asked, self.gallery, kept, device, "gallery")
        question = ask(ours.rows, theirs.rows, self.relevant, self.exclude)
        if max(self.ks) > question.size.min():
            raise ConfigError(
                f"evaluator.ks: {max(self.ks)} answers are asked for, but a query has only {question.size.min()} "
                "gallery rows that may answer; use smaller ks or a larger gallery"
            )
        found: dict[str, list[Answers]] = {}
        for name in asked:
            found.setdefault(name.rpartition(" ")[0], []).append(self._search(ours, theirs, name, question))
        return self._scores(found, question, ours.rows, theirs.rows, encoder)

    def _extract(self, asked: Mapping[str, Asked], data: Dataset, kept: Kept, device: str, what: str) -> Extracted:
        return extract(asked, data, self.recipe, kept, device, what, workers=self.workers, quiet=self.quiet)

    def _search(self, ours: Extracted, theirs: Extracted, name: str, question: Question) -> Answers:
        (layer,) = ours.features[name]
        most = int(question.size.min()) if self.whole else max(self.ks)
        sides = ours.features[name][layer], theirs.features[name][layer]
        return search(*sides, most, question.excluded, self.similarity, self.centre, self.engine)

    def _scores(
        self, found: Mapping[str, list[Answers]], question: Question, ours: Rows, theirs: Rows, encoder: Encoder
    ) -> Scores:
        each = {
            row: [score(question.right(one), question, self.ks, self.whole) for one in several]
            for row, several in found.items()
        }
        levels = chance(question, self.ks, self.whole)
        numbers: dict[str, float] = {f"{CHANCE}/{name}": level for name, level in levels.items()}
        first = f"R@{self.ks[0]}"
        plain = {name: level for name, level in levels.items() if not name.startswith("precision")}
        table = [{"row": CHANCE} | {name: f"{100 * level:.1f}" for name, level in plain.items()}]
        for row, several in each.items():
            means = {name: np.array([np.nanmean(one[name]) for one in several]) for name in several[0]}
            numbers |= {f"{row}/{name}": float(values.mean()) for name, values in means.items()}
            shown = {name: values for name, values in means.items() if not name.startswith("precision")}
            cells = {
                name: percent(values if name in (first, "mAP") else values[:1] * 0 + values.mean())
                for name, values in shown.items()
            }
            table.append({"row": row} | cells)
        differences = {row: self._against(each, row, first, ours) for row in each if row != RANDOM}
        for row, one in differences.items():
            name = f"{row}-{RANDOM}/{first}"
            numbers |= {name: one.mean, f"{name}/low": one.low, f"{name}/high": one.high}
        poses = self._poses(found, question, ours, theirs)
        numbers |= {f"{row}/{POSE}": value for row, value in poses.items()}
        table = [cells | {"pose@5": f"{poses[cells['row']]:.3f}"} if poses else cells for cells in table]
        return Scores(
            title=f"Retrieval of {self._unit()}s: answers of the same {self.relevant} in %",
            numbers=numbers,
            protocol=self._protocol(question, ours, theirs, encoder),
            table=tuple(table),
            notes=tuple(self._notes(question, differences, first, ours, theirs) + ([POSE_NOTE] if poses else [])),
            tables={"items": self._items(found, each, question, ours, theirs), "classes": self._classes(each, ours)},
            pictures=self._pictures(found, each, levels, question, ours, theirs),
        )

    def _poses(
        self, found: Mapping[str, list[Answers]], question: Question, ours: Rows, theirs: Rows
    ) -> dict[str, float]:
        """Return the mean pose distance of the five nearest by each row, where frames have key points."""
        if ours.keypoints is None or theirs.keypoints is None or ours.box is not None:
            return {}
        skeleton, rng = skeleton_of(self.skeleton), rng_for(self.seed, epoch=0, sample=0)
        sides = ours.keypoints, theirs.keypoints  # hidden joints whose place is known count
        count = min(5, next(iter(found.values()))[0].index.shape[1])
        means = {CHANCE: self._any_pose(sides, question, skeleton, rng)}
        for row, several in found.items():
            far = [pose_distance_of(sides[0], sides[1], one.index[:, :count], skeleton) for one in several]
            means[row] = float(np.nanmean(far))
        return means

    def _any_pose(
        self, sides: tuple[np.ndarray, np.ndarray], question: Question, skeleton: Skeleton, rng: np.random.Generator
    ) -> float:
        """Return the mean pose distance of gallery rows drawn by chance among those that may answer."""
        index = rng.integers(len(sides[1]), size=(len(sides[0]), 20))
        far = pose_distance_of(sides[0], sides[1], index, skeleton)
        if question.excluded is not None:
            far[question.excluded[0][:, None] == question.excluded[1][index]] = np.nan
        return float(np.nanmean(far))

    def _unit(self) -> str:
        return "patch" if self.recipe.patch is not None else self.recipe.unit

    def _against(self, each: Mapping[str, list[dict[str, np.ndarray]]], row: str, name: str, ours: Rows) -> Difference:
        """Return the paired difference of a row from random, over initialisations and groups of queries."""
        sides = [np.stack([one[name] for one in each[which]])[..., None] for which in (row, RANDOM)]
        draws = max(map(len, sides))
        mine, random = (np.broadcast_to(side, (draws, *side.shape[1:])) for side in sides)
        _, group = np.unique(ours.group, return_inverse=True)
        return paired_difference(mine, random, group)

    def _notes(
        self, question: Question, differences: Mapping[str, Difference], first: str, ours: Rows, theirs: Rows
    ) -> list[str]:
        notes = [
            f"{row} − {RANDOM}: {100 * one.mean:+.1f} points of {first} "
            f"(95 % {100 * one.low:+.1f} to {100 * one.high:+.1f}; bootstrap over initialisations and query groups)"
            for row, one in sorted(differences.items(), key=lambda pair: pair[0] != TRAINED)
        ]
        notes.append("R@k: any of the k first is right. Chance is the exact expectation of a random order.")
        lost = int((question.total == 0).sum())
        if lost:
            notes.append(
                f"{lost} of {len(question.total)} queries have nothing right in the gallery and count nowhere."
            )
        for rows, what in ((ours, "query"), (theirs, "gallery")):
            if rows.failures:
                notes.append(f"{len(rows.failures)} {what} items could not be read, such as {rows.failures[0]}.")
        return notes

    def _items(
        self,
        found: Mapping[str, list[Answers]],
        each: Mapping[str, list[dict[str, np.ndarray]]],
        question: Question,
        ours: Rows,
        theirs: Rows,
    ) -> list[dict[str, Any]]:
        """One row a query: where the first right answer stands, and the first answer, of the first initialisation."""
        firsts = {}
        for row, several in found.items():
            right = question.right(several[0])
            firsts[row] = np.where(right.any(1), right.argmax(1) + 1, 0)
        items = []
        for query in np.flatnonzero(question.total > 0):
            about: dict[str, Any] = {"path": ours.path[query], "start": round(float(ours.start[query]), 6)}
            about |= {"clip": int(ours.clip[query]), "label": int(ours.label[query])}
            for row, several in found.items():
                about[f"{row}/rank of the first right"] = int(firsts[row][query])
                about[f"{row}/first answer"] = theirs.path[several[0].index[query, 0]]
            items.append(about)
        return items

    def _classes(self, each: Mapping[str, list[dict[str, np.ndarray]]], ours: Rows) -> list[dict[str, Any]]:
        """One row a class of queries: R@k at the first k."""
        first, rows = f"R@{self.ks[0]}", []
        for label in np.unique(ours.label[ours.label >= 0]):
            mine = ours.label == label
            about: dict[str, Any] = {
                "class": ours.classes[label] if ours.classes else str(label),
                "queries": int(mine.sum()),
            }
            for row, several in each.items():
                values = np.stack([one[first][mine] for one in several])
                about[f"{row}/{first}"] = round(float(np.nanmean(values)), 4) if np.isfinite(values).any() else ""
            rows.append(about)
        return rows or [{"class": "none", "queries": len(ours)}]

    def _pictures(
        self,
        found: Mapping[str, list[Answers]],
        each: Mapping[str, list[dict[str, np.ndarray]]],
        levels: Mapping[str, float],
        question: Question,
        ours: Rows,
        theirs: Rows,
    ) -> dict[str, Image]:
        across = np.array(self.ks, float)
        curves = [Curve(CHANCE, across, 100 * np.array([levels[f"R@{k}"] for k in self.ks]))]
        for row, several in each.items():
            heights = [np.mean([np.nanmean(one[f"R@{k}"]) for one in several]) for k in self.ks]
            curves.append(Curve(row, across, 100 * np.array(heights)))
        title = f"a right {self._unit()} among the first k"
        return {
            "gallery": self._gallery(found, question, ours, theirs),
            "hits_by_k": curve_picture({title: curves}, across="k", up="R@k, %"),
        }

    def _gallery(self, found: Mapping[str, list[Answers]], question: Question, ours: Rows, theirs: Rows) -> Image:
        """Draw some queries and their first answers by each row: random, others, then trained."""
        could = np.flatnonzero(question.total > 0)
        order = could[np.argsort(ours.label[could], kind="stable")]  # spread over classes
        chosen = order[np.unique(np.linspace(0, len(order) - 1, self.shown).round().astype(int))]
        count = min(5, found[TRAINED][0].index.shape[1])
        gallery = self.gallery or self.queries
        shown_rows = [row for row in found if row not in (TRAINED, PIXELS, HOG)] + [TRAINED]
        strips = []
        for query in chosen:
            lines = []
            for row in shown_rows:
                answers = found[row][0].index[query, :count]
                pictures = np.stack([self._look(gallery, theirs, one) for one in answers])
                right = [bool(question.gallery[one] == question.query[query]) for one in answers]
                lines.append(Strip(row, pictures, [self._called(theirs, one) for one in answers], right))
            strips.append(lines)
        queries = np.stack([self._look(self.queries, ours, query) for query in chosen])
        return contact_sheet(
            queries, strips, f"Nearest {self._unit()}s: green frames are of the query's {self.relevant}"
        )

    def _look(self, data: Dataset, rows: Rows, row: int, side: int = 96) -> np.ndarray:
        """Return the first frame of a row, uint8 ``(3, side, side)``."""
        item = data[0, int(rows.item[row])]
        clip = max(0, int(rows.clip[row]))
        valid = item["valid"][clip]
        times = item["times"][clip][valid].numpy()
        frame = item["frames"][clip][valid][int(np.abs(times - rows.start[row]).argmin())]
        frame = frame if self.recipe.crop is None else centre(frame, self.recipe.crop)[0]
        if rows.box is not None:
            left, top, right, bottom = rows.box[row]
            frame = frame[:, top:bottom, left:right]
        large = torch.nn.functional.interpolate(frame[None].float(), (side, side), mode="nearest")
        return large[0].byte().numpy()

    def _called(self, rows: Rows, row: int) -> str:
        label = int(rows.label[row])
        return "" if label < 0 else (rows.classes[label] if rows.classes else str(label))[:14]

    def _protocol(self, question: Question, ours: Rows, theirs: Rows, encoder: Encoder) -> dict[str, Any]:
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "layer": self.layer,
            "unit": self._unit(),
            "crop": self.recipe.crop,
            "similarity": self.similarity,
            "mean taken out": self.centre,
            "right": f"same {self.relevant}",
            "excluded": f"the query's own {self.exclude}" if self.exclude != "none" else "nothing",
            "queries": len(ours),
            "queries that count": int((question.total > 0).sum()),
            "gallery": len(theirs),
            "query items": len(np.unique(ours.item)),
            "gallery items": len(np.unique(theirs.item)),
            "ks": self.ks,
            "median rank of the first right answer by chance": float(
                np.median((question.size + 1) / (question.total + 1))
            ),
            "random": f"{self.initialisations} initialisations, batch statistics of the gallery",
            "seed": self.seed,
            "torch": torch.__version__,
        }


def percent(values: np.ndarray) -> str:
    """Return a mean in percent, with the deviation over initialisations.

    Examples:
        >>> percent(np.array([0.5])), percent(np.array([0.4, 0.6]))
        ('50.0', '50.0 ± 14.1')
    """
    spread = f" ± {100 * values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{100 * values.mean():.1f}{spread}"
