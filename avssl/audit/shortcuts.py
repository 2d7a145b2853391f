"""Audit a training config of pictures: which shortcuts a method takes where a guard against them is off.

Doersch, Gupta and Efros, "Unsupervised Visual Representation Learning by Context Prediction", ICCV 2015, section 3.1.
https://arxiv.org/abs/1505.05192
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from PIL.Image import Image
from pydantic import Field
from rich.console import Console

from avssl.audit.order import learn_in_time
from avssl.audit.planted import CUES, Remembered, load_pictures, noise_like, planted
from avssl.audit.sound import show
from avssl.audit.trials import Told, Trial, with_settings
from avssl.audit.views import audit_views, measures_accuracy
from avssl.config import Count, describe
from avssl.data import Dataset, collate
from avssl.evaluation.runner import write_csv
from avssl.methods import Method
from avssl.methods.guards import Guard, Guarded
from avssl.methods.order.tasks import OrderTask
from avssl.methods.views import MultiViewMethod
from avssl.progress import Bar
from avssl.report.figures import picture_table
from avssl.training.accelerators import Accelerator
from avssl.training.feed import single_process
from avssl.training.optim import Optim
from avssl.training.schedule import Schedule
from avssl.transforms.time_cues import TIME_CUES

AS_IT_IS = "as configured"
SEEN = CUE_ONLY, CONTENT = ("cue only", "content with it")


@dataclass(frozen=True, kw_only=True)
class Way:
    """A row: a cue, and how the guard against it is set.

    Args:
        cue: one of `CUES`, or None for pictures as they are.
        guard: its name; empty where there is none.
        state: ``"off"``, ``"on"`` or `AS_IT_IS`.
        changed: arguments of the method that make it so.
    """

    cue: str | None
    guard: str
    state: str
    changed: Mapping[str, Any]

    @property
    def settings(self) -> str:
        """What was changed, as one writes it on a command line."""
        return " ".join(f"{key}={describe(value)}".lower() for key, value in self.changed.items())

    @property
    def name(self) -> str:
        """The row's name among the scores."""
        return f"{self.cue or 'no cue'}/{self.guard or 'no guard'} {self.state}"


def audit_shortcuts(
    *,
    data: Dataset,
    held_out: Dataset,
    method: Method,
    optim: Optim,
    schedule: Schedule | None = None,
    out: Path,
    batch_size: Count = 8,
    seed: Annotated[int, Field(ge=0)] = 0,
    workers: Annotated[int, Field(ge=0)] = 2,
    accelerator: Accelerator = "auto",
    rounds: Count = 100,
    seeds: Count = 1,
    items: Count = 256,
    blank: Count = 1024,
) -> dict[str, float]:
    """Train the method small, with each guard on and off, and print how much of the accuracy a planted cue alone buys.

    Each cue of `avssl.transforms.cues` is planted in plain noise, where nothing else tells the answer, and in the
    config's pictures. On noise, what is above chance was bought by the cue alone: with its guard on that should be
    nothing. A method states its guards and its chance (`avssl.methods.guards.Guarded`); a cue without a guard
    is asked as the method is configured. Rows of a cue learn side by side from the same batches, from the same initial
    weights.

    For methods of order (`avssl.methods.order`) the cues are those of `avssl.transforms.time_cues`, and the noise is
    still: of each item one picture, in all its frames.

    Methods of views have no such guards: of them each of noise, pictures, and both with a border that names the item is
    asked with the views' windows and with whole pictures, see `avssl.audit.views.audit_views`.

    Args:
        data: content to learn from.
        held_out: content to measure on.
        method: to audit.
        optim: makes the optimisers.
        schedule: of the learning rate, over ``rounds`` steps.
        out: folder that gets ``shortcuts/*.csv`` and a sheet of the cues.
        batch_size: items of content a step; as many pictures of noise as those have.
        seed: of the first of the ``seeds``.
        workers: processes that load content.
        accelerator: what to compute on.
        rounds: steps that each row learns for.
        seeds: times that all is done, from other initial weights, in another order, on other noise.
        items: of each set of content, spread evenly.
        blank: held-out pictures of noise.

    Returns:
        Each score by name: ``<cue>/<guard> <state>/cue only`` and ``.../content with it``; nothing where the method
        states no guards.

    Raises:
        ConfigError: if fewer items can be read than make a batch.
    """
    console, folder = Console(), out / "shortcuts"
    fabric, loading = single_process(accelerator), {"batch_size": batch_size, "workers": workers}
    if isinstance(method, MultiViewMethod):
        content = (
            load_pictures(fabric, data, items, where="data", **loading),
            load_pictures(fabric, held_out, items, where="held_out", **loading),
        )
        if not measures_accuracy(method, content[0]):
            console.print(f"{type(method).__name__} measures no accuracy: there is nothing to audit")
            return {}
        settings = {"fabric": fabric, "optim": optim, "schedule": schedule, "rounds": rounds}
        with Bar("steps of trainings", rounds * seeds) as bar:
            trials = (Trial(seed=number, **settings) for number in range(seed, seed + seeds))
            table, scores = audit_views(trials, method, content, batch_size, bar.advance)
        title = f"{type(method).__name__}: accuracy after {rounds} steps, among {batch_size} held-out items"
        show(console, title, table)
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(folder / "shortcuts.csv", table)
        console.print(f"Written: {folder}")
        return scores
    chance = method.chance
    if not isinstance(method, Guarded) or chance is None:
        console.print(f"{type(method).__name__} states no guards and no chance: there is nothing to audit")
        return {}
    if not method.guards:
        console.print(f"{type(method).__name__} has no guards against shortcuts: each cue is asked as it is configured")
    of_time = isinstance(method, OrderTask)
    cues = TIME_CUES if of_time else CUES
    rows = list(ways(method, method.guards, cues))
    content = (
        load_pictures(fabric, data, items, where="data", **loading),
        load_pictures(fabric, held_out, items, where="held_out", **loading),
    )
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with Bar("steps of trainings", rounds * seeds * (2 * len(cues) + 1)) as bar:
        for number in range(seed, seed + seeds):
            trial = Trial(fabric=fabric, optim=optim, schedule=schedule, rounds=rounds, seed=number)
            settings = (trial, method, rows, content, batch_size)
            told = learn_order(*settings, bar.advance) if of_time else learn(*settings, blank, bar.advance)
            for name, seen, groups in told:
                found[name, seen] += groups
    table, scores = tell(rows, found, chance)
    title = f"{type(method).__name__}: accuracy after {rounds} steps, on held-out pictures; chance {chance:.4g}"
    show(console, title, table)
    told = f"± is two standard errors, over groups of {batch_size * content[0].each} held-out pictures"
    console.print(told + (f" and {seeds} seeds" if seeds > 1 else ""))
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "shortcuts.csv", table)
    if not of_time:
        spread = 2 * (chance * (1 - chance) / (blank * seeds)) ** 0.5
        console.print(f"guessing once for each of {blank * seeds} pictures of noise gives {chance:.3f} ± {spread:.3f}")
        sheet(content[1], seed).save(folder / "cues.png")
    console.print(f"Written: {folder}")
    return scores


