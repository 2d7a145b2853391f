"""The options of a prepare command: those that all have, and one for each keyword argument of the reader."""

import argparse
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from avssl.data.sets.inspection import Depth


def make_parser(read: Callable[..., Any], usage: str | None) -> tuple[argparse.ArgumentParser, list[str]]:
    """Return the parser of a prepare command, and the names of the reader's own arguments."""
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="the folder with the data set, as it was extracted")
    parser.add_argument("--out", type=Path, help="folder for manifest and report (default: the root)")
    parser.add_argument(
        "--check",
        choices=get_args(Depth),
        default="open",
        help="how deep to look at each file: none; exists: it is there and not empty; open (default): its header is "
        "right and its first frame decodes; decode: all of it decodes",
    )
    parser.add_argument(
        "--workers",
        type=_count,
        default=min(8, os.cpu_count() or 1),
        help="processes that look at files (default: %(default)s here); 0 for this one alone",
    )
    parser.add_argument("--min-frames", type=_count, default=0, help="leave out videos with fewer frames")
    parser.add_argument("--min-seconds", type=float, default=0.0, help="leave out recordings that are shorter")
    hints, about = get_type_hints(read), explained(read)
    own = list(inspect.signature(read).parameters.values())[1:]
    for argument in own:
        shown = about.get(argument.name, "").replace("%", "%%")
        needed = argument.default is argument.empty
        given = {"required": True} if needed else {"default": argument.default}
        option = f"--{argument.name.replace('_', '-')}"
        parser.add_argument(option, dest=argument.name, help=shown, **given, **_taking(hints[argument.name]))
    return parser, [argument.name for argument in own]


def explained(read: Callable[..., Any]) -> dict[str, str]:
    """Return what a docstring in Google's style says of each argument.

    Examples:
        >>> def read(root, part):
        ...     '''Read it.
        ...
        ...     Args:
        ...         root: the folder.
        ...         part: which part,
        ...             of two.
        ...     '''
        >>> explained(read)["part"]
        'which part, of two.'
    """
    section = (inspect.getdoc(read) or "").partition("Args:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _taking(hint: Any) -> dict[str, Any]:
    """Return what argparse must know to take a value of this kind."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = [each for each in get_args(hint) if each is not type(None)]
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint), "type": type(get_args(hint)[0])}
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_args(hint):  # a sequence of one kind
        return {"nargs": "+", "type": get_args(hint)[0]}
    return {"type": hint}


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, got {number}")
    return number
