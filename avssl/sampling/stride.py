"""The one way to say a stride or a length: ``frames(4)``, ``fps(8)`` or ``seconds(0.125)``."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

_WRITTEN = re.compile(r"\s*(frames|fps|seconds)\s*\(\s*([-+.\w/]+)\s*\)\s*")


@dataclass(frozen=True, repr=False)
class Stride:
    """A step or a length of time with its unit; made by ``frames``, ``fps`` and ``seconds``, or read by ``parse``.

    Args:
        value: how many, at least 0; above 0 for ``fps``.
        unit: ``"frames"`` counts the recording's frames, ``"seconds"`` its time; ``"fps"`` is so many steps a second.

    Raises:
        ValueError: if the value does not fit the unit.
    """

    value: float
    unit: Literal["frames", "fps", "seconds"]

    def __post_init__(self):
        if self.unit not in ("frames", "fps", "seconds"):
            raise ValueError(f"the unit of a stride is frames, fps or seconds; got {self.unit!r}")
        value = self.value
        number = isinstance(value, int | float | Fraction) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < 0 or (self.unit == "fps" and value == 0):
            raise ValueError(f"{self.unit}() needs a finite number {_least(self.unit)}; got {value!r}")
        if self.unit == "frames" and value != int(value):
            raise ValueError(f"frames() needs a whole number; got {value!r}: use seconds({value!r}) or fps() for time")
        object.__setattr__(self, "value", int(value) if self.unit == "frames" else float(value))

    def __repr__(self) -> str:
        return (
            f"{self.unit}({self.value:g})" if self.value == float(f"{self.value:g}") else f"{self.unit}({self.value})"
        )

    @property
    def by_time(self) -> bool:
        """True if the stride counts time, not frames."""
        return self.unit != "frames"

    @property
    def duration(self) -> float:
        """Seconds a step.

        Raises:
            ValueError: for a stride in frames, which has no duration of its own.
        """
        if self.unit == "frames":
            raise ValueError(f"{self} has no duration of its own; it depends on the recording")
        return 1 / self.value if self.unit == "fps" else self.value

    @classmethod
    def parse(cls, text: "str | Stride") -> "Stride":
        """Return the stride that ``text`` writes, as in YAML.

        Raises:
            ValueError: if it cannot be read; a bare number too, for it has no unit.

        Examples:
            >>> Stride.parse("fps(8)") == fps(8)
            True
            >>> Stride.parse("fps(30000/1001)")
            fps(29.97002997002997)
        """
        if isinstance(text, Stride):
            return text
        written = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if written is None:
            raise ValueError(f"{text!r} is no stride: write frames(4), fps(8) or seconds(0.125)")
        unit, number = written.groups()
        try:
            value = Fraction(number)
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"{text!r} is no stride: {number!r} is no number") from None
        return cls(int(value) if value.denominator == 1 else float(value), unit)  # pyright: ignore[reportArgumentType]


def frames(count: int) -> Stride:
    """Return a stride of so many frames of the recording."""
    return Stride(count, "frames")


def fps(rate: float) -> Stride:
    """Return a stride of so many steps a second: frames are picked by time, whatever the recording's own rate."""
    return Stride(rate, "fps")


def seconds(duration: float) -> Stride:
    """Return a stride of so many seconds a step."""
    return Stride(duration, "seconds")


def _least(unit: str) -> str:
    return "above 0" if unit == "fps" else "of at least 0"


# Named, because the body of a sampler with a field called ``frames`` cannot call the function ``frames``.
EVERY = frames(1)
AT_ONCE = frames(0)
