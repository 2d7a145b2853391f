"""Checkpoints: written whole or not at all, newest and best kept, and refused where they do not fit."""

import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from avssl.cache import whole
from avssl.config import ConfigError
from avssl.config.plainness import require_plain
from avssl.data.base import PACE
from avssl.text import printable
from avssl.training.errors import TrainingError
from avssl.training.items import changes_of
from avssl.training.tensor_files import is_state, read_pickled

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # slow to load, and readers of checkpoints need none of it

LAST, BEST = "last.ckpt", "best.ckpt"
FORM = {"settings": dict, "encoder": dict | str, "step": int, "world": int, "measures": dict, "method": Mapping}
BINDING = (
    *("method", "data", "optim", "adversary", "schedule", "seed"),
    *("clip", "ema", "precision"),
)
SPLIT = ("batch_size", "accumulate")  # how processes share the items of a step

ADDED = ("items", "exports", "drawn", "threads")  # what older checkpoints do not hold
OnChange = Literal["error", "go-on"]
ANEW = "take it away to start anew, or put back an older one: step_*.ckpt or best.ckpt under this name"


def save(fabric: "Fabric", folder: Path, state: dict[str, Any], name: str = LAST, keep: int = 1) -> None:
    """Write a checkpoint beside its final name, force it to the disk, and only then rename it.

    Args:
        fabric: every process must call; the first writes.
        folder: the run.
        state: modules, optimisers and plain values.
        name: of the file.
        keep: how many to keep, this one included; older ones are called ``step_00000100.ckpt``.

    Raises:
        OSError: in the process that writes, if there is no room; the file that had the name before stays whole.
    """
    part = folder / f".{name}.part"
    failed: OSError | None = None
    try:
        fabric.save(part, state)
    except OSError as error:
        failed = error
        fabric.barrier()  # where the others wait, who did not fail
    if fabric.is_global_zero and failed is None:
        try:
            settle(part, folder, state["step"], name, keep)
        except OSError as error:
            failed = error
    fabric.barrier()
    if failed is not None:
        part.unlink(missing_ok=True)
        raise failed


def settle(part: Path, folder: Path, step: int, name: str, keep: int) -> None:
    """Force a written checkpoint to the disk and give it its names."""
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    if keep > 1:
        link(part, folder / f"step_{step:08d}.ckpt")
        for old in sorted(folder.glob("step_*.ckpt"))[:-keep]:
            old.unlink()
    part.replace(folder / name)
    flush(folder)


def link(source: Path, target: Path) -> None:
    """Give a file a second name; copy it where the file system knows no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with whole(target) as part:
            shutil.copyfile(source, part)


def flush(folder: Path) -> None:
    """Force a folder's names to the disk, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load(fabric: "Fabric", path: Path, state: dict[str, Any], changed: OnChange = "error") -> list[str]:
    """Restore ``state`` in place from a checkpoint that its settings can go on from.

    Args:
        fabric: every process must call.
        path: the checkpoint.
        state: modules, optimisers and plain values; ``items`` says what the data hold now.
        changed: whether to go on where the data learned from are others.

    Returns:
        What to tell of data that changed, a line each.

    Raises:
        TrainingError: if the checkpoint was made with settings, or from data, that would make another run of it.
    """
    found = peek(path)
    compare(path, found["settings"], state["settings"])
    notes = check_drawn(path, found, state)
    notes += check_items(path, found.get("items", {}), state["items"], changed, found["step"] > 0)
    mine = {name: state[name] for name in ("settings", "world", "items", "drawn", "exports") if name in state}
    stored = {name: value for name, value in state.items() if name not in ADDED or name in found}
    del found  # its tensors hold the file
    try:
        fabric.load(path, stored, weights_only=True)
    except (RuntimeError, ValueError, KeyError) as error:
        facts = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise TrainingError(
            f"{path} is damaged, or does not fit this method: {' '.join(facts[:2])}; give another out= to start anew"
        ) from error
    state |= stored | mine
    return notes


