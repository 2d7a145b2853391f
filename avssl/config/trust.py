"""Whose code may run when settings come from a file that somebody may have sent: a run, a checkpoint, an export.

The project's own classes load by themselves. Those of other packages are neither looked for nor imported, unless the
person who loads the file names the package.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from avssl.config.errors import ConfigError, shortened

OWN = "avssl"
Trust = str | Sequence[str]

_trusted: ContextVar[tuple[str, ...]] = ContextVar("trusted", default=())
_strange: ContextVar[bool] = ContextVar("strange", default=False)


@contextmanager
def trusting(trust: Trust) -> Iterator[None]:
    """Let settings from files of others name classes of some packages, within a ``with`` block.

    Args:
        trust: a package, a module, or several; all within them may run.

    Raises:
        ConfigError: if one is no name of a package.

    Examples:
        >>> with trusting("my_nets"):
        ...     may_run("my_nets.small"), may_run("my_nets_of_others")
        (True, False)
    """
    names = (trust,) if isinstance(trust, str) and trust else tuple(trust)
    for name in names:
        if not is_dotted(name):
            raise ConfigError(f"trust: {shortened(name)} is no name of a package, such as my_nets or my_nets.small")
    token = _trusted.set((*_trusted.get(), *names))
    try:
        yield
    finally:
        _trusted.reset(token)


@contextmanager
def from_strangers() -> Iterator[None]:
    """Read settings as those of a stranger, within a ``with`` block: their names must pass `check_trust`."""
    token = _strange.set(True)
    try:
        yield
    finally:
        _strange.reset(token)


def may_run(module: str) -> bool:
    """Tell whether a module is the project's own or somebody trusts it."""
    return any(module == name or module.startswith(f"{name}.") for name in (OWN, *_trusted.get()))


def check_trust(module: str, name: str, where: str) -> None:
    """Complain of a class that settings of a stranger name and nobody trusts.

    Raises:
        ConfigError: with the package that would have to be trusted.
    """
    if _strange.get() and not may_run(module):
        package = module.partition(".")[0]
        raise ConfigError(
            f"{where}: names {module}.{name}, code of the package {package!r}, which loading would run; if you know "
            f"it, say trust={package}, otherwise leave this file alone"
        )


def is_dotted(name: object) -> bool:
    """Tell whether something is a dotted name such as ``package.module``."""
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))
