"""The command ``avssl``: every tool by name, from any folder, and what there is to name in a config."""

import ast
import inspect
import os
import runpy
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from avssl.config.check import is_class
from avssl.config.errors import ConfigError, suggest
from avssl.config.finding import find
from avssl.config.nearby import family
from avssl.config.signatures import parameters
from avssl.config.source import Function, StandIn, exports, locate, resolve
from avssl.installed import configs, datasets, spoken, tools

FAMILIES = {  # what a config may name, by the class that all of a kind inherit from
    "methods": ["avssl.methods.Method"],
    "encoders": ["avssl.nets.Encoder", "avssl.nets.SoundEncoder"],
    "samplers": ["avssl.sampling.Sampler"],
    "transforms": ["avssl.transforms.Transform"],
    "evaluators": ["avssl.evaluation.Evaluator", "avssl.evaluation.MethodEvaluator"],
    "probes": ["avssl.evaluation.probes.base.Probe"],
    "data": ["avssl.data.Dataset"],
    "monitors": ["avssl.training.Monitor"],
    "optimisers": ["avssl.training.Optim"],
    "schedules": ["avssl.training.Schedule"],
}
KINDS = [*FAMILIES, "losses", "configs", "datasets"]
SHELLS = {
    "bash": "complete -o default -C 'avssl complete' avssl",
    "zsh": "autoload -U +X bashcompinit && bashcompinit && complete -o default -C 'avssl complete' avssl",
    "fish": "complete -c avssl -a '(env COMP_LINE=(commandline -cp) avssl complete)'",
}
USAGE = """\
Teach networks from video, sound and pictures that nobody labelled, and measure honestly what was learned.

avssl COMMAND [CONFIG] [key=value ...]      avssl train shuffle_learn steps=500
avssl COMMAND --help                        the settings of a command

CONFIG is a name of `avssl list configs`, or a file. The commands are the tools of the same names:
"""
OWN = {
    "list KIND": "What a config may name, a line each; of which kinds there are, `avssl list` tells.",
    "show NAME": "What a class of these takes, and where it is from.",
    "config NAME": "A config's text, to begin one of your own: avssl config shuffle_learn > mine.yaml.",
    "prepare NAME": "Gather a data set, or check the one that you have: avssl prepare mpii --help.",
    "completion SHELL": 'Tab completion: eval "$(avssl completion bash)"; bash, zsh or fish.',
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line ``avssl``; a tool runs as ``python tools/NAME.py`` does.

    Raises:
        SystemExit: as the tool; status 2, after one line on the error stream, if there is no such command or name.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    own: dict[str, Callable[[str], str]] = {
        "list": listing,
        "show": shown,
        "config": text_of,
        "completion": completion,
    }
    try:
        if not words or words[0] in {"-h", "--help", "help"}:
            print(usage())
        elif words[0] in own:
            print(own[words[0]](words[1] if len(words) > 1 else ""))
        elif words[0] == "complete":
            line = os.environ.get("COMP_LINE", "")
            print("\n".join(candidates(line[: int(os.environ.get("COMP_POINT") or len(line))])))
        elif words[0] == "prepare":
            run(chosen(words[1] if len(words) > 1 else "", datasets(), "data set"), words[2:])
        else:
            script, rest = tool_of(words)
            run(script, rest)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:  # of `avssl list configs | head`: what is left to be flushed goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def usage() -> str:
    """Return what ``avssl --help`` shows."""
    said = {spoken(name): first_line(documentation(path)) for name, path in tools().items()}
    return USAGE + "\n" + table(said) + "\n\nand\n\n" + table(OWN)


def run(script: Path, arguments: Sequence[str]) -> None:
    """Run a script as Python does."""
    sys.argv = [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")


def tool_of(words: Sequence[str]) -> tuple[Path, list[str]]:
    """Return the tool that the first words mean (``eval probe`` is ``eval_probe``), and the words after them.

    Raises:
        ConfigError: if there is no such tool.
    """
    known = tools()
    for taken in (2, 1):
        name = "_".join(words[:taken]).replace("-", "_")
        if len(words) >= taken and name in known:
            return known[name], list(words[taken:])
    several = [spoken(name).partition(" ")[2] for name in known if name.startswith(f"{words[0]}_")]
    if several:
        kind = words[1] if len(words) > 1 else "nothing"
        raise ConfigError(f"{words[0]}: got {kind}{suggest(kind, several)}; needs one of {', '.join(several)}")
    near = suggest(words[0], [*known, *(one.split()[0] for one in OWN)])
    raise ConfigError(f"avssl has no command {words[0]!r}{near}; `avssl --help` lists them")


def listing(kind: str) -> str:
    """Return a line for each thing of a kind.

    Raises:
        ConfigError: if there is no such kind.
    """
    if kind in FAMILIES:
        return table({name: first_line(ast.get_docstring(one.node)) for name, one in members(kind).items()})
    if kind == "losses":
        every = {name: resolve("avssl.losses", name) for name in exports("avssl.losses")}
        return table({name: first_line(said(one)) for name, one in every.items() if said(one)})
    if kind == "configs":
        return table({name: comment(path) for name, path in configs().items()})
    if kind == "datasets":
        return table({name: first_line(documentation(path)) for name, path in datasets().items()})
    raise ConfigError(f"list: got {kind or 'nothing'}{suggest(kind, KINDS)}; needs one of {', '.join(KINDS)}")


def members(kind: str) -> dict[str, type[StandIn]]:
    """Return the classes of a kind by the name that a config gives them."""
    found = {}
    for path in FAMILIES[kind]:
        module, _, name = path.rpartition(".")
        base = resolve(module, name)
        assert is_class(base), path
        found |= family(base)
    return dict(sorted(found.items()))


def shown(name: str) -> str:
    """Return what is said of a class or loss, and what it takes.

    Raises:
        ConfigError: if nothing is called so.
    """
    every: dict[str, type[StandIn] | Function] = {key: one for kind in FAMILIES for key, one in members(kind).items()}
    every |= {key: one for key in exports("avssl.losses") if said(one := resolve("avssl.losses", key))}
    if name not in every:
        raise ConfigError(f"show: got {name or 'nothing'}{suggest(name, every)}; `avssl list KIND` lists the names")
    target = every[name]
    head, _, _ = (said(target) or "").partition("\nArgs:\n")
    rows = []
    for key, one in parameters(target).items():
        state = "needed" if one.default is None else f"= {one.default}"
        rows.append(f"  {key}: {one.written or 'any'} {state}")
        rows += textwrap.wrap(one.about, 108, initial_indent="      ", subsequent_indent="      ")
    path = locate(target.module)
    source = documentation(path) if path else ""
    return "\n".join([f"{target.module}.{name}", "", source, "", inspect.cleandoc(head).strip(), "", "Takes:", *rows])


def text_of(name: str) -> str:
    """Return the text of a config."""
    return Path(find(name)).read_text(encoding="utf-8").rstrip("\n")


def completion(shell: str) -> str:
    """Return the line that makes a shell complete the command."""
    if shell not in SHELLS:
        raise ConfigError(f"completion: got {shell or 'nothing'}; needs one of {', '.join(SHELLS)}")
    return SHELLS[shell]


def candidates(line: str) -> list[str]:
    """Return what the last word of a command line may become.

    Examples:
        >>> candidates("avssl trai"), candidates("avssl train shuffle_learn_u"), candidates("avssl list meth")
        (['train'], ['shuffle_learn_ucf101'], ['methods'])
    """
    *before, last = line.split(" ")
    before = [word for word in before if word][1:]
    if not before:
        options = [*(spoken(name).split()[0] for name in tools()), *(one.split()[0] for one in OWN)]
    elif before[0] == "list":
        options = KINDS
    elif before[0] == "show":
        options = [*(name for kind in FAMILIES for name in members(kind)), *exports("avssl.losses")]
    elif before[0] == "completion":
        options = list(SHELLS)
    elif before[0] == "prepare":
        options = list(datasets())
    elif len(before) == 1 and before[0] not in tools() and before[0] != "config":
        options = [spoken(name).partition(" ")[2] for name in tools() if name.startswith(f"{before[0]}_")]
    else:
        options = list(configs())
    return sorted({one for one in options if one.startswith(last)})


def chosen(name: str, options: dict[str, Path], kind: str) -> Path:
    if name not in options:
        raise ConfigError(f"got {name or 'nothing'}; needs a {kind}{suggest(name, options)}: {', '.join(options)}")
    return options[name]


def documentation(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def said(target: object) -> str | None:
    """Return the docstring of a function or class in source text; None of anything else."""
    return ast.get_docstring(target.node) if isinstance(target, Function) or is_class(target) else None


def comment(path: Path) -> str:
    """Return the first sentence of the comment that a config begins with."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return first_line(" ".join(lines))


def first_line(text: str | None) -> str:
    """Return the first sentence, without the command that it may end with."""
    text = " ".join((text or "").partition("\n\n")[0].split())
    text = text.partition("``python")[0].rstrip(" :")
    for end in (". ", "; ", ": "):
        text = text.partition(end)[0] if len(text) > 100 else text
    return text if text.endswith("?") else f"{text.rstrip('.')}."


def table(rows: dict[str, str]) -> str:
    wide = max(map(len, rows), default=0)
    return "\n".join(f"  {name:{wide}}  {about}" for name, about in rows.items())
