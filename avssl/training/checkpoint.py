"""Checkpoints: written whole or not at all, newest and best kept, and refused where they do not fit."""

import os
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from avssl.text import printable
from avssl.training.errors import TrainingError

LAST, BEST = "last.ckpt", "best.ckpt"
BINDING = (
    *("method", "data", "optim", "adversary", "schedule", "seed"),
    *("batch_size", "accumulate", "clip", "ema", "precision"),
)


def save(fabric: Fabric, folder: Path, state: dict[str, Any], name: str = LAST, keep: int = 1) -> None:
    """Write a checkpoint beside its final name, force it to the disk, and only then rename it.

    Args:
        fabric: every process must call; the first writes.
        folder: the run.
        state: modules, optimisers and plain values.
        name: of the file.
        keep: how many to keep, this one included; older ones are called ``step_00000100.ckpt``.
    """
    part = folder / f".{name}.part"
    fabric.save(part, state)
    if fabric.is_global_zero:
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        if keep > 1:
            link(part, folder / f"step_{state['step']:08d}.ckpt")
            for old in sorted(folder.glob("step_*.ckpt"))[:-keep]:
                old.unlink()
        part.replace(folder / name)
        flush(folder)
    fabric.barrier()


def link(source: Path, target: Path) -> None:
    """Give a file a second name; copy it where the file system knows no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        part = target.with_suffix(".part")
        shutil.copyfile(source, part)
        part.replace(target)


def flush(folder: Path) -> None:
    """Force a folder's names to the disk, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load(fabric: Fabric, path: Path, state: dict[str, Any]) -> None:
    """Restore ``state`` in place from a checkpoint that its settings can go on from.

    Raises:
        TrainingError: if the checkpoint was made with settings that would make another run of it.
    """
    found = peek(path)
    compare(path, found["settings"], state["settings"])
    if found["world"] != fabric.world_size:
        raise TrainingError(
            f"{path} was made by {found['world']} processes and this run has {fabric.world_size}, which changes the "
            f"batches; use {found['world']} again, or another out= to start anew"
        )
    mine = {name: state[name] for name in ("settings", "world")}
    fabric.load(path, state, weights_only=True)
    state |= mine


def peek(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds; tensors stay on the disk until they are used.

    Raises:
        TrainingError: if it is no checkpoint of this project's.
    """
    try:
        mapped = printable(path) == str(path)  # torch maps no file whose name is not UTF-8
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise TrainingError(f"{path} is no readable checkpoint: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict) or not {"settings", "step", "method"} <= found.keys():
        raise TrainingError(f"{path} is no checkpoint of avssl's training")
    return found


def compare(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Complain about the first setting whose change would make it another run."""
    for name in BINDING:
        differing = difference(name, old.get(name), new.get(name))
        if differing:
            key, before, now = differing
            raise TrainingError(
                f"{path.parent} was begun with {key}={before!r} and this config says {now!r}; "
                f"set it back to go on, or give another out= to start anew"
            )


def difference(key: str, old: Any, new: Any) -> tuple[str, Any, Any] | None:
    """Return the first dotted key under which two settings differ, with both values."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**old, **new}:
            found = difference(f"{key}.{name}", old.get(name), new.get(name))
            if found:
                return found
        return None
    return None if old == new else (key, old, new)
