"""Boxes of first frames, followed by what an encoder's maps look like: success and precision, AO and SR."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import pool_of
from avssl.evaluation.propagation.clips import each_video
from avssl.evaluation.propagation.maps import LayerMaps
from avssl.evaluation.propagation.rows import members_of, trained_of
from avssl.evaluation.tracking.tables import Followed, notes_of, numbers_of, strip_of, table_of, tables_of
from avssl.evaluation.tracking.targets import read_targets
from avssl.evaluation.tracking.trackers import Tracker, trackers_of
from avssl.features.cache import FeatureCache, digest
from avssl.features.propagation.settings import preset_of
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.nets.follower import Follower
from avssl.report.scores import Scores


class BoxTracking(Evaluator):
    """Scores what an encoder's maps find again, by following the box of each first frame through its video.

    Nothing is learned beforehand. Rows: ``still`` (the box stays), a correlation filter on ``grey`` and ``RGB`` pixels,
    on the maps of ``random`` (initial weights, batch statistics of the data; several initialisations) and of
    ``trained``, and, called ``<row> masks``, the box as a mask that is propagated. Filters need fine maps: those of a
    stride above 2 lose to pixels on small boxes, whatever they have learned.

    Columns: success (the mean overlap over frames, then over targets) and precision (the share of frames whose middle
    is near enough), the first frame left out; the same as OTB counts them (21 thresholds, first frame counted: the
    truth has 20/21), and as GOT-10k does (AO, SR; all frames of all videos alike, boxes cut to the picture).

    Args:
        data: videos, of each the first clip, with ``tracks: true`` or, as the demo has, ``masks: true``.
        pool: data that random rows take their batch statistics of; None for ``data``.
        objects: of masks, the numbers that make one target each; None for each number.
        side: of masks, the box is a square of that side around their middle, in pixels; None for the box they fill.
        layer: of the encoder, its runs and its random rows; None for the deepest map of more than one cell.
        pixels: of precision.
        size: side that windows of filters are resampled to, in pixels.
        padding: how many times a window is as wide and as high as the box.
        sigma: of the wanted response, a share of the box's side.
        rate: share of each new frame in the filter.
        scales: sizes of the window that are tried, from frame to frame.
        preset: of propagation, see `avssl.features.propagation.settings`.
        context: recent frames that a frame looks at, in place of the preset's.
        radius: in pixels of what encoders see, likewise.
        short: shorter side of what encoders see, in pixels, likewise.
        masks: rows by propagated masks, too; at fine strides these take nearly all of the time.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file of weights of the same architecture.
        others: further rows of other encoders, from a name to the encoder.
        batch: frames a pass.
        multiple: pictures are filled up to a multiple of this, for encoders that need it.
        num_shown: videos that are drawn.
        seed: of the first random initialisation.
        quiet: show no progress.
    """

    name = "eval_tracking"
    truths = ("track",)
    takes = ("pictures",)

    def __init__(
        self,
        data: Dataset,
        pool: Dataset | None = None,
        objects: Sequence[Sequence[int]] | None = None,
        side: float | None = None,
        layer: str | None = None,
        pixels: float = 20.0,
        size: int = 125,
        padding: float = 3.0,
        sigma: float = 0.1,
        rate: float = 0.01,
        scales: Sequence[float] = (1 / 1.0275, 1.0, 1.0275),
        preset: str = "ours",
        context: int | None = None,
        radius: float | None = None,
        short: int | None = None,
        masks: bool = True,
        initialisations: int = 3,
        extra: Mapping[str, str] | None = None,
        others: Mapping[str, Encoder] | None = None,
        batch: int = 16,
        multiple: int = 1,
        num_shown: int = 3,
        seed: int = 0,
        quiet: bool = False,
    ):
        if min(initialisations, batch, multiple) < 1 or num_shown < 0 or pixels <= 0 or size < 4:
            raise ConfigError("initialisations, batch and multiple are at least 1, pixels above 0, size at least 4")
        if padding < 1 or sigma <= 0 or not 0 <= rate <= 1 or not scales or min(scales) <= 0:
            raise ConfigError(
                f"padding is at least 1, sigma and scales are above 0, rate is in [0, 1]; got {padding}, {sigma}, "
                f"{list(scales)} and {rate}"
            )
        self.settings = preset_of(preset, context=context, radius=radius, short=short)
        self.data, self.pool, self.objects, self.side, self.layer = data, pool, objects, side, layer
        self.pixels, self.padding = pixels, padding
        self.follower = Follower(
            features=torch.clone, size=size, sigma=sigma * size / padding, rate=rate, scales=tuple(scales)
        )
        self.masks = masks
        self.initialisations, self.extra, self.others = initialisations, extra, others or {}
        self.batch, self.multiple, self.num_shown = batch, multiple, num_shown
        self.seed, self.quiet = seed, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        rows, maps = self._rows(encoder, fresh, device)
        found = self._followed(rows, FeatureCache(folder), device)
        return Scores(
            title="Boxes of first frames, followed",
            numbers=numbers_of(found, self.pixels),
            protocol=self._protocol(maps, found),
            table=table_of(found, self.pixels),
            notes=tuple(notes_of(found, self.pixels)),
            tables=tables_of(found, self.pixels),
            pictures=found.strips,
        )

    def _rows(self, encoder: Encoder, fresh: Fresh | None, device: str) -> tuple[dict[str, list[Tracker]], LayerMaps]:
        pool = pool_of(self.pool or self.data, 96, crop="common")
        members = members_of(
            "BoxTracking", encoder, pool, fresh, device, self.initialisations, self.seed, self.extra, self.others,
            self.layer, {},
        )  # fmt: skip
        rows = trackers_of(
            members, self.follower, self.padding, self.settings, device, self.batch, self.multiple, self.masks
        )
        return rows, trained_of(members)

    def _followed(self, rows: Mapping[str, list[Tracker]], cache: FeatureCache, device: str) -> Followed:
        """Return the boxes of all videos; one video is in memory at a time."""
        found = Followed(boxes={name: [[] for _ in trackers] for name, trackers in rows.items()})
        for index, targets, drawn in each_video(
            self.data,
            lambda index: read_targets(self.data, index, self.objects, self.side),
            found.failures, "following", "followed", self.num_shown, self.quiet,
        ):  # fmt: skip
            found.add(targets)
            what = digest(targets.frames, targets.boxes)
            for name, trackers in rows.items():
                for number, tracker in enumerate(trackers):
                    key = {"tracker": tracker.about, "clip": what, "device": torch.device(device).type}
                    boxes = cache(key, lambda tracker=tracker, targets=targets: tracker(targets))
                    found.boxes[name][number].append(boxes)
            if drawn:
                found.strips[f"strip_{index}"] = strip_of(targets, {n: own[0][-1] for n, own in found.boxes.items()})
        return found

    def _protocol(self, maps: LayerMaps, found: Followed) -> dict[str, Any]:
        return {
            "data": describe(self.data),
            "videos": len(found.truth),
            "targets": sum(len(boxes) for boxes in found.truth),
            "objects": None if self.objects is None else [list(one) for one in self.objects],
            "side": self.side,
            "layer": maps.layer,
            "encoder": type(maps.encoder).__name__,
            "weights": digest(maps.encoder),
            "filter": {
                "size": self.follower.size, "sigma": self.follower.sigma, "rate": self.follower.rate,
                "scales": list(self.follower.scales), "penalty": self.follower.penalty, "padding": self.padding,
            },
            "propagation": asdict(self.settings),
            "frames that count": "all but the first; otb: all; got10k: all but the first, of all videos together",
            "random": f"{self.initialisations} initialisations",
            "seed": self.seed,
        }  # fmt: skip
