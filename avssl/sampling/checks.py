"""What samplers check of themselves at construction; every message names the sampler, the field and the remedy."""

import operator
from typing import get_args

from avssl.sampling.base import Sampler
from avssl.sampling.grid import Pad
from avssl.sampling.stride import Stride


def check_count(sampler: Sampler, name: str, least: int = 1) -> None:
    """Refuse a field that is not a whole number of at least ``least``."""
    value = getattr(sampler, name)
    try:
        fits = not isinstance(value, bool) and operator.index(value) >= least
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(f"{_field(sampler, name)} must be a whole number of at least {least}; got {value!r}")


def check_choice(sampler: Sampler, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a field that is none of ``choices``."""
    value = getattr(sampler, name)
    if value not in choices:
        raise ValueError(f"{_field(sampler, name)} must be one of {', '.join(choices)}; got {value!r}")


def check_pad(sampler: Sampler) -> None:
    """Refuse a field ``pad`` that names no padding policy."""
    check_choice(sampler, "pad", get_args(Pad))


def check_stride(sampler: Sampler, name: str = "stride") -> None:
    """Refuse a field that is not a stride above 0."""
    value = getattr(sampler, name)
    if not isinstance(value, Stride) or value.value <= 0:
        raise ValueError(f"{_field(sampler, name)} must be frames(4), fps(8) or seconds(0.125), above 0; got {value!r}")


def check_length(sampler: Sampler, name: str, value: object, least: int = 0) -> None:
    """Refuse a length that is not ``frames(...)``, at least ``least``, or ``seconds(...)``, above 0 if ``least`` is."""
    if not isinstance(value, Stride) or value.unit == "fps":
        raise ValueError(f"{_field(sampler, name)} must be a length: frames(15) or seconds(0.6); got {value!r}")
    if value.unit == "frames" and value.value < least:
        raise ValueError(f"{_field(sampler, name)} must be at least frames({least}); got {value!r}")
    if least and value.value <= 0:
        raise ValueError(f"{_field(sampler, name)} must be above 0; got {value!r}")


def check_range(sampler: Sampler, name: str) -> None:
    """Refuse a field that is not a pair of lengths ``(least, most)``; ``most`` may be None, for no limit."""
    value = getattr(sampler, name)
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{_field(sampler, name)} must be a pair (least, most) of lengths; got {value!r}")
    object.__setattr__(sampler, name, tuple(value))
    least, most = value
    check_length(sampler, name, least)
    if most is None:
        return
    check_length(sampler, name, most)
    if least.unit == most.unit and least.value > most.value:
        raise ValueError(f"{_field(sampler, name)} must rise from least to most; got {value!r}")


def _field(sampler: Sampler, name: str) -> str:
    return f"{type(sampler).__name__}: {name}"
