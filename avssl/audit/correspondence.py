"""Audit a training config of correspondence: is it what moves that is matched, or where things lie?

Cells that know their place, by zeros around the picture or by a crop that all frames share, match each other in frames
that have nothing else in common.
"""

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from rich.console import Console

from avssl.audit.blind import Learner
from avssl.audit.matching import SCENE, ask, controls, nodes_of
from avssl.audit.sound import show
from avssl.audit.trials import with_settings
from avssl.config import ConfigError, Count, Trust
from avssl.data import Dataset
from avssl.evaluation.baselines import calibrated
from avssl.evaluation.runner import write_csv
from avssl.features.layers import last_map
from avssl.methods import Method
from avssl.methods.base import Batch
from avssl.methods.correspondence.moving import moving_clips
from avssl.methods.rows import features_of
from avssl.nets.encoders import require_takes
from avssl.training.accelerators import Accelerator
from avssl.training.export import load_method
from avssl.training.feed import batches_of, is_empty, single_process
from avssl.training.optim import Optim
from avssl.training.schedule import Schedule


def audit_correspondence(
    *,
    data: Dataset,
    held_out: Dataset,
    method: Method,
    optim: Optim,
    schedule: Schedule | None = None,
    out: Path,
    run: Path | None = None,
    trust: Trust = (),
    batch_size: Count = 8,
    seed: Annotated[int, Field(ge=0)] = 0,
    workers: Annotated[int, Field(ge=0)] = 2,
    accelerator: Accelerator = "auto",
    rounds: Count = 150,
    items: Count = 24,
) -> dict[str, float]:
    """Print how often walks come home and places match: on clips, and on clips that leave one cue alone or none.

    Rows: held-out clips as they are; *static*, the first frame again and again, which only tells whether nodes differ;
    *noise*, each frame of its own: whoever matches places there knows them; *other videos*, each frame of another one;
    *grey* and *hue turned*; *reversed* in time. Walks of random weights come home too, so these stand beside, with the
    data's batch statistics. Frames are not augmented.

    Args:
        data: clips to learn from.
        held_out: clips to ask about.
        method: to audit, by its own ``nodes`` where it has them, else by the cells of its encoder's deepest map.
        optim: makes the optimiser.
        schedule: of the learning rate, over ``rounds`` steps.
        out: folder that gets ``correspondence.csv``.
        run: folder of a finished run, whose weights are audited; None learns for ``rounds`` steps first.
        trust: packages whose classes the run may name and so run.
        batch_size: items a step.
        seed: of weights, chance and noise.
        workers: processes that load clips.
        accelerator: what to compute on.
        rounds: steps to learn for.
        items: held-out items.

    Returns:
        Each number by name, ``<row>/<trained or random>/<returned, match or rim>``; ``chance`` of a match; ``leak``, 1
        where places of unrelated noise match, else 0.

    Raises:
        ConfigError: for clips of one frame, or fewer videos than a clip has frames.
    """
    console, fabric = Console(), single_process(accelerator)
    require_takes(method.encoder, "pictures", "the audit")
    trained, random = (with_settings(method, {}, number).to(fabric.device) for number in (seed, seed + 1))
    if run is not None:
        trained = load_method(run, trust=trust).to(fabric.device)
    else:
        batches = batches_of(fabric, data, seed, rounds * batch_size, batch_size, workers)
        learn(trained, [one for one in batches if not is_empty(one)], optim, schedule, rounds, seed)
    asked = [one for one in batches_of(fabric, held_out, 0, items, items, workers) if not is_empty(one)]
    clips = torch.cat([moving_clips(one, 2, "the audit")[0] for one in asked]) if asked else torch.zeros(0, 1)
    if len(clips) < max(2, clips.shape[1]):
        raise ConfigError(
            f"held_out: {len(clips)} clips of {clips.shape[1]} frames; needs as many as a clip has frames, and 2"
        )
    layer = getattr(method, "layer", None) or last_map(method.encoder, clips[0, :1])
    random = calibrated(random, clips, run=lambda part: nodes_of(random, part, layer), batch=None, device=fabric.device)
    table, numbers, leak, chance = [], dict[str, float](), False, 0.0
    for name, shown in controls(clips, seed).items():
        found = {"trained": ask(trained, shown, layer), "random": ask(random, shown, layer)}
        numbers |= {f"{name}/{who}/{key}": getattr(one, key) for who, one in found.items() for key in one._fields[:3]}
        row = {
            f"{key}, {who}": f"{getattr(one, key):.3f}" for key in ("returned", "match") for who, one in found.items()
        }
        table.append({"clips": name, **row, "match at the border": f"{found['trained'].rim:.3f}"})
        if name == SCENE:
            leak, chance = found["trained"].leaks, found["trained"].chance
    show(console, f"{type(trained).__name__}: walks that come home (returned), same places most alike (match)", table)
    match = numbers[f"{SCENE}/trained/match"]
    told = (
        "PLACES ARE KNOWN: frames of unrelated noise match" if leak else "places are not known: unrelated noise matches"
    )
    console.print(f"{told} at {match:.3f} of their places, where chance is {chance:.3f}")
    out.mkdir(parents=True, exist_ok=True)
    write_csv(out / "correspondence.csv", table)
    return numbers | {"chance": chance, "leak": float(leak)}


def learn(
    method: Method, batches: list[Batch], optim: Optim, schedule: Schedule | None, rounds: int, seed: int
) -> None:
    """Let a method learn from batches, again from the first when they are through.

    Raises:
        ConfigError: if there is none.
    """
    if not batches:
        raise ConfigError("data: no clip could be read")
    method.before_epoch(features_of(batches))
    learner = Learner(method, optim(method.parameter_groups()), iter)
    for step in range(1, rounds + 1):
        learner.step(batches[(step - 1) % len(batches)], step, rounds, schedule, seed)
