"""Surface normals: which way the surface behind each pixel faces, by a small head on the maps of an encoder.

As a test of pretext tasks: Wang and Gupta, "Unsupervised Learning of Visual Representations using Videos", ICCV 2015,
and Goyal et al., "Scaling and Benchmarking Self-Supervised Visual Representation Learning", ICCV 2019. Departure: the
head gives the normal itself and learns by the cosine, where they choose among 20 or 40 directions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.base import Evaluator
from avssl.evaluation.dense.fitting import Fitting
from avssl.evaluation.dense.pixels import NORMALS, Task
from avssl.evaluation.dense.pixelwise import pixel_trials
from avssl.evaluation.dense.plan import Plan, Tuning
from avssl.evaluation.dense.sides import scan
from avssl.evaluation.dense.trials import Groups, Trial, Weighed, differences, grouped, item_rows, notes
from avssl.evaluation.side_by_side import Workers
from avssl.features.cache import digest
from avssl.features.runs import Fresh
from avssl.metrics import normals
from avssl.nets import Encoder
from avssl.report import overlays as drawing
from avssl.report.comparison import Metric, by_metric, difference_numbers, group_at, numbers_of, table_of
from avssl.report.scores import PIXELS, Scores

METRICS = (
    Metric(name="mean", column="mean", unit="degrees (less is better)", spread=True),
    Metric(name="median", column="median"),
    Metric(name="rmse", column="RMSE"),
    *(Metric(name=f"within {limit:g}", column=f"≤ {limit:g}", scale=100) for limit in normals.LIMITS),
)
BIN = 0.1  # degrees: the median over all test pixels is taken of a histogram so fine, straight within a bin
MEAN_NORMAL = "mean normal"


class Normals(Evaluator):
    """Angles between true and found normals of pixels, by heads on the encoder that learn from known ones.

    Scores: ``mean``, ``median`` and ``rmse`` of the angle in degrees; ``within 11.25``, ... , shares in [0, 1].

    Every row has the same pictures, steps, rates and seeds. Rows:

    - ``trained``: the encoder;
    - ``random``: its architecture with initial weights, another initialisation for each seed, batch statistics
      calibrated on the training pictures;
    - ``pixels``: no encoder: the same head on each pixel's colours, its place, and their products;
    - ``mean normal``: that of the training pictures, for every pixel: the level of chance;
    - one for each of ``extra``.

    Pixels whose normal nobody knows (0) do not count.

    Args:
        train: pictures with ``normals`` to learn from.
        test: pictures that no normal is learned from; each is scored whole, in the size it is given in.
        layers: maps of the encoder that the head reads, their outputs added; None takes the deepest of more
            than one cell.
        hidden: channels of a 3x3 convolution in the head; 0 for a linear head.
        tuning: how the encoder is used: ``"frozen"``, ``"fine-tuned"``, or both.
        seeds: fits of each row, at least 3 to say how sure a difference is.
        pictures: learn from so many training pictures, drawn anew for each seed; None for all.
        fitting: the schedule.
        extra: further rows, from a name to the folder of a run or a file of weights.
        seed: fixes draws, initialisations and fits.
        num_shown: how many test pictures are drawn.
        workers: processes that train networks on a CPU, see `avssl.evaluation.side_by_side.do_all`; 0 for this one
            alone. What is found does not depend on it.
        quiet: show no progress.
    """

    name = "eval_normals"
    truths = ("normals",)
    takes = ("pictures",)

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        layers: Sequence[str] | None = None,
        hidden: int = 0,
        tuning: Sequence[Tuning] = ("frozen",),
        seeds: int = 3,
        pictures: int | None = None,
        fitting: Fitting | None = None,
        extra: Mapping[str, str] | None = None,
        seed: int = 0,
        num_shown: int = 6,
        workers: Workers = "auto",
        quiet: bool = False,
    ):
        self.hidden = hidden
        self.plan = Plan(
            train=train,
            test=test,
            layers=layers,
            tuning=tuning,
            seeds=seeds,
            pictures=pictures,
            fitting=fitting or Fitting(),
            extra=dict(extra or {}),
            seed=seed,
            num_shown=num_shown,
            workers=workers,
            quiet=quiet,
        )

    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        plan = self.plan
        plan.check(encoder)
        total = np.sum(scan(plan.train, NORMALS, "training", lambda item: item[NORMALS].double().sum((1, 2)).numpy(),
                            plan.quiet), 0)  # fmt: skip
        if not total.any():
            raise ConfigError("no training pixel has a known normal; all of them are 0")
        rows = scan(plan.test, NORMALS, "test", lambda item: (item["path"], item["group"]), plan.quiet)
        start = torch.from_numpy(total / np.linalg.norm(total)).float()
        trials = pixel_trials(plan, Directions(), self.hidden, (MEAN_NORMAL, start), encoder, fresh, folder, device)
        return self._scores(trials, rows, encoder)

    def _scores(self, trials: list[Trial], rows: Sequence[tuple[str, str]], encoder: Encoder) -> Scores:
        groups = grouped(trials)
        scores = {
            group: by_metric([measured(trial.found["stats"]) for trial in each]) for group, each in groups.items()
        }
        found = differences(groups, weighed, np.array([group for _, group in rows]))
        level = scores[group_at(MEAN_NORMAL, encoder="")]["mean"].mean()
        return Scores(
            title="Surface normals: angles between found and true ones in degrees; in % those of at most so many",
            numbers=numbers_of(scores) | difference_numbers(found, "mean"),
            protocol=self.plan.protocol()
            | {
                "encoder": type(encoder).__name__,
                "weights": digest(encoder),
                "layers": ", ".join(self.plan.layers or ["the deepest map of more than one cell"]),
                "head": f"3x3 of {self.hidden} channels, then linear" if self.hidden else "linear",
                "loss": "1 - cosine, mean over pixels with a known normal",
                "score": f"over all test pixels with a known normal together; median to {BIN} degrees",
                "picture": "whole, one scale, each pixel of the truth",
            },
            table=table_of(scores, METRICS),
            notes=(
                *notes(found, METRICS[0]),
                f"Chance scores {level:.1f} degrees: the {MEAN_NORMAL} of the training pictures. A "
                f"random direction: 90. Colours and places alone: the row {PIXELS}.",
            ),
            tables={"items": item_rows(trials, [path for path, _ in rows], of_items)},
            pictures={
                f"normals_{tuning}": self._draw(groups, tuning)
                for tuning in (self.plan.tuning if self.plan.num_shown else ())
            },
        )

    def _draw(self, groups: Groups, tuning: str) -> Image:
        plan = self.plan
        items = [(index, plan.test[0, index]) for index in plan.drawn]
        items = [(index, item) for index, item in items if "failure" not in item]
        lines = {
            "picture": [item["frames"][0, 0].permute(1, 2, 0).numpy() for _, item in items],
            "truth": [drawing.directions(item[NORMALS].numpy()) for _, item in items],
        }
        for group, trials in groups.items():
            if group["encoder"] == tuning or group.row == PIXELS:
                lines[group.row] = [drawing.directions(trials[0].found[f"answer {index}"]) for index, _ in items]
        return drawing.sheet(lines, f"{tuning}, first seed: red to the right, green up, blue to the camera")


class Directions(Task):
    """Normals of pixels: one less the cosine, over the pixels whose normal is known.

    ``measure`` gives how many pixels of a picture have each angle, in bins of `BIN` degrees, and ahead of that the sums
    that need no bins: pixels, angles, squared angles, and pixels within each limit.
    """

    truth = NORMALS
    outputs = 3

    def loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        known = (truth != 0).any(1)
        unlike = 1 - (F.normalize(predicted, dim=1) * truth).sum(1)
        return (unlike * known).sum() / known.sum().clamp(min=1)

    def measure(self, predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
        known = (truth != 0).any(0)
        errors = normals.angles(predicted.transpose(1, 2, 0)[known], truth.transpose(1, 2, 0)[known])
        errors = np.where(np.isnan(errors), 180.0, errors)  # nothing is predicted: as wrong as can be
        bins = np.bincount((errors / BIN).astype(int).clip(0, round(180 / BIN) - 1), minlength=round(180 / BIN))
        inside = [(errors <= limit).sum() for limit in normals.LIMITS]
        return np.concatenate([[len(errors), errors.sum(), (errors**2).sum(), *inside], bins]).astype(np.float32)

    def answer(self, predicted: np.ndarray) -> np.ndarray:
        return predicted / np.maximum(np.linalg.norm(predicted, axis=0), 1e-9)


SUMS = 3 + len(normals.LIMITS)  # numbers before the bins


def measured(stats: np.ndarray) -> dict[str, float]:
    """Return the scores of pictures together, from `Directions.measure` of each, ``(pictures, numbers)``."""
    total = stats.astype(np.float64).sum(0)
    pixels = total[0]
    bins = total[SUMS:]
    reached = np.cumsum(bins)
    half = int(np.searchsorted(reached, pixels / 2))
    within_bin = (pixels / 2 - (reached[half] - bins[half])) / bins[half]
    names = [f"within {limit:g}" for limit in normals.LIMITS]
    return {
        "mean": float(total[1] / pixels),
        "median": float((half + within_bin) * BIN),
        "rmse": float(np.sqrt(total[2] / pixels)),
    } | {name: float(value / pixels) for name, value in zip(names, total[3:SUMS], strict=True)}


def weighed(trial: Trial) -> Weighed:
    """Return what gives the mean angle when pictures count several times."""
    sums = trial.found["stats"][:, :2].astype(np.float64)
    return lambda weights: (weights @ sums[:, 1]) / (weights @ sums[:, 0])


def of_items(trial: Trial) -> dict[str, np.ndarray]:
    """Return each picture's own mean and share within the least limit; NaN where no normal is known."""
    stats = trial.found["stats"].astype(np.float64)
    pixels = np.where(stats[:, 0] > 0, stats[:, 0], np.nan)
    return {"mean": stats[:, 1] / pixels, f"within {normals.LIMITS[0]:g}": stats[:, 3] / pixels}
