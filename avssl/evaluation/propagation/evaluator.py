"""Labels of first frames, propagated through videos by features alone: masks, points and classes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import WithMethod
from avssl.evaluation.baselines import pool_of
from avssl.evaluation.propagation.adaptation import Adapt
from avssl.evaluation.propagation.clips import Clip, each_video, read_clip
from avssl.evaluation.propagation.maps import LayerMaps
from avssl.evaluation.propagation.pictures import shown_frames, strip
from avssl.evaluation.propagation.results import write_masks
from avssl.evaluation.propagation.rows import Carried, Member, adapted_beside, carry, rows_of, score, trained_of
from avssl.evaluation.propagation.scoring import VideoScore, stretches
from avssl.evaluation.propagation.tables import Found, notes_of, numbers_of, pictures_of, table_of, tables_of
from avssl.features.cache import FeatureCache, digest
from avssl.features.propagation.settings import preset_of
from avssl.features.runs import Fresh
from avssl.methods import Method
from avssl.nets import Encoder
from avssl.report.scores import Scores


class LabelPropagation(WithMethod):
    """Scores what an encoder's maps find alike, by carrying the labels of each first frame through its video.

    Nothing is learned. Rows: ``copy`` (the labels of the first frame, where they were), ``colour`` (mean colours) and
    ``pixels`` (windows of several sides) propagated the same way, ``random`` (initial weights, batch statistics of the
    data; several initialisations), ``trained``, and further runs or encoders; with ``adapt`` a row ``adapted``: the
    trained weights after a few steps of the method's own loss on each video. A row below ``copy`` or ``pixels`` has
    learned no correspondence that a picture's own pixels do not have.

    Columns: J and F of objects as the official tool of DAVIS counts them, and of all objects of a video together; PCK
    of points, in 0.6 of the diagonal of their box, a lost one wrong; by how many frames have passed. With ``classes``
    the mean IoU of one table of all frames instead, as of VIP.

    Args:
        data: videos, of each the first clip, with masks (``Videos`` with ``masks: true``) or key points.
        pool: data that random rows take their batch statistics of; None for ``data``.
        preset: how labels are propagated: ``ours``, or what authors' evaluators do, see
            `avssl.features.propagation.settings`: ``crw``, ``vfs``, ``dino``, ``uvc``, ``timecycle``, ``mast``.
        context: recent frames that a frame looks at, in place of the preset's.
        k: cells that a cell takes its label from, likewise.
        temperature: likewise.
        radius: in pixels of what encoders see, likewise.
        short: shorter side of what encoders see, in pixels, likewise.
        objects: numbers of the masks that make one object each; None takes each number as an object.
        classes: of masks that paint classes, how many with the background; None for objects.
        thresholds: of PCK.
        layer: of the encoder, its runs and its random rows; None for the deepest map of more than one cell.
        windows: sides of windows of pixels; None for one and two strides of the trained map, and its receptive field.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file of weights of the same architecture.
        others: further rows of other encoders, from a name to the encoder, such as ``{name: TimmEncoder, model:
            resnet18, pretrained: true}``.
        layers: of single rows, from the name of the row.
        adapt: steps on each video, for a run with its checkpoint, such as ``{steps: 20}``; None for no such row.
        horizons: frames at which a new stretch starts, counted from the first frame.
        results: folder for masks as palette PNGs, ``<row>/<video>/<frame>.png``, as the official tool of DAVIS takes
            them; None writes none.
        batch: frames a pass.
        multiple: pictures are filled up to a multiple of this, for encoders that need it.
        num_shown: videos that are drawn.
        seed: of the first random initialisation.
        quiet: show no progress.
    """

    name = "eval_propagation"
    truths = ("masks",)
    takes = ("pictures",)

    def __init__(
        self,
        data: Dataset,
        pool: Dataset | None = None,
        preset: str = "ours",
        context: int | None = None,
        k: int | None = None,
        temperature: float | None = None,
        radius: float | None = None,
        short: int | None = None,
        objects: Sequence[Sequence[int]] | None = None,
        classes: int | None = None,
        thresholds: Sequence[float] = (0.1, 0.2),
        layer: str | None = None,
        windows: Sequence[int] | None = None,
        initialisations: int = 3,
        extra: Mapping[str, str] | None = None,
        others: Mapping[str, Encoder] | None = None,
        layers: Mapping[str, str] | None = None,
        adapt: Adapt | None = None,
        horizons: Sequence[int] = (1, 6, 16),
        results: str | Path | None = None,
        batch: int = 16,
        multiple: int = 1,
        num_shown: int = 3,
        seed: int = 0,
        quiet: bool = False,
    ):
        if min(initialisations, batch, multiple) < 1 or num_shown < 0 or not thresholds or min(thresholds) <= 0:
            raise ConfigError("initialisations, batch and multiple are at least 1, thresholds above 0")
        self.settings = preset_of(preset, context=context, k=k, temperature=temperature, radius=radius, short=short)
        self.data, self.pool, self.preset, self.objects, self.classes = data, pool, preset, objects, classes
        self.thresholds, self.layer, self.windows = tuple(thresholds), layer, windows
        self.initialisations, self.extra, self.others, self.layers = initialisations, extra, others or {}, layers or {}
        self.adapt, self.needs_method = adapt, adapt is not None
        self.horizons = stretches(horizons)
        self.results = None if results is None else Path(results)
        self.batch, self.multiple, self.num_shown = batch, multiple, num_shown
        self.seed, self.quiet = seed, quiet

    def __call__(
        self,
        encoder: Encoder,
        fresh: Fresh | None = None,
        folder: Path | None = None,
        device: str = "cpu",
        method: Method | None = None,
    ) -> Scores:
        pool = pool_of(self.pool or self.data, 96, crop="common")
        rows = rows_of(
            encoder, pool, self.settings, fresh, device, self.initialisations, self.seed, self.extra, self.others,
            self.layer, self.layers, self.windows, self.multiple,
        )  # fmt: skip
        if self.adapt is not None:
            rows = adapted_beside(rows, method, self.adapt, self.settings, device, self.multiple)
        found = self._propagated(rows, FeatureCache(folder), device)
        return Scores(
            title="Labels of first frames, propagated",
            numbers=numbers_of(found, self.thresholds, self.horizons),
            protocol=self._protocol(trained_of(rows), found),
            table=table_of(found, self.thresholds, self.horizons),
            notes=tuple(notes_of(found, self.thresholds, self.horizons, self.settings)),
            tables=tables_of(found, self.thresholds, self.horizons),
            pictures=pictures_of(found, self.thresholds[0]) | found.strips,
        )

    def _propagated(self, rows: Mapping[str, list[Member]], cache: FeatureCache, device: str) -> Found:
        """Return the scores of all videos; one video is in memory at a time."""
        found = Found(scores={name: [[] for _ in members] for name, members in rows.items()})
        labels = ""
        for index, clip, drawn in each_video(
            self.data,
            lambda index: read_clip(self.data, index, self.objects),
            found.failures, "propagating", "scored", self.num_shown, self.quiet,
        ):  # fmt: skip
            labels = labels or clip.labels
            if clip.labels != labels:
                found.failures.append({"path": clip.path, "error": f"it has {clip.labels}, the first has {labels}"})
                continue
            found.paths.append(clip.path)
            found.groups.append(clip.group)
            found.lengths.append(len(clip.frames))
            shown: dict[str, Carried] = {}
            for name, members in rows.items():
                for number, one in enumerate(members):
                    first = number == 0
                    seen = self._scored(one, clip, cache, device, name if first else None, first and drawn)
                    found.scores[name][number].append(seen[0])
                    if seen[1] is not None:
                        shown[name] = seen[1]
            if shown:
                found.strips[f"strip_{index}"] = strip(clip, shown, Path(clip.path).stem)
        return found

    def _scored(
        self, one: Member, clip: Clip, cache: FeatureCache, device: str, name: str | None, drawn: bool
    ) -> tuple[VideoScore, Carried | None]:
        """Return the scores of a member on a video, from the cache where nothing is to be drawn or written."""
        objects = self.classes - 1 if self.classes is not None else 0 if clip.masks is None else clip.objects
        key = {
            "member": one.about,
            "clip": digest(*(part for part in (clip.frames, clip.masks, clip.points) if part is not None)),
            "settings": repr(self.settings),
            "multiple": self.multiple,
            "classes": self.classes,
            "device": torch.device(device).type,
        }
        masks = "regions" if self.classes is None else "tables"
        needed = ((masks, clip.masks), ("far", clip.points), ("adapted", one.adapter))
        parts = [part for part, there in needed if there is not None]
        writes = name is not None and self.results is not None and clip.masks is not None
        if not drawn and not writes and all(cache.has(key | {"part": part}) for part in parts):
            return VideoScore(**{part: cache.get(key | {"part": part}) for part in parts}), None
        own, adapted = one.on(clip)
        labels = carry(own, clip, self.settings, objects, self.batch, self.multiple)
        scores = replace(score(labels, clip, objects, self.classes), adapted=adapted)
        for part in parts:
            cache.put(key | {"part": part}, getattr(scores, part))
        if writes:
            assert self.results is not None and name is not None and labels.masks is not None
            write_masks(self.results / name.replace(" ", "_") / Path(clip.path).stem, labels.masks, clip.names)
        times = shown_frames(len(clip.frames))
        kept = Carried(
            masks=None if labels.masks is None else labels.masks[times],
            points=None if labels.points is None else labels.points[times],
        )
        return scores, kept if drawn else None

    def _protocol(self, trained: LayerMaps, found: Found) -> dict[str, Any]:
        return {
            "data": describe(self.data),
            "videos": len(found.paths),
            "frames": f"{min(found.lengths)} to {max(found.lengths)}",
            "propagation": asdict(self.settings),
            "layer": trained.layer,
            "encoder": type(trained.encoder).__name__,
            "weights": digest(trained.encoder),
            "objects": None if self.objects is None else [list(one) for one in self.objects],
            "classes": self.classes,
            "points": "0.6 of the diagonal of the box of the points; lost ones are wrong",
            "frames that count": "J, F: all but the first and the last; points and classes: all but the first",
            "random": f"{self.initialisations} initialisations, batch statistics of "
            f"{'the data' if self.pool is None else 'a pool of other data'}",
            "adapted": None if self.adapt is None else asdict(self.adapt),
            "seed": self.seed,
        }
