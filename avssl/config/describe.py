"""Objects to settings: what a config would have to say to make them again."""

import inspect
from enum import Enum
from pathlib import Path
from typing import Any, Self, TypeVar

from avssl.config.check import UNRECORDED
from avssl.config.nearby import home
from avssl.config.source import is_class, resolve

Made = TypeVar("Made")


class Recorded:
    """Remembers what its constructor was called with, so that `describe` can tell; a base of families of objects.

    Examples:
        >>> class Net(Recorded):
        ...     def __init__(self, width=24, depth=3):
        ...         self.cells = width * depth
        >>> describe(Net(width=8))["width"], describe(Net())["depth"]
        (8, 3)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Note the arguments; what is wrong with them, the constructor will say."""
        made = super().__new__(cls)
        try:
            arguments = inspect.signature(cls).bind_partial(*args, **kwargs).arguments
        except TypeError:
            return made
        return record(made, arguments)


def record(made: Made, arguments: dict[str, Any]) -> Made:
    """Let an object remember what it was called with; `describe` reads it back."""
    if hasattr(made, "__dict__"):
        object.__setattr__(made, "_arguments", dict(arguments))
    return made


def describe(value: Any) -> Any:
    """Return a value as settings, defaults filled in.

    An object is described by what a config built it with; one that was built in Python by its attributes, if it
    keeps its constructor's arguments under their own names, as parts of this project do.

    Args:
        value: a plain value, a path, a container, or an object of a class that a config may name.

    Returns:
        What YAML can hold. An argument that nothing tells reads `UNRECORDED`, which no config accepts.

    Examples:
        >>> from avssl.sampling import UniformClips
        >>> describe(UniformClips(frames=4))
        {'name': 'UniformClips', 'frames': 4, 'stride': 'frames(1)', 'count': 1, 'align': 'ends', 'pad': 'last'}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [describe(one) for one in value]
    if isinstance(value, dict):
        return {str(key): describe(one) for key, one in value.items()}
    if hasattr(type(value), "parse"):
        return str(value)
    try:
        parameters = inspect.signature(type(value)).parameters
    except ValueError:  # a class of C, such as Tensor, which no config can name
        return UNRECORDED
    given = getattr(value, "_arguments", None)
    settings = {"name": public_name(type(value))}
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            if given is None or given.get(name):
                settings[name] = UNRECORDED  # a config names each argument
            continue
        known = getattr(value, name, UNRECORDED) if given is None else given.get(name, parameter.default)
        settings[name] = describe(known)
    return settings


def public_name(cls: type) -> str:
    """Return the name by which a config calls a class: bare if its package exports it, dotted otherwise."""
    stand_in = resolve(cls.__module__, cls.__name__)
    exported = is_class(stand_in) and home(stand_in) != cls.__module__
    return cls.__name__ if exported and cls.__module__.startswith("avssl.") else f"{cls.__module__}.{cls.__qualname__}"
