"""A tool's command line: a config, overrides, ``--help``, and errors in one line."""

import inspect
import json
import os
import sys
import typing
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from avssl.config.build import build
from avssl.config.check import plan
from avssl.config.errors import ConfigError
from avssl.config.finding import find
from avssl.config.overrides import lay_as_given
from avssl.config.reading import read
from avssl.config.signatures import parameters
from avssl.config.source import Function, resolve
from avssl.memory import keep_freed_memory
from avssl.text import accept_any_name


def main(
    function: Callable[..., Any] | str,
    usage: str | None,
    default: str | Path | None = None,
    arguments: Sequence[str] | None = None,
    then: str | None = None,
    borrowed: bool = False,
    takes: str | None = None,
) -> Any:
    """Run a tool: ``python tools/NAME.py [CONFIG.yaml] [key.sub=value ...]``.

    CONFIG.yaml is a path or a name, as `avssl.config.finding.find` reads it.
    ``--config CONFIG.yaml`` names the config too, and ``--key.sub value`` or ``--key.sub=value`` is ``key.sub=value``.

    Args:
        function: what to run. Its dotted path is better than itself: then nothing is imported before the settings
            are known to be good.
        usage: what ``--help`` shows first: the tool's docstring.
        default: the config to use where the command line names none.
        arguments: the command line without the program; ``sys.argv`` if None.
        borrowed: the config is another tool's: what the function does not take of it is left out. What the command line
            sets must fit all the same.
        takes: the argument that bare words of the command line fill, such as files; one of a sequence type takes all of
            them. Then only ``--config`` names a config.
        then: dotted path of a function to call afterwards with the setting ``out``, the folder that was written.

    Returns:
        What the function returns.

    Raises:
        SystemExit: after one line on the error stream; status 2 if the settings or a recording are at fault, 130 or
            143 if a person or the system stopped the run.
    """
    accept_any_name()
    keep_freed_memory()
    words = list(sys.argv[1:] if arguments is None else arguments)
    path = function if isinstance(function, str) else f"{function.__module__}.{function.__qualname__}"
    module, _, name = path.rpartition(".")
    if "-h" in words or "--help" in words:
        print(explain(module, name, usage, default))
        return None
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # a person's own package.module.Class beside the config
    source = ""
    try:
        if takes is None:
            words = plain(words)
        else:
            words = given(words, takes, several=is_sequence(parameters(resolve(module, name))[takes].hint))
        if words and ("=" not in words[0] or is_there(words[0])):
            source, words = words[0], words[1:]
        elif default is not None:
            source = str(default)
        source = find(source) if source else source
        settings = read(source) if source else {}
        if borrowed:
            taken = parameters(resolve(module, name))
            settings = {key: value for key, value in settings.items() if key in taken}
        if not source and not words:
            raise ConfigError(f"give a config, such as configs/NAME.yaml, or key=value; see {sys.argv[0]} --help")
        for word in words:
            lay_as_given(settings, word)
        planned = plan(module, name, settings)
        seeded = "seed" in parameters(resolve(module, name))
        result = build(planned, planned.arguments.get("seed", 0) if seeded else None)
        if then is not None and is_first_process():
            package, _, last = then.rpartition(".")
            getattr(import_module(package), last)(planned.arguments["out"])
        return result
    except ConfigError as error:
        message, status = f"{source}: {error}" if source else str(error), 2
    except ValueError as error:
        if not type(error).__module__.startswith("avssl."):
            raise
        message, status = str(error), 2  # ours speak to a person; any other is a fault, and shows where
    except KeyboardInterrupt as error:
        message, status = str(error) or "stopped", getattr(error, "status", 130)
    print(message, file=sys.stderr)
    raise SystemExit(status)  # not while the error is handled: what its frames hold (loading processes) ends first


def plain(words: Sequence[str]) -> list[str]:
    """Return a command line without dashes: the config first, then ``key=value``.

    Raises:
        ConfigError: if ``--key`` has no value.

    Examples:
        >>> plain(["--run", "runs/mine", "--config=a.yaml", "--evaluator.k=3", "device=cpu"])
        ['a.yaml', 'run=runs/mine', 'evaluator.k=3', 'device=cpu']
    """
    config, rest, left = [], [], list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            rest.append(word)
            continue
        key, given, value = word.removeprefix("--").partition("=")
        if not given:
            if not left or left[0].startswith("--"):
                raise ConfigError(
                    f"--{key} needs a value, such as --{key} {'CONFIG.yaml' if key == 'config' else 'VALUE'}"
                )
            value = left.pop(0)
        if key == "config":
            config.append(value)
        else:
            rest.append(f"{key}={value}")
    return config + sorted(rest, key=lambda word: "=" in word)


def given(words: Sequence[str], takes: str, several: bool) -> list[str]:
    """Return a command line as `plain` does, with bare words as the value of one argument.

    Raises:
        ConfigError: if there are several and one is wanted.

    Examples:
        >>> given(["a.mp4", "--out", "b.mp4", "run=runs/mine"], "video", several=False)
        ['out=b.mp4', 'run=runs/mine', 'video=a.mp4']
    """
    options, bare, left = [], [], list(words)
    while left:
        word = left.pop(0)
        if word.startswith("--"):
            options += [word] if "=" in word or not left or left[0].startswith("--") else [word, left.pop(0)]
        elif "=" in word and not is_there(word):
            options.append(word)
        else:
            bare.append(word)
    if len(bare) > 1 and not several:
        raise ConfigError(f"{takes}: got {len(bare)} ({', '.join(bare[:3])}); give one")
    filled = [f"{takes}={quoted(bare) if several else bare[0]}"] if bare else []
    return plain(options) + filled


def is_there(word: str) -> bool:
    """Tell whether a word is the path of something."""
    try:
        return Path(word).exists()
    except (OSError, ValueError):  # longer than a name may be, or with a NUL in it
        return False


def quoted(words: Sequence[str]) -> str:
    r"""Return words as a list in YAML, each whole, whatever is in it: a name of a file may hold any sign but NUL.

    Examples:
        >>> quoted(["a #1.mp4", "\x9b.mp4"])
        '["a #1.mp4", "\\U0000009b.mp4"]'
    """
    text = json.dumps(list(words), ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)


def is_sequence(hint: Any) -> bool:
    """Tell whether a type is that of several values."""
    return typing.get_origin(hint) in (list, tuple, Sequence)


def is_first_process() -> bool:
    """Tell whether this is the only process of a run, or the first of those that share it."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def explain(module: str, name: str, usage: str | None, default: str | Path | None) -> str:
    """Return the text of ``--help``: the usage, and the function's arguments with their defaults."""
    target = resolve(module, name)
    assert isinstance(target, Function), f"{module}.{name} is no function whose source can be read"
    lines = [inspect.cleandoc(usage or ""), "", f"Settings of {name}, in YAML or as key=value:"]
    for key, parameter in parameters(target).items():
        state = "needed" if parameter.default is None else f"default {parameter.default}"
        lines.append(f"  {key} ({state}): {parameter.about}".rstrip(": "))
    if default is not None:
        lines += ["", f"Without a config: {default}"]
    return "\n".join(lines)
