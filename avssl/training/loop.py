"""The training loop: all of it, top to bottom."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.fsdp import FSDPStrategy
from pydantic import Field

from avssl import config
from avssl.config import Count, Positive
from avssl.data import Dataset
from avssl.data.items import items_of
from avssl.data.known_bad import format_known
from avssl.methods import Method
from avssl.training.accelerators import Accelerator, require_accelerator
from avssl.training.average import Average
from avssl.training.checking import check_batches, check_classes, check_numbers, check_settings
from avssl.training.checkpoint import LAST, OnChange
from avssl.training.errors import TrainingError, in_one_line
from avssl.training.export import exports_of, not_rebuilt
from avssl.training.feed import Feed, features_of_all, images, is_empty
from avssl.training.loggers import LoggerName, check_loggers
from avssl.training.machines import processes_of, require_others, share_batch_statistics
from avssl.training.measures import Measures, Monitors
from avssl.training.monitors import Monitor, check_monitors
from avssl.training.optim import Optim, forget, optimizers, set_rates
from avssl.training.precision import Halves, Precision, halves_of, possible
from avssl.training.run import Run
from avssl.training.schedule import Schedule
from avssl.training.seeding import seed_torch
from avssl.training.step import agree, prefixed, update
from avssl.training.stopping import StopSignals
from avssl.training.threads import Threads, choose, computing_with, told
from avssl.training.weights import begin_with
from avssl.training.writing import Straight


def train(
    *,
    method: Method,
    data: Dataset,
    optim: Optim,
    adversary: Optim | None = None,
    steps: Count,
    batch_size: Count,
    out: Path,
    weights: Path | None = None,
    schedule: Schedule | None = None,
    held_out: Dataset | None = None,
    seed: Annotated[int, Field(ge=0)] = 0,
    accumulate: Count = 1,
    clip: Positive | None = None,
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None,
    measure_every: Count = 200,
    measure_items: Count = 512,
    monitors: Sequence[Monitor] = (),
    monitor_every: Count | None = None,
    best: str | None = None,
    goal: Literal["max", "min"] = "max",
    log_every: Count = 10,
    save_every: Count = 200,
    keep: Count = 1,
    resume: bool = True,
    on_changed_data: OnChange = "error",
    workers: Annotated[int, Field(ge=0)] = 2,
    prefetch: Count = 4,
    threads: Threads = "auto",
    accelerator: Accelerator = "auto",
    devices: Count | Literal["auto"] = 1,
    nodes: Count | Literal["auto"] = "auto",
    strategy: str = "auto",
    precision: Precision = "32-true",
    compile: bool = False,
    channels_last: bool = False,
    sync_batchnorm: bool = False,
    tensorboard: bool = True,
    loggers: Sequence[LoggerName] = (),
) -> Method:
    """Train a method; where ``out`` holds a run that was cut off, go on from its last checkpoint, exactly.

    Args:
        method: what to learn.
        data: what to learn from.
        optim: how to step.
        adversary: how a method's adversary steps, where it has one, beside it; by the same schedule.
        steps: optimiser steps to take in all.
        batch_size: items a batch and process.
        out: folder of the run; see the documentation of runs for what it holds.
        weights: what the encoder, and a teacher's copy of it, begin with: a run's folder, an export, or a state dict
            with torchvision's keys. A run that goes on does not look at them.
        schedule: the learning rate over time; None keeps it.
        held_out: what to measure on beside the training data.
        seed: fixes the order of items and all that is drawn during training.
        accumulate: batches whose gradients make one step.
        clip: greatest norm of the gradient (of the adversary's too, by itself); None leaves it.
        ema: share of a running average of the weights that each step keeps; measured and exported in place of them.
        measure_every: steps between measures; the random start and the end are measured too.
        measure_items: items of each data set to measure on, spread evenly over it.
        monitors: what to measure of the features of ``encoder`` on data sets of any kind, such as the accuracy of
            nearest neighbours; nothing of it reaches what is trained.
        monitor_every: steps between monitors, beside the random start and the end; None for ``measure_every``.
        best: the measure that decides which checkpoint is the best, such as ``held_out/auc``; by default the least
            ``held_out/loss`` (``train/loss`` without ``held_out``), or what the method has in its place
            (`Method.decides`).
        goal: whether ``best`` should be great or small.
        log_every: steps between records of the log.
        save_every: steps between checkpoints.
        keep: how many of the last checkpoints to keep.
        resume: go on with a run that ``out`` holds; if false, refuse to touch it.
        on_changed_data: where that run was begun with other data, refuse (``error``) or go on with what there is now
            (``go-on``).
        workers: processes that load data, for each training process.
        prefetch: batches that each of them keeps ready.
        threads: that compute on the CPU, in each training process; ``auto`` takes the cores less the workers, and at
            least one. ``OMP_NUM_THREADS`` wins over it.
        accelerator: what to compute on; ``"gpu"`` is one of any kind, ``"auto"`` one where there is one, else the CPU.
        devices: how many of each machine; more than one starts as many processes.
        nodes: machines; ``auto`` takes as many as torchrun started, without it one.
        strategy: how they share the work, as Lightning Fabric names it: ``ddp``, ``fsdp`` and so on.
        precision: of the arithmetic.
        compile: compile the encoder with ``torch.compile``.
        channels_last: lay images out with the channels last, which convolutions on GPUs like.
        sync_batchnorm: take statistics of batch normalisation over the batches of all processes, on CUDA devices.
        tensorboard: write events for TensorBoard too.
        loggers: hand records to these too, each an extra: ``wandb`` (Weights & Biases), ``mlflow``, ``trackio``.

    Returns:
        The trained method.

    Raises:
        TrainingError: if settings cannot be, ``out`` holds another run or cannot be written to, or a loss is not
            finite.
        Stopped: after Ctrl-C or SIGTERM, when everything is saved.
    """
    settings = config.describe(dict(locals()))
    check_settings(settings)
    check_loggers(loggers)
    for name, made in (("optim", optim), ("adversary", adversary), ("schedule", schedule)):
        check_numbers(name, made)
    check_batches(method, data, batch_size)
    for name, labelled in (("data", data), ("held_out", held_out)):
        check_classes(method, name, labelled)
    check_monitors(monitors, strategy)
    if method.remembers and on_changed_data == "go-on":
        raise TrainingError(
            f"on_changed_data=go-on: {type(method).__name__} remembers items by their numbers, which other data would "
            "mix up; give another out= to start anew"
        )
    begins = weights is not None and not (out / LAST).exists()
    if weights is not None and begins:
        begin_with(method, weights)
    stepping = optimizers(method.parameter_groups(), optim, {"adversary": adversary}, type(method).__name__)
    devices, nodes = processes_of(devices, nodes)
    strategy = strategy_for_partial(strategy, devices, nodes) if method.partial else strategy
    shared = shared_by(strategy, ema, adversary, precision)
    said = told()
    fabric = launch(accelerator, devices, shared, precision, halves_of(precision, shared, [optim, adversary]), nodes)
    if sync_batchnorm:
        share_batch_statistics(method, fabric.device.type, fabric.world_size)
    if channels_last:
        method.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if compile:
        method.encoder.compile()  # in place, so that the names of the weights stay as they are
    module, *set_up = fabric.setup(method, *stepping.values())
    stepping = dict(zip(stepping, set_up, strict=True))
    module.mark_forward_method("measure")
    average = None if ema is None else Average(method, ema)
    state: dict[str, Any] = {
        "step": 0,
        "method": module,
        **stepping,
        "average": average,
        "scaler": fabric.strategy.precision,
        "settings": settings,
        "encoder": config.describe(method.encoder),
        "exports": exports_of(method),
        "world": fabric.world_size,
        "drawn": batch_size * accumulate * fabric.world_size,  # items a step, over all processes
        "threads": None,  # that the run was begun with
        "items": {"data": items_of(data)} | ({} if held_out is None else {"held_out": items_of(held_out)}),
    }
    least = f"{'train' if held_out is None else 'held_out'}/{method.decides}"
    decided = {"best": best, "goal": goal} if best else {"best": least, "goal": "min"}
    with (
        Run(
            fabric,
            out,
            state,
            steps=steps,
            keep=keep,
            resume=resume,
            changed=on_changed_data,
            tensorboard=tensorboard,
            loggers=loggers,
            **decided,
        ) as run,
        StopSignals() as signals,
        ExitStack() as ends,
        speaking(fabric, precision),
    ):
        state["exports"] = exports_of(method)  # of the method as it is now: a part may have been chosen before
        drawn = state["drawn"]  # as the run began, on any number of processes
        batch_size = drawn // (accumulate * fabric.world_size)
        check_batches(method, data, batch_size)
        loading = {"batch_size": batch_size, "workers": workers}
        measure = Measures(
            fabric, module, average, data, held_out, items=measure_items, seed=seed, fail=run.fail, **loading
        )
        monitor = Monitors(fabric, module, average, monitors, seed=seed, fail=run.fail, **loading)
        computing, why = choose(threads, workers, said, state["threads"], fabric.world_size // nodes)
        ends.enter_context(computing_with(computing))
        state["threads"] = state["threads"] or computing
        stays = made_ready(data, held_out)
        run.session.data = "; ".join(stays)
        known = [line for name, one in (("data", data), ("held_out", held_out)) for line in format_known(name, one)]
        given = [f"encoder: begins with the weights of {weights}"] if begins else []
        for fact in (why, *stays, *given, *method.facts(), *not_rebuilt(method), *known):
            run.progress.say(fact)
        if not run.resumed:
            run.record_measures(measured(method, state, measure()) | monitor(), method.warnings)
        module.train()  # in whatever mode its parts came
        drawing = {"seed": seed, "start": state["step"] * drawn, "prefetch": prefetch}
        feed = ends.enter_context(closing(Feed(fabric, data, **drawing, **loading)))
        while state["step"] < steps:
            step = state["step"] + 1
            asked_for = time.perf_counter()
            batches = feed.take(accumulate)
            waited = time.perf_counter() - asked_for
            run.fail([failure for batch in batches for failure in batch["failures"]], step)
            signal, usable = agree(fabric, signals.number, batches, method.least_recordings)
            if signal:
                run.stop(signal)
            run.skip(sum(not is_empty(batch) for batch in batches) - len(usable), method.least_recordings)

            epoch = (step - 1) * drawn // len(data)
            if step == 1 or epoch > (step - 2) * drawn // len(data):
                seed_torch(seed, step)
                anew = list(method.before_epoch(features_of_all(fabric, data, epoch, **loading)) or ())
                forget(stepping.values(), map(method.get_parameter, anew))
                if average is not None:
                    average.restart(method, anew)

            begun = time.perf_counter()
            rates = {
                prefixed(name, "lr"): set_rates(optimizer, schedule, step - 1, steps)
                for name, optimizer in stepping.items()
            }
            seed_torch(seed, step, fabric.global_rank)  # dropout and the like: the same after any interruption
            scalars: dict[str, float] = {}
            if usable:
                ready = partial(method.after_backward, step, steps)
                scalars = update(fabric, module, stepping, usable, step, clip, ready)
                method.after_step(step, steps)
                if average is not None:
                    average.update(method, step)
            else:
                why = "nothing could be read" if all(map(is_empty, batches)) else "too few recordings could be read"
                run.progress.say(f"step {step}: {why}, so nothing was learned")
            state["step"] = step
            run.pace.lap(waited, time.perf_counter() - begun, sum(map(images, usable)) * fabric.world_size)

            run.count(step, scalars, rates, log=due(step, log_every, steps))
            own, others = due(step, measure_every, steps), due(step, monitor_every or measure_every, steps)
            if own or others:
                scores = (measured(method, state, measure()) if own else {}) | (monitor() if others else {})
                run.record_measures(scores, method.warnings if own else None, whole=own and (others or not monitors))
            if due(step, save_every, steps):
                run.save()
        run.finish()
    return method


def measured(method: Method, state: dict[str, Any], scores: dict[str, float]) -> dict[str, float]:
    """Let a method choose by what was measured, and return that; what it exports may then be another part."""
    method.after_measure(scores)
    state["exports"] = exports_of(method)
    return scores


def made_ready(data: Dataset, held_out: Dataset | None) -> list[str]:
    """Make ready what processes that load share, and return lines that say what there is."""
    found = []
    for name, one in (("data", data), ("held_out", held_out)):
        if one is not None:
            one.prepare()
            found += [f"{name}: {fact}" for fact in one.facts()]
    return found


def due(step: int, every: int, steps: int) -> bool:
    """Tell whether something that happens every so many steps, and after the last, happens now."""
    return step % every == 0 or step == steps


@contextmanager
def speaking(fabric: Fabric, precision: str) -> Iterator[None]:
    """Say in one line what a method refuses, and what a device cannot do in a precision."""
    with in_one_line(), possible(precision, fabric.device):
        yield


def launch(
    accelerator: Accelerator,
    devices: int | Literal["auto"],
    strategy: str | FSDPStrategy,
    precision: Precision,
    halves: Halves | None = None,
    nodes: int = 1,
) -> Fabric:
    """Start the processes of this machine, if they are not, and return what places modules, batches and gradients.

    Raises:
        TrainingError: if the machine, or the combination, cannot do it.
    """
    require_accelerator(accelerator)
    plugins: list[Any] = ([Straight()] if isinstance(strategy, str) else []) + ([halves] if halves else [])
    exact = None if halves else precision
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=exact,
            plugins=plugins,
        )
    except (ValueError, RuntimeError) as error:
        chosen = f"{accelerator=}, {devices=}, {nodes=}, {strategy=}, {precision=}"
        raise TrainingError(f"{chosen} does not work here: {' '.join(str(error).split())}") from error
    require_others(fabric, nodes)
    fabric.launch()
    return fabric


def strategy_for_partial(strategy: str, devices: int | Literal["auto"], nodes: int = 1) -> str:
    """Return Fabric's strategy for steps that give some parameters no gradient, which DDP would wait for in vain."""
    several = nodes > 1 or (torch.cuda.device_count() if devices == "auto" else devices) > 1
    return "ddp_find_unused_parameters_true" if strategy == "ddp" or (strategy == "auto" and several) else strategy


def shared_by(strategy: str, ema: float | None, adversary: Optim | None, precision: str) -> str | FSDPStrategy:
    """Return Fabric's strategy: FSDP writes whole checkpoints, as the others do.

    Raises:
        TrainingError: for settings that do not go together.
    """
    if adversary is not None and precision == "16-mixed":
        raise TrainingError(
            "precision=16-mixed scales one loss for one optimiser, and an adversary brings a second; use "
            "precision=bf16-mixed"
        )
    if strategy != "fsdp":
        return strategy
    if ema is not None:
        raise TrainingError("ema needs whole weights in each process, which fsdp does not keep; use ddp, or no ema")
    if adversary is not None:
        raise TrainingError("adversary needs whole weights where its judgement is held still; use ddp instead of fsdp")
    return FSDPStrategy(state_dict_type="full")
