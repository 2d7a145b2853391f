"""Audit a training config of picture and sound: what can be told without knowing what belongs together."""

import copy
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from pydantic import Field
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from avssl.audit.blind import ROWS, Alter, Grid, Learner, as_it_is, narrowed
from avssl.audit.cues import TOGETHER, chance_level, cue_scores
from avssl.audit.samples import collect, find_doubles
from avssl.config import ConfigError, Count
from avssl.data import Dataset, Videos
from avssl.evaluation.runner import write_csv
from avssl.methods import Method
from avssl.methods.sound.base import PairScorer
from avssl.progress import track
from avssl.sampling import WithSound
from avssl.screen import print_table
from avssl.training.accelerators import Accelerator
from avssl.training.feed import Feed, batches_of, is_empty, single_process
from avssl.training.optim import Optim
from avssl.training.schedule import Schedule

if TYPE_CHECKING:
    from avssl.training.feed import Fabric

GRID = 0.04  # s: how far apart pictures are at 25 a second, the grid of "Objects that Sound" (section 3.3)


def audit(
    *,
    data: Dataset,
    held_out: Dataset,
    method: Method,
    optim: Optim,
    schedule: Schedule | None = None,
    out: Path,
    batch_size: Count = 24,
    seed: Annotated[int, Field(ge=0)] = 0,
    workers: Annotated[int, Field(ge=0)] = 2,
    accelerator: Accelerator = "auto",
    rounds: Count = 300,
    items: Count = 240,
) -> dict[str, float]:
    """Print what blind rows score, which single cues tell pairs, and what is silent or double in the data.

    Every row is the config's method from the same initial weights, trained for ``rounds`` steps on the same batches and
    measured on the held-out data, altered alike: ``sound only`` sees grey pictures, ``picture only`` hears one faint
    noise, ``shuffled pairs`` gets the sounds of other recordings as its own. Each must stay at chance, 0.5; what it has
    above that is a shortcut that the method can take too. ``sound off the grid`` is another question: the method's
    sound encoder learns to tell windows on the pictures' grid from windows beside it. What it scores above 0.5 is what
    negatives sampled on another grid than positives would give away; sounds exchanged within a batch give none of it.

    Args:
        data: to learn from.
        held_out: to measure on.
        method: of picture and sound, see `avssl.methods.sound.base.PairScorer`.
        optim: makes the optimisers.
        schedule: of the learning rate, over ``rounds`` steps.
        out: folder that gets ``audit/*.csv``.
        batch_size: recordings a step.
        seed: fixes the order and what is drawn.
        workers: processes that load data.
        accelerator: what to compute on.
        rounds: steps that each row learns for.
        items: recordings of each set that are looked at for cues, silence and doubles, spread evenly.

    Returns:
        Each score by name.

    Raises:
        ConfigError: if the method does not score pairs, or the data cannot be read.
    """
    if not isinstance(method, PairScorer):
        raise ConfigError(f"method: {type(method).__name__} does not score pairs of picture and sound; audit AVE or L3")
    fabric, console, folder = single_process(accelerator), Console(), out / "audit"
    loading = {"batch_size": batch_size, "workers": workers}
    train, test = (collect(fabric, one, items, **loading) for one in (data, held_out))
    scores: dict[str, float] = {}
    for name, one in (("training data", train), ("held-out data", test)):
        scores[f"silent/{name}"] = float(one.silent.mean())
        console.print(
            f"{name}: {one.asked} recordings looked at, {len(one.failures)} cannot be used, "
            f"{one.silent.mean():.1%} of the windows are silent"
        )
        if one.failures:
            console.print(f"  the first that cannot be used: {one.failures[0]['error']}")
    double = find_doubles(train, test)
    scores["doubles"] = float(len(double))
    console.print(
        f"recordings that are there twice: {len(double)}"
        + "".join(f"\n  {a} = {b} ({how})" for a, b, how in double[:5])
    )
    both = (train.pictures, test.pictures), (train.sounds, test.sounds), (train.partner, test.partner)
    told, level = (
        cue_scores(*both),
        chance_level(*both, clips=(train.clips, test.clips), recording=(train.recording, test.recording)),
    )
    scores |= {f"cues/{name}": value for name, value in told.items()} | {"cues/by chance": level}
    most = [*sorted(told, key=lambda name: -told[name])[:4], TOGETHER]
    show(
        console,
        f"Pairs told by cues: AUC on held-out recordings, chance 0.5; the best single one by chance: up to {level:.3f}",
        [{"cues": name, "AUC": f"{told[name]:.3f}"} for name in dict.fromkeys(most)],
    )
    wide, samples, half = widened(data)
    learners = rows_of(fabric, method, optim, samples, half)
    rows = learn(fabric, (wide, widened(held_out)[0]), learners, schedule, seed, rounds, items, loading)
    scores |= {f"{row}/{name}": value for row, found in rows.items() for name, value in found.items()}
    names = [name for name in ("accuracy", "auc", "accuracy_other_class", "ceiling") if name in rows["as it is"]]
    table = [
        {"row": row} | {name: f"{found[name]:.3f}" if name in found else "" for name in names}
        for row, found in rows.items()
    ]
    if silent := [row for row, found in rows.items() if not found]:
        console.print(f"{', '.join(silent)}: too few held-out recordings to ask; lower batch_size, or raise items")
    show(console, f"Pairs told after {rounds} steps of learning, on held-out recordings; chance 0.5", table)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "rows.csv", table)
    write_csv(folder / "cues.csv", [{"cues": name, "auc": value} for name, value in told.items()])
    write_csv(folder / "doubles.csv", [{"one": a, "other": b, "how": how} for a, b, how in double])
    console.print(f"Written: {folder}")
    return scores


