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

REAL = sys.stdlib_module_names | {"pydantic", "annotated_types", "typing_extensions"}  # cheap enough to import


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
        return Path(loaded)
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


@cache
def names(module: str) -> dict[str, ast.AST | tuple[str, str]]:
    """Return what a module defines: a syntax tree, or the module and name that it was imported from."""
    path = locate(module)
    found: dict[str, ast.AST | tuple[str, str]] = {}
    if path is None:
        return found
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
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
    return {name: place for name, place in names(package).items() if isinstance(place, tuple) and place[1]}


@cache
def resolve(module: str, name: str) -> Any:
    """Return what ``name`` means in a module: a real type, a stand-in, a `Function`, or ``Any``."""
    if module.split(".")[0] in REAL:
        return getattr(import_module(module), name, Any)
    found = names(module).get(name) or exports(module).get(name)
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
            return evaluate(ast.parse(text, mode="eval").body, module)
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
            if not callable(made) or made is Any or isinstance(made, Function):
                return Any
            named = {word.arg: ast.literal_eval(word.value) for word in keywords if word.arg}
            return made(*map(ast.literal_eval, positional), **named)
    return Any


def union(left: Any, right: Any) -> Any:
    return Any if left is Any or right is Any else typing.Union[left, right]  # noqa: UP007 (works on values)


def subscript(origin: Any, inside: ast.expr, module: str) -> Any:
    """Return ``origin[inside]``."""
    indexed: Any = origin  # a generic type, whose square brackets checkers cannot know
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if origin is Any or isinstance(origin, Function):
        return Any
    if is_class(origin):
        return origin
    if origin is typing.Literal:
        return typing.Literal[tuple(ast.literal_eval(part) for part in parts)]
    values = [evaluate(part, module) for part in parts if not isinstance(part, ast.List)]
    if not values:
        return Any
    return indexed[tuple(values) if len(values) > 1 else values[0]]
