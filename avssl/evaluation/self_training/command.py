"""Self-training over rounds: what ``tools/self_train.py`` runs.

A teacher learns from labels, labels other items, a student learns from both, and becomes the teacher: Xie et al.,
"Self-training with Noisy Student improves ImageNet classification", CVPR 2020, https://arxiv.org/abs/1911.04252; Zoph
et al., "Rethinking Pre-training and Self-training", NeurIPS 2020, https://arxiv.org/abs/2006.06882.
"""

import json
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field
from rich.console import Console

from avssl.cache import whole
from avssl.config import ConfigError, Count, Positive, describe
from avssl.data import Dataset, WithPseudoLabels
from avssl.evaluation.runner import score_and_write
from avssl.evaluation.self_training.classes import ClassRounds
from avssl.evaluation.self_training.pixels import PixelRounds
from avssl.evaluation.self_training.rounds import Kind, Row, keep_apart
from avssl.evaluation.self_training.selection import PseudoLabels
from avssl.features.cache import digest
from avssl.features.device import find_device
from avssl.features.runs import fresh_like
from avssl.features.sharing import from_environment
from avssl.methods import Method, SelfTraining, SelfTrainingPixels
from avssl.methods.transfer.both_labels import BothLabels
from avssl.report.scores import TRAINED, Scores
from avssl.text import to_json
from avssl.training.accelerators import Accelerator
from avssl.training.export import load_encoder, load_method
from avssl.training.loop import train
from avssl.training.optim import Optim
from avssl.training.precision import Precision
from avssl.training.schedule import Schedule

ROUND, CONTROL, PICTURES = "round_{}", "control", "control_pictures"  # folders of the runs
STATE = "self_training.json"  # what all rounds begin with
TOLD = "pseudo_labels.json"  # written last, when a round's labels are there
ALONE, AS_MANY = "labels alone, equal steps", "labels alone, equal pictures"


def self_train(
    *,
    method: Method,
    labelled: Dataset,
    unlabelled: Dataset,
    test: Dataset,
    out: Path,
    optim: Optim,
    steps: Count,
    batch_size: Count,
    rounds: Count = 1,
    ratio: Count = 1,
    pseudo: PseudoLabels | None = None,
    teacher: Method | None = None,
    teacher_steps: Count | None = None,
    start: str | Path | None = None,
    schedule: Schedule | None = None,
    held_out: Dataset | None = None,
    seed: Annotated[int, Field(ge=0)] = 0,
    clip: Positive | None = None,
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None,
    measure_every: Count = 200,
    measure_items: Count = 512,
    log_every: Count = 10,
    save_every: Count = 200,
    workers: Annotated[int, Field(ge=0)] = 2,
    accelerator: Accelerator = "auto",
    precision: Precision = "32-true",
    tensorboard: bool = True,
) -> Scores:
    """Teach, label, learn, and again; score every round beside the same network taught by labels alone.

    Each round is a run of its own under ``out``: ``round_0`` is the first teacher, ``round_1`` its student. The same
    command goes on where it was interrupted, in the middle of a round too; more ``rounds`` continue from the last.

    Controls are always run: the student's network learning from labels alone for as many steps (``control``; where
    the first teacher is just that it stands for it), and from as many pictures a step too (``control_pictures``).

    Args:
        method: the student, `avssl.methods.SelfTraining` or `SelfTrainingPixels`; each begins with the same weights.
        labelled: what labels are taken of.
        unlabelled: what gets pseudo-labels; of labels that it has only their agreement with these is told.
        test: what all are scored on in the end; no file of it may be in the others.
        out: folder of the rounds.
        optim: how to step.
        steps: of each student.
        batch_size: labelled items a step.
        rounds: students, one after the other.
        ratio: items with pseudo-labels a step, for each labelled one.
        pseudo: how answers become labels.
        teacher: the first teacher, of the same classes; None for ``method`` without pseudo-labels.
        teacher_steps: of the first teacher; None for ``steps``.
        start: a run, or a file of its, with whose encoder all begin; None for random weights.
        schedule: the learning rate over the time of each.
        held_out: labelled items to measure on during training.
        seed: of initial weights, of the order of items and of copies.
        clip: greatest norm of the gradient; None leaves it.
        ema: share of a running average of the weights that each step keeps; the average then teaches and is scored.
        measure_every: steps between measures.
        measure_items: items to measure on.
        log_every: steps between records of the log.
        save_every: steps between checkpoints.
        workers: processes that load data.
        accelerator: what to compute on.
        precision: of the arithmetic.
        tensorboard: write events for TensorBoard too.

    Returns:
        Scores of all rounds, of the controls, of random weights, and chance.

    Raises:
        ConfigError: if data share files, labels lack a class, or nothing is confident.
        TrainingError: if ``out`` holds other rounds.
        Stopped: after Ctrl-C or SIGTERM, when everything is saved.
    """
    if from_environment().world > 1:
        raise ConfigError("tools/self_train.py works in one process, on one device; start it without torchrun")
    how, first = pseudo or PseudoLabels(), teacher or method
    student, first = require_kind(method, "method"), require_kind(first, "teacher")
    if student.classes != first.classes or type(student) is not type(first):
        raise ConfigError("teacher: is of other classes, or of another kind, than method")
    keep_apart(labelled, unlabelled, test)
    kind = (PixelRounds if isinstance(student, SelfTrainingPixels) else ClassRounds)(accelerator, batch_size, workers)
    kind.check(labelled, student.classes, how)
    if start is not None:
        for one in {id(one): one for one in (student, first)}.values():
            load_encoder(start, encoder=one.encoder)
    begin(out, {"start": digest(student), "teacher": digest(first), "classes": list(student.classes)})
    learn = partial(
        train, optim=optim, schedule=schedule, held_out=held_out, seed=seed, clip=clip, ema=ema,
        measure_every=measure_every, measure_items=measure_items, log_every=log_every, save_every=save_every,
        workers=workers, accelerator=accelerator, precision=precision, tensorboard=tensorboard,
    )  # fmt: skip
    console, runs, rows = Console(soft_wrap=True, highlight=False), {}, []
    runs["teacher"] = out / ROUND.format(0)
    learn(
        method=deepcopy(first), data=labelled, steps=teacher_steps or steps, batch_size=batch_size, out=runs["teacher"]
    )
    for number in range(1, rounds + 1):
        folder = out / ROUND.format(number)
        last = load_method(out / ROUND.format(number - 1), method=deepcopy(first if number == 1 else student))
        row = label(kind, require_kind(last, "teacher"), unlabelled, folder, how, seed + number)
        rows.append({"round": number, **row})
        console.print(tell(rows[-1]))
        data = WithPseudoLabels(labelled, kind.read(unlabelled, folder), ratio, seed + number)
        learn(method=deepcopy(student), data=data, steps=steps, batch_size=batch_size, out=folder)
        runs[f"round {number}"] = folder
    same = teacher is None and teacher_steps in (None, steps)
    if not same:
        runs[ALONE] = out / CONTROL
        learn(method=deepcopy(student), data=labelled, steps=steps, batch_size=batch_size, out=out / CONTROL)
    runs[AS_MANY] = out / PICTURES
    many = batch_size * (1 + ratio)
    learn(method=deepcopy(student), data=labelled, steps=steps, batch_size=many, out=out / PICTURES)
    return scored(kind, test, student, runs, rows, out, find_device("cpu" if accelerator == "cpu" else "auto"), same)


