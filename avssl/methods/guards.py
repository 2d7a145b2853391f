"""What a method states about its guards against shortcuts, so that an audit can switch each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One guard, and the cue that it keeps away.

    Args:
        name: what it does, in a word or two.
        cue: which cue it answers, a class of `avssl.transforms.cues`.
        off: arguments of the method that switch it off.
        on: arguments that switch it on at its strongest; none leaves what the settings say.
    """

    name: str
    cue: str
    off: Mapping[str, Any]
    on: Mapping[str, Any]


@runtime_checkable
class Guarded(Protocol):
    """Asks a question whose answers are equally likely, and says what guards it against shortcuts.

    Attributes:
        guards: in the order of the paper; none where a method has none.
        chance: accuracy of a guess.
    """

    guards: tuple[Guard, ...]
    chance: float