def check_drawn(path: Path, found: Mapping[str, Any], state: dict[str, Any]) -> list[str]:
    """Set the items that each step draws, over all processes, to the checkpoint's, and return what to tell of it.

    Another number of processes takes the same items each step, in batches of another size: one that is given and fits,
    or else, where the settings are those of the run, one that follows.

    Args:
        path: the checkpoint, for messages.
        found: what it holds.
        state: what this run holds; ``drawn`` is what its settings and processes amount to.

    Raises:
        TrainingError: if batches of this run's settings would make other steps.
    """
    old, new, world = found["settings"], state["settings"], state["world"]
    sizes = [*map(old.get, SPLIT), found["world"]]
    if not all(isinstance(size, int) and size > 0 for size in (*sizes, found.get("drawn", 1))):
        raise TrainingError(f"{path} is a broken checkpoint: it does not say how many items a step takes")
    drawn = found.get("drawn", math.prod(sizes))
    settled = all(old[name] == new[name] for name in SPLIT)
    fits = drawn == state["drawn"] or (settled and drawn % (new["accumulate"] * world) == 0)
    if world == found["world"] and not (fits and old["accumulate"] == new["accumulate"]):
        compare(path, old, new, SPLIT)
    if not fits:
        raise TrainingError(
            f"{path} was made by {found['world']} processes, {drawn} items a step, and this run of {world} would take "
            f"{state['drawn']}, which changes the batches; set batch_size and accumulate so that batch_size x "
            f"accumulate x {world} = {drawn}, use {found['world']} again, or another out= to start anew"
        )
    state["drawn"] = drawn
    if world == found["world"]:
        return []
    size = drawn // (new["accumulate"] * world)
    return [
        f"{path.parent} was left by {found['world']} processes and goes on with {world}, batches of {size}: each step "
        "takes the same items, in sums of another order; batch normalisation and what processes draw differ"
    ]


def check_items(
    path: Path, before: Mapping[str, Any], now: Mapping[str, Any], changed: OnChange, begun: bool
) -> list[str]:
    """Return what to tell of data that changed since a checkpoint.

    Raises:
        TrainingError: if it is the data learned from, and the run is not told to go on.
    """
    notes = []
    for name, text in changes_of(before, now).items():
        text = f"{path.parent} was begun with {name} of {text}"
        if name == "data" and changed == "error" and begun:
            raise TrainingError(
                f"{text}; set on_changed_data=go-on to go on with what there is now, or give another out= to start anew"
            )
        notes.append(f"{text}; it goes on with what there is now")
    return notes


def peek(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds; tensors stay on the disk until they are used.

    Raises:
        TrainingError: if it is no checkpoint of this project's.
    """
    try:
        return read_checkpoint(path)
    except TrainingError as error:
        raise TrainingError(f"{error}; {ANEW}") from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, see `peek`."""
    found = read_pickled(path, mmap=printable(path) == str(path))  # torch maps no file whose name is not UTF-8
    if not isinstance(found, Mapping) or not {"settings", "step", "method"} <= found.keys():
        raise TrainingError(f"{path} is no checkpoint of avssl's training")
    for name, kind in (FORM | ({"threads": int} if "threads" in found else {})).items():
        if not isinstance(found.get(name), kind):
            raise TrainingError(f"{path} is a broken checkpoint: its {name!r} is a {type(found.get(name)).__name__}")
    for name in ("method", "average"):
        if found.get(name) is not None and not is_state(found[name]):
            raise TrainingError(f"{path} is a broken checkpoint: its {name!r} holds what are no tensors")
    try:
        require_plain([found["settings"], found["encoder"], found.get("exports")])
    except ConfigError as error:
        raise TrainingError(f"{path} is a broken checkpoint: what it says of its settings {error}") from None
    if not is_exports(found.get("exports", {})):
        raise TrainingError(f"{path} is a broken checkpoint: its 'exports' do not say where they lie")
    method, data = (found["settings"].get(name) for name in ("method", "data"))
    if not (isinstance(method, dict) and isinstance(method.get("name"), str) and isinstance(data, dict)):
        raise TrainingError(f"{path} is a broken checkpoint: its settings name no method or no data")
    return dict(found)


def is_exports(found: Any) -> bool:
    """Tell whether something says of encoders, by name, where each lies and how to build it."""
    return isinstance(found, Mapping) and all(
        isinstance(name, str)
        and name.isidentifier()
        and isinstance(one, Mapping)
        and (isinstance(one.get("place"), str) or is_places(one.get("parts")))
        and isinstance(one.get("settings"), dict | str)
        for name, one in found.items()
    )


def is_places(found: Any) -> bool:
    """Tell whether something says of the parts of an encoder, by name, where each lies."""
    return isinstance(found, Mapping) and all(isinstance(text, str) for pair in found.items() for text in pair)


def compare(path: Path, old: Mapping[str, Any], new: Mapping[str, Any], names: Sequence[str] = BINDING) -> None:
    """Complain about the first setting whose change would make it another run."""
    for name in names:
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
            found = None if name in PACE else difference(f"{key}.{name}", old.get(name), new.get(name))
            if found:
                return found
        return None
    return None if old == new else (key, old, new)