def ways(method: Method, stated: tuple[Guard, ...], cues: Iterable[str] = CUES) -> Iterator[Way]:
    """Yield the rows: for each cue its guards off, as configured and on, each setting once."""
    has = describe(method)
    yield Way(cue=None, guard="", state=AS_IT_IS, changed={})
    for cue in cues:
        guards = [guard for guard in stated if guard.cue == cue]
        for guard in guards:
            own = {name: has[name] for name in guard.off}
            off, strong = dict(guard.off), own | dict(guard.on)
            states = {"off": off}  # and what differs from it
            states |= {AS_IT_IS: own} if own not in (off, strong) else {}
            states |= {"on": strong} if strong != off else {}
            for state, changed in states.items():
                yield Way(cue=cue, guard=guard.name, state=state, changed=changed)
        if not guards:
            yield Way(cue=cue, guard="", state=AS_IT_IS, changed={})


def learn(
    trial: Trial,
    method: Method,
    rows: list[Way],
    content: tuple[Remembered, Remembered],
    batch_size: int,
    blank: int,
    watch: Callable[[], None],
) -> Iterator[tuple[str, str, list[float]]]:
    """Yield for each row its name, what it saw (`SEEN`) and its accuracy on each group of held-out pictures."""
    for cue in (None, *CUES):
        plant = CUES[cue].plant if cue else None
        pictures = batch_size * content[0].each
        for seen in SEEN if cue else SEEN[1:]:
            sets, size = content, batch_size
            if cue and seen == CUE_ONLY:
                counts = (trial.rounds * pictures, -(-blank // pictures) * pictures)
                sets = tuple(
                    noise_like(content[0], CUES[cue], count, 2 * trial.seed + i) for i, count in enumerate(counts)
                )
                size = pictures
            learners = {
                row.name: (with_settings(method, row.changed, trial.seed), partial(planted, plant=plant))
                for row in rows
                if row.cue == cue
            }
            for name, groups in trial(learners, sets, size, watch).items():
                yield name, seen, groups


def learn_order(
    trial: Trial,
    method: Method,
    rows: list[Way],
    content: tuple[Remembered, Remembered],
    batch_size: int,
    watch: Callable[[], None],
) -> Iterator[tuple[str, str, list[float]]]:
    """Yield what `learn` does, for cues of time, which are planted by the numbers of frames."""
    settings = {
        cue or "": {row.name: dict(row.changed) for row in rows if row.cue == cue} for cue in (None, *TIME_CUES)
    }
    for name, alone, groups in learn_in_time(trial, method, settings, content, batch_size, watch):
        yield name, CUE_ONLY if alone else CONTENT, groups


def tell(
    rows: list[Way], found: Mapping[tuple[str, str], list[float]], chance: float
) -> tuple[list[dict[str, str]], dict[str, float]]:
    """Return the table, and each score by name."""
    table, scores = [], {"chance": chance}
    for row in rows:
        told = {seen: Told.of(found[row.name, seen]) for seen in SEEN if (row.name, seen) in found}
        for seen, one in told.items():
            scores |= {f"{row.name}/{seen}": one.mean, f"{row.name}/{seen}, error": one.error}
        alone = told.get(CUE_ONLY)
        table.append(
            {
                "cue": row.cue or "none",
                "guard": f"{row.guard}: {row.state}" if row.guard else "none",
                "settings": row.settings,
                CUE_ONLY: alone.text if alone else "",
                "cue buys": f"{alone.mean - chance:+.3f}" if alone else "",
                "taken": ("yes" if alone.mean - chance > 2 * alone.error else "no") if alone else "",
                CONTENT: told[CONTENT].text,
            }
        )
    return table, scores


def sheet(content: Remembered, seed: int, columns: int = 6) -> Image:
    """Draw the first pictures of the content, plain and with each cue, and each cue in plain noise."""
    lines = {"no cue": content.frames.flatten(0, 2)[:columns].numpy()}
    for name, cue in CUES.items():
        for word, source in (("", content), (" only", noise_like(content, cue, columns, seed))):
            items = collate([source[index] for index in range(min(columns, len(source)))])
            (shown,) = planted([items], cue.plant)
            lines[f"{name}{word}"] = shown["frames"].flatten(0, 2)[:columns].numpy()
    return picture_table(lines, "Cues in pictures, and in noise that holds nothing else")
