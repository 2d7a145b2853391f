"""Nearest neighbours of frames: what an encoder takes for alike, and how alike the poses are.

Figure 3 of Misra, Zitnick and Hebert, "Shuffle and Learn", ECCV 2016, shows that the neighbours share the pose;
here that observation is a number. https://arxiv.org/abs/1603.08561
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator, Fresh, Scores
from avssl.evaluation.drawing import Strip, contact_sheet
from avssl.evaluation.features import OUTPUT, Extractor, check_layer
from avssl.evaluation.kept import Kept, digest
from avssl.evaluation.keypoints.people import People, gather
from avssl.evaluation.keypoints.skeletons import skeleton_of
from avssl.evaluation.retrieval.nearest import nearest, other_video, per_video, pose_distances
from avssl.evaluation.rows import PIXELS, RANDOM, TRAINED, Pixels, calibrated, reinitialised
from avssl.nets import Encoder

CHANCE, ORACLE = "chance", "oracle"


class Neighbours(Evaluator):
    """Measures how far the poses of a frame's nearest neighbours are, and draws the neighbours.

    Features are compared by cosine after the gallery's mean is taken out. No neighbour comes from the query's own
    video. The distance of two poses is the mean distance of their joints in torso lengths of the query, each pose
    moved to its own middle first: the same pose elsewhere in the picture is at 0. Rows: ``trained``, ``random``
    (several initialisations, batch statistics of the gallery), ``pixels``, ``chance`` (any frame of another video)
    and ``oracle`` (the frames that are nearest in pose: no features can do better).

    Args:
        queries: videos with key points.
        gallery: videos that neighbours come from; None for the queries' own.
        k: neighbours that count.
        layer: features to compare: ``"output"`` or a layer of the encoder.
        initialisations: of the random row, whose mean is given.
        margin: pixels of the pictures that are cut on each side.
        skeleton: the joint convention; its torso is the unit.
        shown: how many queries to draw.
        seed: of the first random initialisation.
        quiet: show no progress.
    """

    name = "eval_neighbours"

    def __init__(
        self,
        queries: Dataset,
        gallery: Dataset | None = None,
        k: int = 5,
        layer: str = OUTPUT,
        initialisations: int = 3,
        margin: int = 2,
        skeleton: str = "figure",
        shown: int = 6,
        seed: int = 0,
        quiet: bool = False,
    ):
        if k < 1 or initialisations < 1 or shown < 1:
            raise ValueError(f"k, initialisations and shown must be at least 1; got {k}, {initialisations}, {shown}")
        self.queries, self.gallery, self.k, self.layer = queries, gallery, k, layer
        self.initialisations, self.margin, self.skeleton = initialisations, margin, skeleton_of(skeleton)
        self.shown, self.seed, self.quiet = shown, seed, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        check_layer(encoder, self.layer)
        queries = gather(self.queries, "query", quiet=self.quiet).cropped(self.margin)
        gallery = queries
        if self.gallery is not None:
            gallery = gather(self.gallery, "gallery", quiet=self.quiet).cropped(self.margin)
        allowed = other_video(queries, gallery)
        if allowed.sum(1).min() < self.k:
            raise ConfigError(
                f"evaluator.k: k={self.k} neighbours are asked for, but a query has only {allowed.sum(1).min()} "
                "pictures of other videos; use a smaller k or more videos"
            )
        for side in (queries, gallery):
            lacking = int((~side.counted.all(1)).sum())
            if lacking:
                raise ConfigError(
                    f"evaluator: {lacking} of {len(side)} pictures lack the place of some joint; distances of poses "
                    "need every joint, so leave those videos out"
                )
        poses = pose_distances(queries.points, gallery.points, self.skeleton)
        make = fresh or (lambda seed: reinitialised(encoder, seed))
        pool = gallery.images[:1024]
        initial = [calibrated(make(self.seed + i), pool, device) for i in range(self.initialisations)]
        extract = Extractor(Kept(folder), device, quiet=self.quiet)
        ways = {RANDOM: (initial, self.layer), TRAINED: ([encoder], self.layer), PIXELS: ([Pixels()], OUTPUT)}
        found = {
            row: [self._nearest(one, layer, queries, gallery, allowed, extract) for one in encoders]
            for row, (encoders, layer) in ways.items()
        }
        found[ORACLE] = [np.argsort(np.where(allowed, poses, np.inf), axis=1, kind="stable")[:, : self.k]]
        return self._scores(found, poses, allowed, queries, gallery, encoder)

    def _nearest(
        self, encoder: Encoder, layer: str, queries: People, gallery: People, allowed: np.ndarray, extract: Extractor
    ) -> np.ndarray:
        ours = extract(encoder, queries.images, layer)
        theirs = ours if gallery is queries else extract(encoder, gallery.images, layer)
        return nearest(ours, theirs, allowed, self.k)

    def _scores(
        self,
        found: dict[str, list[np.ndarray]],
        poses: np.ndarray,
        allowed: np.ndarray,
        queries: People,
        gallery: People,
        encoder: Encoder,
    ) -> Scores:
        means = {  # row -> mean pose distance of each query's neighbours, (initialisations, queries)
            row: np.stack([np.take_along_axis(poses, one, 1).mean(1) for one in several])
            for row, several in found.items()
        }
        means[CHANCE] = np.where(allowed, poses, 0.0).sum(1, keepdims=True).T / allowed.sum(1)
        chance, oracle = means[CHANCE].mean(), means[ORACLE].mean()
        metric = f"pose distance@{self.k}/torso"
        numbers, table, items = {}, [], []
        for row in (ORACLE, TRAINED, RANDOM, PIXELS, CHANCE):
            value, each = float(means[row].mean()), means[row].mean(1)
            spread = f" ± {each.std(ddof=1):.3f}" if len(each) > 1 else ""
            closed = float((chance - value) / (chance - oracle)) if chance > oracle else float("nan")
            numbers |= {f"{row}/{metric}": value, f"{row}/share of the way from chance to oracle": closed}
            table.append(
                {"row": row, metric: f"{value:.3f}{spread}", "way from chance to oracle": f"{100 * closed:.0f} %"}
            )
        for query in range(len(queries)):
            about = {"path": queries.paths[queries.video[query]], "time": round(float(queries.times[query]), 6)}
            items.append(about | {row: round(float(value[:, query].mean()), 4) for row, value in means.items()})
        gain = per_video(means[RANDOM].mean(0) - means[TRAINED].mean(0), queries.video)
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else float("nan")
        return Scores(
            title=f"Pose distance of the {self.k} nearest neighbours, in torso lengths (lower is better)",
            numbers=numbers
            | {f"random-trained/{metric}": float(gain.mean()), f"random-trained/{metric}/error": float(error)},
            protocol=self._protocol(encoder, queries, gallery),
            table=tuple(table),
            notes=(
                f"Trained neighbours are {gain.mean():.3f} ± {error:.3f} torso lengths nearer in pose than random "
                f"ones (mean and standard error over {len(gain)} query videos).",
                f"Any frame of another video is {chance:.3f} away; the nearest poses there are, {oracle:.3f}.",
            ),
            tables={"items": items},
            pictures={"neighbours": self._sheet(found, poses, queries, gallery)},
        )

    def _sheet(self, found: dict[str, list[np.ndarray]], poses: np.ndarray, queries: People, gallery: People) -> Image:
        chosen = np.unique(np.linspace(0, len(queries) - 1, self.shown).round().astype(int))
        images = gallery.images.numpy()
        strips = [
            [
                Strip(row, images[found[row][0][query]], [f"{poses[query, one]:.2f}" for one in found[row][0][query]])
                for row in (RANDOM, TRAINED, PIXELS)
            ]
            for query in chosen
        ]
        title = "Nearest frames of other videos; below each the distance of its pose in torso lengths"
        return contact_sheet(queries.images.numpy()[chosen], strips, title)

    def _protocol(self, encoder: Encoder, queries: People, gallery: People) -> dict[str, Any]:
        return {
            "encoder": type(encoder).__name__,
            "weights": digest(encoder),
            "layer": self.layer,
            "k": self.k,
            "similarity": "cosine, the gallery's mean taken out",
            "excluded": "the query's own video",
            "query pictures": len(queries),
            "query videos": len(queries.paths),
            "gallery pictures": len(gallery),
            "gallery videos": len(gallery.paths),
            "picture": "{}x{} after a cut of {} px on each side".format(*queries.images.shape[-2:], self.margin),
            "pose distance": "mean over joints, each pose about its own middle, in torso lengths of the query",
            "normaliser": f"torso: {' and '.join(map(' + '.join, self.skeleton.torso))}",
            "random": f"{self.initialisations} initialisations, batch statistics of the gallery",
            "seed": self.seed,
            "unreadable videos": sorted({failure["path"] for failure in (*queries.failures, *gallery.failures)}),
            "torch": torch.__version__,
        }
