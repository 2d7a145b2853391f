"""All fits of a task on pixels: every encoder, colours and places alone, and one constant for everything."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avssl.evaluation.dense.pixels import ColorsAndPlace, Constant, Task, fit, score
from avssl.evaluation.dense.plan import Plan, cached, fit_all
from avssl.evaluation.dense.trials import Trial
from avssl.features.cache import FeatureCache, digest
from avssl.features.layers import last_map
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.report.scores import PIXELS


def pixel_trials(
    plan: Plan,
    task: Task,
    hidden: int,
    constant: tuple[str, Tensor],
    encoder: Encoder,
    fresh: Fresh | None,
    folder: Path | None,
    device: str,
) -> list[Trial]:
    """Fit and score every row.

    Args:
        plan: rows, seeds, data.
        task: what is predicted for each pixel.
        hidden: see `PixelNet`.
        constant: name of the row that predicts the same for every pixel, and what, ``(outputs,)``; the fits start
            from it.
        encoder: what is scored.
        fresh: makes it with initial weights.
        folder: where results are kept.
        device: where networks run.

    Returns:
        Trials whose ``found`` holds ``"stats"`` and the answers that are drawn, see `score`.
    """
    cache, where = FeatureCache(folder), torch.device(device)
    rows = {PIXELS: [ColorsAndPlace()], **plan.rows(encoder, fresh, device)}
    names = [*(f"answer {index}" for index in plan.drawn), "stats"]
    row, start = constant
    layers = list(plan.layers or [last_map(encoder.to(where), plan.pool)])
    about = {"task": task.truth, "layers": layers, "hidden": hidden, "start": digest(start), "device": where.type}
    key = plan.key(about)

    work = PixelWork(plan=plan, task=task, start=start, hidden=hidden, layers=layers, device=where)
    trials = fit_all(rows, plan, work, names, key, cache, where)
    own = None if key is None else {**key, "row": row}
    found = cached(cache, own, names, lambda: score(Constant(start), task, plan.test, plan.drawn, where))
    return [Trial(row=row, tuning="", seed=0, found=found), *trials]


@dataclass(frozen=True, eq=False, kw_only=True)
class PixelWork:
    """Fits an encoder and scores it, in any process."""

    plan: Plan
    task: Task
    start: Tensor
    hidden: int
    layers: Sequence[str]
    device: torch.device

    def __call__(self, copy: Encoder, freeze: bool, seed: int) -> dict[str, np.ndarray]:
        plan, maps = self.plan, [PIXELS] if isinstance(copy, ColorsAndPlace) else self.layers
        network = fit(copy, self.task, self.start, plan.train, plan.chosen(seed), maps, self.hidden, plan.fitting,
                      freeze, plan.seed + seed, self.device)  # fmt: skip
        return score(network, self.task, plan.test, plan.drawn, self.device)
