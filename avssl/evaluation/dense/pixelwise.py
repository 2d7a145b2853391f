"""All fits of a task on pixels: every encoder, colours and places alone, and one constant for everything."""

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

    def work(copy: Encoder, freeze: bool, seed: int) -> dict[str, np.ndarray]:
        maps = [PIXELS] if isinstance(copy, ColorsAndPlace) else layers
        chosen, number = plan.chosen(seed), plan.seed + seed
        network = fit(copy, task, start, plan.train, chosen, maps, hidden, plan.fitting, freeze, number, where)
        return score(network, task, plan.test, plan.drawn, where)

    trials = fit_all(rows, plan, work, names, key, cache)
    own = None if key is None else {**key, "row": row}
    found = cached(cache, own, names, lambda: score(Constant(start), task, plan.test, plan.drawn, where))
    return [Trial(row=row, tuning="", seed=0, found=found), *trials]
