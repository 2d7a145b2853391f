"""Cues of time in films, and in still noise that holds nothing else: which of them a task of order takes."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch

from avssl.audit.planted import Remembered
from avssl.audit.trials import Trial, with_settings
from avssl.methods import Method
from avssl.methods.base import Batch
from avssl.transforms.draws import numbered
from avssl.transforms.time_cues import TIME_CUES, TimeCue


def planted_in_time(batches: Iterable[Batch], plant: TimeCue | None) -> Iterator[Batch]:
    """Yield batches with a cue in every frame, in eight bits as a camera would store it; None changes nothing."""
    for batch in batches:
        if plant is None:
            yield batch
            continue
        frames, index = batch["frames"], batch["index"]
        key = numbered(batch["key"], frames.shape[1]).flatten(0, 1)
        shown = plant(frames.flatten(0, 1).float() / 255, index.flatten(0, 1), key)
        yield batch | {"frames": (shown.clamp(0, 1) * 255).round().byte().view_as(frames)}


def still_noise(content: Remembered, seed: int, contrast: float = 0.2) -> Remembered:
    """Return films of the shape and the numbers of frames of the content, each of one picture of noise."""
    shape = content.frames.shape
    chance = torch.Generator().manual_seed(seed)
    pictures = 0.5 + contrast * (torch.rand(len(content), 1, 1, *shape[3:], generator=chance) - 0.5)
    return Remembered((pictures * 255).round().byte().expand(shape), content.index)


def learn_in_time(
    trial: Trial,
    method: Method,
    settings: dict[str, dict[str, dict]],
    content: tuple[Remembered, Remembered],
    batch_size: int,
    watch: Callable[[], None],
) -> Iterator[tuple[str, bool, list[float]]]:
    """Yield for each row its name, whether it saw the cue alone, and its accuracy on each group of held-out items.

    Args:
        trial: how to train.
        method: whose arguments are changed.
        settings: by cue, and by the row's name; the cue ``""`` plants none.
        content: to learn from, and to measure on.
        batch_size: items.
        watch: called after each step.
    """
    noise = tuple(still_noise(films, 2 * trial.seed + number) for number, films in enumerate(content))
    for cue, rows in settings.items():
        plant = partial(planted_in_time, plant=TIME_CUES.get(cue))
        for alone in (True, False) if cue else (False,):
            learners = {name: (with_settings(method, changed, trial.seed), plant) for name, changed in rows.items()}
            for name, groups in trial(learners, noise if alone else content, batch_size, watch).items():
                yield name, alone, groups
