"""Audit a method of views: how much of its accuracy a border buys that names the item, whatever the item shows.

Instance discrimination may go by anything that both views of an item share: Chen et al. ("SimCLR", ICML 2020, section
3.1*, from memory) tell of histograms of colours, https://arxiv.org/abs/2002.05709.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from avssl.audit.planted import CUE_STREAM, Remembered
from avssl.audit.trials import Told, Trial, with_settings
from avssl.config import describe
from avssl.methods.base import Batch
from avssl.methods.views import MultiViewMethod
from avssl.transforms import Border, Draws
from avssl.transforms.draws import numbered, stream_of

WIDTH = 1 / 12  # of the border, of the pictures' height
NOTHING, ALONE, PLAIN, BOTH = "noise", "border on noise", "pictures", "border on pictures"
CONFIGURED, WHOLE = "as configured", "whole pictures"  # how the views are cut


def audit_views(
    trials: Iterable[Trial],
    method: MultiViewMethod,
    content: tuple[Remembered, Remembered],
    batch_size: int,
    watch: Callable[[], None],
) -> tuple[list[dict[str, str]], dict[str, float]]:
    """Train a method small with and without a border, and with its windows and without, all side by side.

    On noise, another one in each view, nothing but the border tells items: what is above the row without it was bought
    by the border.

    Args:
        trials: one for each seed.
        method: to audit; it measures its ``accuracy``.
        content: pictures to learn from, and held-out ones.
        batch_size: items of a batch; of those of a held-out batch each finds its own.
        watch: called after each step.

    Returns:
        The table, and each accuracy by name, ``<pictures>/<views>``.
    """
    width = max(1, round(WIDTH * content[0].frames.shape[-2]))
    clips = min(2, len(method.views))
    found: dict[str, list[float]] = {}
    for trial in trials:
        learners = {
            f"{shown}/{views}": (
                with_settings(method, changed, trial.seed),
                partial(altered, shown=shown, width=width, clips=clips),
            )
            for views, changed in ((CONFIGURED, {}), (WHOLE, {"views": uncut(method)}))
            for shown in (NOTHING, ALONE, PLAIN, BOTH)
        }
        for name, groups in trial(learners, content, batch_size, watch).items():
            found.setdefault(name, []).extend(groups)
    told = {name: Told.of(groups) for name, groups in found.items()}
    table = []
    for name, one in told.items():
        shown, _, views = name.partition("/")
        bought = one.mean - told[f"{NOTHING}/{views}"].mean
        buys = f"{bought:+.3f}" if shown == ALONE else ""
        table.append({"pictures": shown, "views": views, "accuracy": one.text, "border buys": buys})
    return table, {name: one.mean for name, one in told.items()}


def altered(batches: Iterable[Batch], shown: str, width: int, clips: int) -> Iterator[Batch]:
    """Yield batches of what a row is shown: noise, another in each view, or pictures; with a border or without."""
    for batch in batches:
        frames, key = batch["frames"].float() / 255, batch["key"]
        if shown in (NOTHING, ALONE):
            draws = Draws(stream_of(numbered(key, clips).flatten(0, 1), CUE_STREAM))
            grey = draws.uniform(1, *frames.shape[2:3], 1, *frames.shape[-2:], low=0.25, high=0.75)
            frames = grey.unflatten(0, (-1, clips)).flatten(1, 2).expand(-1, -1, -1, 3, -1, -1)
        if shown in (ALONE, BOTH):
            bordered = Border(width)(frames.flatten(1, 2), Draws(stream_of(key, CUE_STREAM)))
            frames = bordered.view(frames.shape)
        yield batch | {"frames": (frames * 255).round().byte()}


def uncut(method: MultiViewMethod) -> list[list[dict[str, Any]]]:
    """Return the settings of a method's views, each of the whole picture."""
    whole: Mapping[str, Any] = {"scale": [1.0, 1.0]}
    recipes = describe(method)["views"]
    return [[one | whole if one["name"] == "RandomResizedCrop" else one for one in recipe] for recipe in recipes]


@torch.no_grad()
def measures_accuracy(method: MultiViewMethod, content: Remembered) -> bool:
    """Tell whether a method says how often items are found, as those that contrast do."""
    training = method.training
    items = [content[index] for index in range(min(4, len(content)))]
    batch = {name: torch.stack([item[name] for item in items]) for name in ("frames", "key")}
    scores = method.eval()(batch)
    method.train(training)
    return "accuracy" in scores
