"""Types read from source text, so that settings can be checked without importing what they call.

Importing torch takes seconds; reading the few files that a config names takes milliseconds. A class is
represented by a stand-in: an empty class that remembers where the real one is defined.
"""

import ast
import builtins
import sys
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeGuard

from avssl.config.errors import ConfigError

REAL = {  # modules of types that annotations write; imported, for it is cheap and does nothing
    *("typing", "collections", "pathlib", "types", "datetime", "enum", "fractions", "decimal", "numbers", "os", "abc"),
    *("pydantic", "annotated_types", "typing_extensions"),
}
MAKERS = {"typing", "avssl.lazy"}  # what a lazy package is made by: no public names
CONSTRAINTS = {"pydantic", "annotated_types"}  # whose calls in annotations are made, as of Field(gt=0)


class StandIn:
    """In place of a class: ``module`` and ``node`` say where it is defined."""

    module: str
    node: ast.ClassDef


def is_class(found: Any) -> TypeGuard[type[StandIn]]:
    """Tell whether something is a stand-in for a class."""
    return isinstance(found, type) and issubclass(found, StandIn)


@dataclass(frozen=True)
class Function:
    """In place of a function."""

    module: str
    node: ast.FunctionDef


@cache
def locate(module: str) -> Path | None:
    """Return the source file of a module without importing it or the packages around it; None if there is none."""
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded:
        return Path(loaded) if loaded.endswith(".py") else None
    first, *rest = module.split(".")
    try:
        spec = find_spec(first)
    except ValueError:  # a module such as __main__ that came from no file
        return None
    name = first
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def tree_of(module: str, path: Path) -> ast.Module:
    """Return the syntax tree of a module's source.

    Raises:
        ConfigError: if it is no Python, so that importing it would fail too.
    """
    try:
        return ast.parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} ({module}) cannot be read: {error.strerror}") from None
    except SyntaxError as error:
        raise ConfigError(f"{path} ({module}), line {error.lineno}: {error.msg}; Python cannot read it") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{path} ({module}) is no Python: {' '.join(str(error).split())}") from None


@cache
def names(module: str) -> dict[str, ast.AST | tuple[str, str]]:
    """Return what a module defines: a syntax tree, or the module and name that it was imported from."""
    path = locate(module)
    found: dict[str, ast.AST | tuple[str, str]] = {}
    if path is None:
        return found
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in statements(tree_of(module, path)):
        if isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*parents, node.module] if node.module else parents)
            found |= {alias.asname or alias.name: (origin, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.asname or alias.name: (alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = node.value
    return found


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements of a module, those under ``if TYPE_CHECKING`` too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If | ast.Try):
            yield from statements(node)
        else:
            yield node


@cache
def exports(package: str) -> dict[str, tuple[str, str]]:
    """Return a package's public names and where each is: what it imports, at once or when used (`avssl.lazy`)."""
    return {
        name: place
        for name, place in names(package).items()
        if isinstance(place, tuple) and place[1] and place[0] not in MAKERS
    }


@cache
def resolve(module: str, name: str) -> Any:
    """Return what ``name`` means in a module: a real type, a stand-in, a `Function`, or ``Any``."""
    package = module.split(".")[0]
    if package in REAL:
        try:
            return getattr(import_module(module), name, Any)
        except ImportError:  # a name that the module's own import would stumble over
            return Any
    if package in sys.stdlib_module_names:  # whose modules may do something when they are imported
        return Any
    found = names(module).get(name)
    if isinstance(found, tuple):
        origin, original = found
        return resolve(origin, original) if original and origin != module else Any
    if isinstance(found, ast.ClassDef):
        return type(name, (StandIn,), {"module": module, "node": found})
    if isinstance(found, ast.FunctionDef):
        return Function(module, found)
    if isinstance(found, ast.expr):
        return evaluate(found, module)
    return Any


def evaluate(node: ast.expr, module: str) -> Any:
    """Return the type that an annotation in a module writes; ``Any`` for what only running code could tell."""
    match node:
        case ast.Constant(value=str() as text):
            try:
                return evaluate(ast.parse(text, mode="eval").body, module)
            except SyntaxError:
                return Any
        case ast.Constant():
            return node.value
        case ast.Name(id=name):
            return getattr(builtins, name) if hasattr(builtins, name) else resolve(module, name)
        case ast.Attribute(value=ast.Name(id=prefix), attr=name):
            origin = names(module).get(prefix)
            return resolve(origin[0], name) if isinstance(origin, tuple) and not origin[1] else Any
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return union(evaluate(left, module), evaluate(right, module))
        case ast.Subscript(value=value, slice=inside):
            return subscript(evaluate(value, module), inside, module)
        case ast.Call(func=function, args=positional, keywords=keywords):
            made = evaluate(function, module)
            if getattr(made, "__module__", "").split(".")[0] not in CONSTRAINTS:
                return Any  # a call that does who knows what
            try:
                named = {word.arg: ast.literal_eval(word.value) for word in keywords if word.arg}
                return made(*map(ast.literal_eval, positional), **named)
            except (ValueError, TypeError):  # of numbers that only running code could tell
                return Any
    return Any


def literal(node: ast.expr) -> Any:
    """Return the plain value that source text writes out; None where only running code could tell."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None


def constant(module: str, name: str) -> Any:
    """Return the plain value that a name stands for in a module, wherever it comes from; None for all else."""
    found = names(module).get(name)
    if isinstance(found, tuple):
        origin, original = found
        return constant(origin, original) if original and origin != module else None
    return literal(found) if isinstance(found, ast.expr) else None


def union(left: Any, right: Any) -> Any:
    if left is Any or right is Any:
        return Any
    try:
        return typing.Union[left, right]  # noqa: UP007 (works on values)
    except TypeError:  # of what is no type
        return Any


def subscript(origin: Any, inside: ast.expr, module: str) -> Any:
    """Return ``origin[inside]``."""
    indexed: Any = origin  # a generic type, whose square brackets checkers cannot know
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if origin is Any or isinstance(origin, Function):
        return Any
    if is_class(origin):
        return origin
    try:
        if origin is typing.Literal:
            return typing.Literal[tuple(ast.literal_eval(part) for part in parts)]
        values = [evaluate(part, module) for part in parts if not isinstance(part, ast.List)]
        return indexed[tuple(values) if len(values) > 1 else values[0]] if values else Any
    except (TypeError, ValueError):  # of what is no generic type
        return Any