def scored(
    kind: Kind, test: Dataset, student: BothLabels, runs: dict[str, Path], rows: list[Row], out: Path, device: str,
    same: bool,
) -> Scores:  # fmt: skip
    """Score the runs beside random weights and chance; write tables, and how many pseudo-labels each round had."""
    alone, final = "teacher" if same else ALONE, list(runs)[len(rows)]
    others = {name: run for name, run in runs.items() if name != final}
    evaluator = kind.evaluator(test, student, runs[final], others, alone)
    notes = (
        f"{TRAINED}: the student of {final}. Differences are of one training each, on the same test items: train with "
        "other seeds to say more.",
        *([f"teacher: labels alone, with as many steps as a student; it is the control {ALONE!r}."] if same else []),
    )
    encoder = kind.subject(runs[final])

    def ask(cache: Path) -> Scores:
        found = evaluator(encoder, fresh=fresh_like(encoder), folder=cache, device=device)
        return replace(found, notes=(*notes, *found.notes), tables={**found.tables, "rounds": rows})

    return score_and_write(evaluator, str(out), out, ask)


def require_kind(method: Method, name: str) -> BothLabels:
    """Return a method that learns from labels and pseudo-labels.

    Raises:
        ConfigError: if it is another.
    """
    if not isinstance(method, SelfTraining | SelfTrainingPixels):
        raise ConfigError(f"{name}: is {type(method).__name__}; self-training needs SelfTraining or SelfTrainingPixels")
    return method


def begin(out: Path, state: dict[str, object]) -> None:
    """Write down what all rounds begin with, or compare it with what they began with.

    Raises:
        ConfigError: if the folder holds rounds that began with something else.
    """
    path = out / STATE
    if not path.is_file():
        out.mkdir(parents=True, exist_ok=True)
        with whole(path) as part:
            part.write_text(to_json(state), encoding="utf-8")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    if odd := next((name for name, value in state.items() if before.get(name) != value), None):
        raise ConfigError(
            f"out: {out} holds rounds that began with another {odd} (weights, seed or classes); set it back to go on, "
            "or give another out="
        )


def label(kind: Kind, teacher: BothLabels, data: Dataset, folder: Path, how: PseudoLabels, seed: int) -> Row:
    """Label the items, unless a round has its labels from this very teacher, and return what the labels are like."""
    folder.mkdir(parents=True, exist_ok=True)
    marks = {"teacher": digest(teacher), "how": describe(how), "seed": seed}
    path = folder / TOLD
    if path.is_file():
        told = json.loads(path.read_text(encoding="utf-8"))
        if told.get("marks") == json.loads(to_json(marks)):
            return told["row"]
        path.unlink()
    row = kind.write(teacher, data, folder, how, seed)
    with whole(path) as part:
        part.write_text(to_json({"marks": marks, "row": row}), encoding="utf-8")
    return json.loads(to_json(row))


def tell(row: Row) -> str:
    """Return a line on a round's pseudo-labels."""
    parts = {name: value for name, value in row.items() if " of " not in name and value is not None}
    return "pseudo-labels: " + ", ".join(
        f"{name} {value:.1%}" if isinstance(value, float) else f"{name} {value}" for name, value in parts.items()
    )
