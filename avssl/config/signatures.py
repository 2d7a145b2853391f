"""What functions and classes take: names, types, defaults and their descriptions, read from source text."""

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from avssl.config.source import Function, StandIn, constant, evaluate, is_class, literal


@dataclass(frozen=True)
class Parameter:
    """A parameter: its type (``Any`` where source text cannot tell), default as text, what is said, type as text."""

    hint: Any
    default: str | None
    about: str = ""
    written: str = ""


def bases(stand_in: type[StandIn]) -> Iterator[type[StandIn]]:
    """Yield a class and all it inherits from whose source can be read."""
    yield stand_in
    for base in stand_in.node.bases:
        made = evaluate(base, stand_in.module)
        if is_class(made):
            yield from bases(made)


def is_abstract(stand_in: type[StandIn]) -> bool:
    """Tell whether a class lists ``ABC`` among its direct bases."""
    return any(isinstance(base, ast.Name) and base.id == "ABC" for base in stand_in.node.bases)


def parameters(target: type[StandIn] | Function) -> dict[str, Parameter]:
    """Return the parameters of a function or of a class's constructor, in order."""
    if isinstance(target, Function):
        return arguments(target.node, target.module, about(target.node))
    for cls in bases(target):
        own = {node.name: node for node in cls.node.body if isinstance(node, ast.FunctionDef)}
        if "__init__" in own:
            return arguments(own["__init__"], cls.module, about(cls.node), skip=1)
        if is_dataclass(cls):
            return fields(cls)
    return {}


def arguments(node: ast.FunctionDef, module: str, said: dict[str, str], skip: int = 0) -> dict[str, Parameter]:
    """Return a function's parameters without the first ``skip``, and without ``*args`` and ``**kwargs``."""
    plain = [*node.args.posonlyargs, *node.args.args]
    defaults = [*[None] * (len(plain) - len(node.args.defaults)), *node.args.defaults]
    every = [
        *list(zip(plain, defaults, strict=True))[skip:],
        *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
    ]
    return {
        argument.arg: parameter(argument.annotation, default, module, said.get(argument.arg, ""))
        for argument, default in every
    }


def parameter(annotation: ast.expr | None, default: ast.expr | None, module: str, said: str) -> Parameter:
    hint = Any if annotation is None else evaluate(annotation, module)
    written = "" if annotation is None else ast.unparse(annotation)
    return Parameter(
        hint, None if default is None else ast.unparse(Plain(module).visit(deepcopy(default))), said, written
    )


class Plain(ast.NodeTransformer):
    """Puts values in the place of the constants that a default names, and texts in that of paths, as a config does."""

    def __init__(self, module: str):
        self.module = module

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = constant(self.module, node.id)
        return node if value is None else ast.Constant(value)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        path = isinstance(node.func, ast.Name) and node.func.id == "Path" and len(node.args) == 1
        return self.visit(node.args[0]) if path else node


def is_dataclass(cls: type[StandIn]) -> bool:
    calls = (node.func if isinstance(node, ast.Call) else node for node in cls.node.decorator_list)
    return any(getattr(call, "id", getattr(call, "attr", "")) == "dataclass" for call in calls)


def fields(cls: type[StandIn]) -> dict[str, Parameter]:
    """Return the fields of a dataclass that its constructor takes, inherited ones first."""
    made: dict[str, Parameter] = {}
    for base in reversed(list(bases(cls))):
        if not is_dataclass(base):
            continue
        said = about(base.node)
        for node in base.node.body:
            if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
                continue
            if "ClassVar" in ast.unparse(node.annotation):
                continue
            default = node.value
            if isinstance(default, ast.Call) and getattr(default.func, "id", "") == "field":
                options = {word.arg: word.value for word in default.keywords}
                if "init" in options and literal(options["init"]) is False:
                    continue
                default = options.get("default", options.get("default_factory"))
            made[node.target.id] = parameter(node.annotation, default, base.module, said.get(node.target.id, ""))
    return made


def about(node: ast.ClassDef | ast.FunctionDef) -> dict[str, str]:
    """Return what the section ``Args:`` of a Google docstring says of each argument."""
    said: dict[str, str] = {}
    current: list[str] = []
    _, _, section = (ast.get_docstring(node) or "").partition("Args:\n")
    for line in section.splitlines():
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent < 4:
            break
        name, colon, text = line.strip().partition(": ")
        if indent == 4 and colon:
            current = name.split(", ")
            said |= dict.fromkeys(current, text)
        elif line.strip():
            said |= {key: f"{said[key]} {line.strip()}" for key in current}
    return said
