"""Public names of a package, each imported when it is first used: importing avssl then takes milliseconds."""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def attach(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package, and set its ``__all__``.

    The names are those that its ``__init__.py`` imports under ``if TYPE_CHECKING:``. Type checkers and
    `avssl.config` read the same lines, so a public name is written once.

    Args:
        package: its dotted name, ``__name__`` in its ``__init__.py``.

    Examples:
        >>> import avssl.methods
        >>> "Jigsaw" in avssl.methods.__all__, avssl.methods.Jigsaw.__module__
        (True, 'avssl.methods.pretext.jigsaw')
    """
    where = table(package)

    def load(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = where[name]
        if module == package:  # a package within
            return import_module(f"{package}.{original}")
        return getattr(import_module(module), original)

    own = vars(sys.modules[package])
    own["__all__"] = sorted({*own.get("__all__", ()), *where})
    return load, lambda: sorted({*own, *where} - {"TYPE_CHECKING", "attach"})


def table(package: str) -> dict[str, tuple[str, str]]:
    """Return each lazy name of a package with the module that holds it and its name there.

    Raises:
        ImportError: if there is no such package, or its source text is not there.
    """
    spec = getattr(sys.modules.get(package), "__spec__", None) or find_spec(package)
    get_source = getattr(spec and spec.loader, "get_source", None)  # loaders of files and of archives have it
    source = get_source(package) if get_source else None
    if source is None:
        raise ImportError(f"the source text of {package} is not there; its public names are read from it", name=package)
    return {
        alias.asname or alias.name: (str(line.module), alias.name)
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
