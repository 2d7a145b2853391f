"""Finding by how much sound was moved against the picture.

Chung and Zisserman, "Out of Time: Automated Lip Sync in the Wild", ACCV Workshops 2016, section 4 (the offset at which
sound and picture are nearest, averaged over a stretch of video); AVTS, NeurIPS 2018, https://arxiv.org/abs/1807.00230.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avssl.config import ConfigError, describe
from avssl.data import Dataset
from avssl.evaluation.base import MethodEvaluator
from avssl.evaluation.sound.clips import following, score_numbered
from avssl.evaluation.sound.fresh import untrained
from avssl.features.runs import FreshMethod
from avssl.methods import Method
from avssl.methods.base import Batch
from avssl.methods.recordings import recordings_of
from avssl.methods.sound.base import PairScorer
from avssl.methods.sound.pairs import pairs_of
from avssl.metrics import offsets
from avssl.report.scores import RANDOM, TRAINED, Scores
from avssl.training.feed import batches_of, is_empty, single_process

OTHER = "sound of another recording"


@dataclass(frozen=True, eq=False, kw_only=True)
class Stretches:
    """Recordings cut into clips at even steps, each with its window of sound.

    Args:
        frames: uint8 ``(recordings, clips, frames, 3, H, W)``.
        sound: float32 ``(recordings, clips, channels, samples)``.
        step: seconds from a clip to the next.
        paths: of the recordings.
        recording: a number for each, ``(recordings,)``, the same for several items of one file or group.
        silent: recordings left out because a window is silent.
        failures: recordings that could not be read.
    """

    frames: Tensor
    sound: Tensor
    step: float
    paths: list[str]
    recording: Tensor
    silent: int
    failures: list[dict[str, str]]

    def __len__(self) -> int:
        return len(self.paths)


class Offsets(MethodEvaluator):
    """Share of held-out recordings for which a method finds by how much the sound was moved.

    Scores: ``found``, a share in [0, 1]; ``error``, the mean distance from the true offset in seconds.

    Each recording is cut into clips at even steps; a candidate offset is scored by the mean score of the same middle
    clips with the windows so many steps later, so that no candidate has more or other pictures than another. The offset
    is found if the best one is within ``tolerance`` steps of the recording's own. A method sees pairs alone, so it
    cannot know which candidate that is. ``sound of another recording`` plays that, as long, at the same places:
    what is found there is no synchrony.

    Args:
        data: recordings with sound, a sampler with several clips at even steps.
        reach: steps that the sound is moved by, at most, earlier and later.
        tolerance: steps.
        items: recordings at most, spread evenly; None for all.
        initialisations: random ones to compare with.
        seed: of what is drawn.
        workers: processes that load.
    """

    name = "eval_sync"
    truths = ("sound", "video")
    needs = PairScorer
    lacks = "does not score pairs of picture and sound; ask AVTS or AVE"

    def __init__(
        self,
        data: Dataset,
        reach: int = 4,
        tolerance: int = 0,
        items: int | None = 200,
        initialisations: int = 1,
        seed: int = 0,
        workers: int = 2,
    ):
        if reach < 1 or tolerance < 0 or initialisations < 1:
            raise ValueError(
                f"needs reach and initialisations >= 1 and tolerance >= 0; got {reach}, {initialisations}, {tolerance}"
            )
        self.data, self.reach, self.tolerance, self.items = data, reach, tolerance, items
        self.initialisations, self.seed, self.workers = initialisations, seed, workers

    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        self.require(method)
        assert isinstance(method, PairScorer)
        heard = self.cut(method.sound.spec.rate)
        others = following(heard.recording, torch.arange(len(heard)).flip(0))  # the one before, in a ring
        curves = {
            TRAINED: [self.curves(method, heard, device)],
            OTHER: [self.curves(method, heard, device, heard.sound[others])],
            RANDOM: [],
        }
        for one in range(self.initialisations):
            random = untrained(fresh, self.seed + one, heard.frames[:, 0], heard.sound[:, 0], device)
            assert isinstance(random, PairScorer)
            curves[RANDOM].append(self.curves(random, heard, device))
        return self.scores(curves, heard, method)

    def cut(self, rate: int) -> Stretches:
        """Return the recordings in clips."""
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        paths: list[str] = []
        recording: list[Tensor] = []
        failures: list[dict[str, str]] = []
        silent = 0
        for batch in batches_of(single_process("cpu"), self.data, 0, self.items, 8, self.workers):
            failures += batch["failures"]
            if is_empty(batch):
                continue
            numbers = recordings_of(batch)
            for number, (path, quiet, times, frames, sound) in zip(numbers, rows_of(batch, rate), strict=True):
                silent += quiet
                if not quiet:
                    found.append((times, frames, sound))
                    paths.append(path)
                    recording.append(number)
        if len(set(map(int, recording))) < 2:
            why = f"; the first that cannot be read: {failures[0]['error']}" if failures else ""
            raise ConfigError(f"evaluator.data: fewer than two recordings can be heard throughout{why}")
        times, frames, sound = (torch.stack(parts) for parts in zip(*found, strict=True))
        return Stretches(
            frames=frames,
            sound=sound,
            step=even(times, self.reach),
            paths=paths,
            recording=torch.stack(recording),
            silent=silent,
            failures=failures,
        )

    def curves(self, method: PairScorer, heard: Stretches, device: str, sound: Tensor | None = None) -> np.ndarray:
        """Return the mean score of each offset, ``(recordings, 2 * reach + 1)``."""
        sound = heard.sound if sound is None else sound
        rows, moves = offsets.middle(heard.frames.shape[1], self.reach), np.arange(-self.reach, self.reach + 1)
        seen, played = torch.arange(len(rows)).repeat_interleave(len(moves)), (rows[:, None] + moves).ravel()
        pairs, key = (seen, torch.from_numpy(played)), torch.zeros(len(rows), 1, dtype=torch.int64)
        curves = []
        for pictures, sounds in zip(heard.frames, sound, strict=True):
            scores = score_numbered(method, (pictures[rows], sounds), pairs, key, device)
            curves.append(scores.view(len(rows), -1).mean(0).numpy())
        return np.stack(curves)

    def scores(self, curves: Mapping[str, list[np.ndarray]], heard: Stretches, method: Method) -> Scores:
        true = np.full(len(heard), self.reach)
        numbers, table = {}, []
        for row in (RANDOM, OTHER, TRAINED):
            several = [offsets.measures(one, true, self.tolerance, heard.step) for one in curves[row]]
            means = {name: float(np.mean([one[name] for one in several])) for name in several[0]}
            numbers |= {f"{row}/{name}": value for name, value in means.items()}
            table.append({"row": row, "found": f"{means['found']:.3f}", "mean error, s": f"{means['error']:.3f}"})
        chance = offsets.chance(self.reach, self.tolerance, heard.step)
        table.insert(0, {"row": "chance", "found": f"{chance['found']:.3f}", "mean error, s": f"{chance['error']:.3f}"})
        numbers |= {f"chance/{name}": value for name, value in chance.items()}
        moves = heard.step * np.arange(-self.reach, self.reach + 1)
        items = [
            {"path": path, **{f"{move:+.3f} s": float(score) for move, score in zip(moves, curve, strict=True)}}
            for path, curve in zip(heard.paths, curves[TRAINED][0], strict=True)
        ]
        protocol: dict[str, Any] = {
            "data": describe(self.data),
            "recordings": len(heard),
            "offsets": f"{2 * self.reach + 1}, {heard.step:.3f} s apart",
            "clips": f"{len(offsets.middle(heard.frames.shape[1], self.reach))} a recording, the same for all offsets",
            "tolerance": f"{self.tolerance} steps",
            "method": type(method).__name__,
            "seed": self.seed,
        }
        notes = (
            f"{heard.silent} recordings with a silent window were left out; {len(heard.failures)} could not be read.",
            "Sounds of other recordings have no true offset: more than chance there is something else than synchrony.",
        )
        return Scores(
            title="By how much the sound was moved",
            numbers=numbers,
            protocol=protocol,
            table=tuple(table),
            notes=notes,
            tables={"items": items},
        )


def rows_of(batch: Batch, rate: int) -> Iterator[tuple[str, bool, Tensor, Tensor, Tensor]]:
    """Yield of each recording of a batch: path, whether a window is silent, times, frames and sound."""
    try:
        pairs = pairs_of(batch, (), train=False, rate=rate)
    except ValueError as error:
        raise ConfigError(f"evaluator.data: {error}") from error
    quiet = ~pairs.heard.view(len(batch["path"]), -1).all(1)
    yield from zip(batch["path"], quiet.tolist(), batch["times"][..., 0], batch["frames"], batch["sound"], strict=True)


def even(times: Tensor, reach: int) -> float:
    """Return the seconds between clips, ``(recordings, clips)``.

    Raises:
        ConfigError: if there are too few clips, or their steps differ.
    """
    if times.shape[1] < 2 * reach + 1:
        raise ConfigError(
            f"evaluator.data: moving sound by {reach} steps needs at least {2 * reach + 1} clips a recording, got "
            f"{times.shape[1]}: set the sampler's count"
        )
    steps = times.double().diff(dim=1)
    step = float(steps.median())
    if step <= 0 or bool(((steps - step).abs() > 0.1 * step).any()):
        raise ConfigError(
            f"evaluator.data: clips must stand at even steps, got {float(steps.min()):.3f} to {float(steps.max()):.3f} "
            "s: choose a count that divides the frames between the first clip and the last"
        )
    return step