def learn(
    fabric: "Fabric",
    sets: tuple[Dataset, Dataset],
    learners: Mapping[str, Learner],
    schedule: Schedule | None,
    seed: int,
    rounds: int,
    items: int,
    loading: Mapping[str, Any],
) -> dict[str, dict[str, float]]:
    """Train all rows side by side on the same batches of the first set, and return what each measures on the second."""
    with closing(Feed(fabric, sets[0], seed=seed, start=0, prefetch=2, **loading)) as feed:
        for step in track(range(1, rounds + 1), "blind rows"):
            (batch,) = feed.take(1)
            if is_empty(batch):
                continue
            for learner in learners.values():
                learner.step(batch, step, rounds, schedule, seed)
    batches = [batch for batch in batches_of(fabric, sets[1], 0, items, **loading) if not is_empty(batch)]
    with torch.no_grad():
        return {row: learner.measure(batches) for row, learner in learners.items()}


def rows_of(fabric: "Fabric", method: Method, optim: Optim, samples: int, half: int) -> dict[str, Learner]:
    """Return the rows, all from the same initial weights.

    Args:
        fabric: knows the device.
        method: with initial weights.
        optim: makes the optimisers.
        samples: of a window of sound; 0 if windows cannot be widened.
        half: by how many samples batches are wider on each side.
    """

    def learner(one: Method, alter: Alter) -> Learner:
        one.to(fabric.device)
        return Learner(one, optim(one.parameter_groups()), alter)

    def narrow(alter: Alter) -> Alter:
        return lambda batches: alter(narrowed(batches, half))

    rows = {row: learner(copy.deepcopy(method), narrow(alter)) for row, alter in ROWS.items()}
    if half and isinstance(method, PairScorer):
        rows["sound off the grid"] = learner(Grid(copy.deepcopy(method.sound), samples), as_it_is)
    return rows


def widened(data: Dataset) -> tuple[Dataset, int, int]:
    """Return data whose windows of sound reach `GRID` further on both sides, the samples of a window and of that reach.

    Both are 0, and the data as it was, where the length of windows does not stand in the sampler.
    """
    sampler = getattr(data, "sampler", None)
    if not isinstance(data, Videos) or not isinstance(sampler, WithSound) or not sampler.seconds or not data.sound_rate:
        return data, 0, 0
    half = round(GRID * data.sound_rate)
    wide = copy.copy(data)
    reach = GRID if sampler.align == "start" else 0.0  # centred windows grow on both sides by themselves
    wide.sampler = replace(sampler, seconds=sampler.seconds + 2 * GRID, offset=sampler.offset - reach)
    return wide, round(sampler.seconds * data.sound_rate), half


def show(console: Console, title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Print a table."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0))
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*row.values())
    print_table(console, table)
