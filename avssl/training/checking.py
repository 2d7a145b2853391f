"""What a run is asked for, refused before anything is computed where it cannot be."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from avssl.data import Dataset
from avssl.methods import Method
from avssl.training.errors import TrainingError

LEAST = {  # of whole numbers
    **dict.fromkeys(("steps", "batch_size", "accumulate", "measure_every", "measure_items", "log_every"), 1),
    **dict.fromkeys(("save_every", "keep", "prefetch", "monitor_every", "threads"), 1),
    **dict.fromkeys(("workers", "seed"), 0),
}
UNSET = {"monitor_every": None, "threads": "auto"}  # what else these may be
CHOICES = {"goal": ("max", "min"), "on_changed_data": ("error", "go-on")}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse numbers that cannot be; a config's were checked already, those of a call in Python were not.

    Raises:
        TrainingError: for the first.
    """
    for name, least in LEAST.items():
        value = settings[name]
        if name in UNSET and value == UNSET[name]:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise TrainingError(f"{name}: got {value!r}; needs a whole number of at least {least}")
    for name, choices in CHOICES.items():
        if settings[name] not in choices:
            raise TrainingError(f"{name}: got {settings[name]!r}; needs {' or '.join(choices)}")
    clip, ema = settings["clip"], settings["ema"]
    if clip is not None and not (is_number(clip) and clip > 0):
        raise TrainingError(f"clip: got {clip!r}; needs a number above 0, or None")
    if ema is not None and not (is_number(ema) and 0 <= ema < 1):
        raise TrainingError(f"ema: got {ema!r}; needs a number in [0, 1), or None")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_numbers(name: str, made: Any) -> None:
    """Refuse an optimiser's settings, or a schedule's, that are no finite numbers, or a learning rate not above 0.

    Raises:
        TrainingError: for the first.
    """
    if not is_dataclass(made):
        return
    for field in fields(made):
        value = getattr(made, field.name)
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, float) and not math.isfinite(one):
                raise TrainingError(f"{name}.{field.name}: got {value!r}; needs finite numbers")
        if field.name == "lr" and (not isinstance(value, int | float) or not is_number(value) or value <= 0):
            raise TrainingError(f"{name}.lr: got {value!r}; needs a number above 0")


def check_batches(method: Method, data: Dataset, batch_size: int) -> None:
    """Refuse data without items, or of another number than a method remembers, and batches that it cannot learn from.

    Raises:
        TrainingError: if so.
    """
    if len(data) < 1:
        raise TrainingError("data: there is nothing to learn from; the data set is empty")
    if method.remembered not in (None, len(data)):
        raise TrainingError(
            f"{type(method).__name__} remembers {method.remembered} items, and the data has {len(data)}; set "
            f"method.items={len(data)}"
        )
    least = method.least_recordings
    if min(batch_size, len(data)) < least:
        what = f"batch_size={batch_size}" if batch_size < least else f"data of {len(data)} recording"
        raise TrainingError(
            f"{type(method).__name__} tells recordings of a batch apart and needs at least {least} in each; got {what}"
        )


def check_classes(method: Method, name: str, data: Dataset | None) -> None:
    """Refuse data whose labels count other classes than a method takes them for; data that names none says nothing.

    Args:
        method: what learns.
        name: what the data is called, such as ``"held_out"``.
        data: labelled or not.

    Raises:
        TrainingError: if a class has another number or name.
    """
    names = tuple(map(str, getattr(data, "classes", None) or ()))
    if names and method.classes and names != method.classes:
        number = next(
            (n for n, pair in enumerate(zip(names, method.classes, strict=False)) if len(set(pair)) > 1), None
        )
        other = "" if number is None else f", such as class {number}: {names[number]!r} and {method.classes[number]!r}"
        raise TrainingError(
            f"{name} has {len(names)} classes and {type(method).__name__} takes its labels for {len(method.classes)} "
            f"others{other}; set method.classes to those of the data, or to [] to leave its labels alone"
        )
