"""A score of real films that needs no labels: the colours of first frames, carried through grey films."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.baselines import pool_of
from avssl.evaluation.propagation.clips import Clip, each_video, read_clip
from avssl.evaluation.propagation.colours import Coloured, carry_colours, grey
from avssl.evaluation.propagation.film_tables import Films, curves_of, notes_of, numbers_of, table_of, videos_of
from avssl.evaluation.propagation.maps import LayerMaps
from avssl.evaluation.propagation.pictures import coloured_strip
from avssl.evaluation.propagation.rows import COLOUR, Member, rows_of, trained_of
from avssl.evaluation.propagation.scoring import stretches
from avssl.features.cache import FeatureCache, digest
from avssl.features.propagation.settings import preset_of
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.report.scores import Scores


class ColourPropagation(Evaluator):
    """How far carried colours are from the true ones, in films that nobody labelled; less is better.

    Every row sees grey frames. The colours of the first one, two opponent colours a cell (red less green, and their
    mean less blue), are carried to all others, and compared with those that are there. ``error`` is the mean absolute
    difference, of pixels in [0, 1], over cells whose brightness differs by more than ``change`` from the first frame's:
    elsewhere copying is right whatever was learned. Videos weigh alike. A still camera is kind to ``copy``.

    Rows: ``copy``; ``pixels`` (grey windows of several sides); ``random`` (initial weights, batch statistics of grey
    frames); ``trained``; further runs.

    Args:
        data: videos, of each the first clip.
        pool: data that random rows take their batch statistics of; None for ``data``.
        context: recent frames that a frame looks at; None for that of the preset ``ours`` of `LabelPropagation`.
        radius: in pixels of what encoders see, likewise.
        short: shorter side of what encoders see, in pixels, likewise.
        change: of brightness in [0, 1], from which on a cell counts.
        layer: of the encoder, its runs and its random rows; None for the deepest map of more than one cell.
        windows: sides of windows of pixels; None for one and two strides of the trained map, and its receptive field.
        initialisations: of the random row.
        extra: further rows, from a name to the folder of a run or a file of weights of the same architecture.
        horizons: frames at which a new stretch starts, counted from the first frame.
        batch: frames a pass.
        num_shown: videos that are drawn.
        seed: of the first random initialisation.
        quiet: show no progress.

    Raises:
        ConfigError: for numbers that cannot be, or, when called, where no video can be scored.
    """

    name = "eval_colours"
    truths = ("video",)
    asks = "Carry the colours of first frames into grey ones"
    takes = ("pictures",)

    def __init__(
        self,
        data: Dataset,
        pool: Dataset | None = None,
        context: int | None = None,
        radius: float | None = None,
        short: int | None = None,
        change: float = 0.06,
        layer: str | None = None,
        windows: Sequence[int] | None = None,
        initialisations: int = 3,
        extra: Mapping[str, str] | None = None,
        horizons: Sequence[int] = (1, 6, 16),
        batch: int = 16,
        num_shown: int = 3,
        seed: int = 0,
        quiet: bool = False,
    ):
        if min(initialisations, batch) < 1 or num_shown < 0 or not 0 <= change < 1:
            raise ConfigError("initialisations and batch are at least 1, num_shown at least 0, change in [0, 1)")
        self.settings = preset_of("ours", context=context, radius=radius, short=short)
        self.data, self.pool, self.change, self.layer, self.windows = data, pool, change, layer, windows
        self.initialisations, self.extra, self.horizons = initialisations, extra, stretches(horizons)
        self.batch, self.num_shown, self.seed, self.quiet = batch, num_shown, seed, quiet

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        pool = pool_of(self.pool or self.data, 96, crop="common")
        rows = rows_of(
            encoder, grey(pool), self.settings, fresh, device, self.initialisations, self.seed, self.extra, {},
            self.layer, {}, self.windows, 1,
        )  # fmt: skip
        del rows[COLOUR]  # a grey mean tells less than any window
        found = self._carried(rows, trained_of(rows), FeatureCache(folder), device)
        return Scores(
            title="Colours of first frames, carried through grey films: error, less is better",
            numbers=numbers_of(found, self.horizons),
            protocol=self._protocol(trained_of(rows), found),
            table=tuple(table_of(found, self.horizons)),
            notes=tuple(notes_of(found, self.change)),
            tables={"videos": list(videos_of(found))},
            pictures=curves_of(found) | found.strips,
        )

    def _carried(self, rows: Mapping[str, list[Member]], trained: LayerMaps, cache: FeatureCache, device: str) -> Films:
        """Return the errors of all videos; one video is in memory at a time."""
        found = Films(errors={name: [[] for _ in members] for name, members in rows.items()})
        cells = {"cells": digest(trained.encoder), "layer": trained.layer, "device": torch.device(device).type}
        for index, clip, drawn in each_video(
            self.data, self._film, found.failures, "carrying colours", "scored", self.num_shown, self.quiet
        ):
            found.paths.append(clip.path)
            found.groups.append(clip.group)
            shown: dict[str, Coloured] = {}
            for name, members in rows.items():
                for number, one in enumerate(members):
                    draws = drawn and number == 0
                    errors, carried = self._errors(one, clip.frames, trained, cells, cache, draws)
                    found.errors[name][number].append(errors)
                    shown |= {name: carried} if carried is not None else {}
            if shown:
                found.strips[f"strip_{index}"] = coloured_strip(clip.frames, shown, Path(clip.path).stem)
        return found

    def _film(self, index: int) -> Clip | dict[str, str]:
        clip = read_clip(self.data, index, None, labelled=False)
        if isinstance(clip, dict) or len(clip.frames) > 1:
            return clip
        return {"path": clip.path, "error": "it has a single frame, so that nothing can be carried"}

    def _errors(
        self, one: Member, frames: Tensor, trained: LayerMaps, about: dict[str, Any], cache: FeatureCache, draws: bool
    ) -> tuple[np.ndarray, Coloured | None]:
        """Return a member's errors on a video, kept where they are known, and the colours where they are drawn."""
        key = {"colours": one.about, "clip": digest(frames), "settings": repr(self.settings), "change": self.change}
        key |= about
        kept = None if draws else cache.get(key)
        if kept is not None:
            return kept, None
        carried, errors = carry_colours(one, trained, frames, self.settings, self.batch, self.change)
        cache.put(key, errors)
        return errors, carried if draws else None

    def _protocol(self, trained: LayerMaps, found: Films) -> dict[str, Any]:
        return {
            "data": describe(self.data),
            "videos": len(found.paths),
            "propagation": asdict(self.settings),
            "layer": trained.layer,
            "encoder": type(trained.encoder).__name__,
            "weights": digest(trained.encoder),
            "colours": "red less green, and their mean less blue, of cells; absolute differences, mean of both",
            "cells that count": f"brightness differs by more than {self.change:g} from the first frame's",
            "random": f"{self.initialisations} initialisations, batch statistics of grey frames",
            "seed": self.seed,
        }
