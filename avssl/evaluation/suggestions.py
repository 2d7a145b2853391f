"""Which evaluations fit a run: its data, its encoder and its method, by what evaluators declare that they need."""

import ast
import json
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import signature
from pathlib import Path
from shlex import quote
from types import UnionType
from typing import Any

from avssl import data, evaluation, installed, methods, nets, sampling
from avssl.config import ConfigError
from avssl.config.reading import read
from avssl.evaluation.base import Evaluator, MethodEvaluator
from avssl.features.runs import CONFIG
from avssl.report.inputs import read_given
from avssl.report.page import Suggestion, inner

PLAIN = "Segments"  # the sampler of evaluators that ask nothing of time
DATA = ("train", "test", "data", "queries", "pool", "validation")  # settings of evaluators that are data


def suggestions(run: str | Path) -> list[Suggestion]:
    """Return the evaluations that fit a run, those made for its data first, and last the map of its features.

    None where its settings cannot be read.

    A config of an evaluator that names the run's own source is suggested as it is. Where none does, the evaluator's
    first config is, with the run's data in it, if the data give what the evaluator needs, as was seen when the items
    of the run were drawn.

    Args:
        run: its folder.
    """
    run = Path(run)
    try:
        settings = read(run / CONFIG)
    except ConfigError:
        return []
    found: dict[str, Suggestion] = {}
    clips = takes_of(settings) == "clips"
    configs = sorted(ready_made(), key=lambda one: ("clips" in one[1].stem) != clips)  # those for such encoders first
    for ready in (True, False):
        for tool, config, whole in configs:
            evaluator = inner(whole, "evaluator")
            kind = getattr(evaluation, str(evaluator.get("name")), None)
            name = "" if kind is None else kind.name_of(evaluator)
            if kind is None or name in found or not suits(kind, settings) or not has(run, whole, kind):
                continue
            words = fitting(evaluator, settings, run, kind, ready)
            if words is not None:
                first = tool if config.stem == tool else f"{tool} {config.stem}"
                found[name] = Suggestion(kind.__name__, name, kind.asks or asked(tool), command(first, run, words))
    return [*found.values(), exploring(run)]


def exploring(run: Path) -> Suggestion:
    """Return how to see the features of a run as a map, and what that needs; it is never done once and for all."""
    where = f"what={run}" if "=" in str(run) else str(run)
    needs = f"needs the extra explore, installed once with: {installed.extra('explore')}"
    return Suggestion("", "", f"{asked('explore')} ({needs})", f"{installed.tool('explore')} {quote(where)}")


@cache
def ready_made() -> list[tuple[str, Path, dict[str, Any]]]:
    """Return the configs of evaluations: the tool of each, its file and what it holds."""
    tools = sorted(installed.tools(), key=len, reverse=True)
    found = []
    for name, path in installed.configs().items():
        tool = next((tool for tool in tools if f"{name}_".startswith(f"{tool}_")), None)
        whole = read(path) if name.startswith("eval_") else {}
        if tool is not None and inner(whole, "evaluator"):
            found.append((tool, path, whole))
    return found


def suits(kind: type, settings: Mapping[str, Any]) -> bool:
    """Tell whether an evaluator can ask a run's encoder, or its method, by what it declares."""
    if issubclass(kind, Evaluator):
        return takes_of(settings) in kind.takes
    method = getattr(methods, str(inner(settings, "method").get("name")), None)
    if not issubclass(kind, MethodEvaluator) or not isinstance(method, type):
        return False
    hears = "sound" in signature(method).parameters
    return can_be(method, kind.needs) and (hears or "sound" not in kind.truths)


def can_be(method: type, needed: Any) -> bool:
    """Tell whether objects of a class are what an evaluator needs: of a class, or with the functions of a protocol."""
    if isinstance(needed, UnionType):
        return any(can_be(method, one) for one in needed.__args__)
    if not getattr(needed, "_is_protocol", False):
        return issubclass(method, needed)
    functions = [name for name, value in vars(needed).items() if callable(value) and not name.startswith("_")]
    return all(callable(getattr(method, name, None)) for name in functions)


def has(run: Path, whole: Mapping[str, Any], kind: type) -> bool:
    """Tell whether a run exported what a config asks for: another encoder, or a classifier."""
    wanted = [str(whole.get("export") or "")] + ["classifier"] * ("classifier" in kind.truths)
    return all((run / f"{name}.safetensors").is_file() for name in wanted if name)


def takes_of(settings: Mapping[str, Any]) -> str:
    """Return what a run's encoder takes, as its settings tell; pictures where they do not."""
    encoder = inner(inner(settings, "method"), "encoder")
    kind = getattr(nets, str(encoder.get("name")), None)
    return str(encoder.get("takes") or getattr(kind, "takes", "pictures"))


def fitting(
    evaluator: Mapping[str, Any], settings: Mapping[str, Any], run: Path, kind: type[Evaluator], ready: bool
) -> list[str] | None:
    """Return the settings to give beside a config so that it fits a run; None where it does not.

    Args:
        evaluator: the config's.
        settings: the run's.
        run: its folder.
        kind: the class of the evaluator.
        ready: whether the config must name the run's source.
    """
    own = inner(settings, "data")
    asked = {name: inner(evaluator, name) for name in DATA if inner(evaluator, name)}
    made_for = own.get("source") in [one.get("source") for one in asked.values()]
    truths = {*kind.truths, *(["label"] if evaluator.get("relevant") == "label" else [])}
    if ready != made_for or (not ready and not truths <= {*read_given(run), "classifier"}):
        return None
    clips = issubclass(kind, Evaluator) and takes_of(settings) == "clips" and "unit" in evaluator
    words = ["evaluator.unit=clip"] if clips and evaluator["unit"] == "frame" else []
    if ready and not clips:
        return words
    if not asked or (len(asked) > 1 and not settings.get("held_out")):
        return None  # what is learned from must not be what is asked of
    for name, wanted in asked.items():
        side = "held_out" if settings.get("held_out") and name not in ("train", "pool") else "data"
        mine, sampler = brief(inner(settings, side)), inner(wanted, "sampler")
        if "sampler" in mine and sampler.get("name", PLAIN) != PLAIN:
            mine["sampler"] = sampler  # which frames are looked at is the evaluator's question
        words.append(f"evaluator.{name}={json.dumps(mine)}")
    return words


def brief(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of data or of a sampler without those that are what they would be anyway.

    Examples:
        >>> brief({"name": "Videos", "split": None, "sampler": {"name": "Segments", "pick": "centre"}})
        {'name': 'Videos', 'sampler': {'name': 'Segments'}}
    """
    name = str(settings.get("name"))
    kind = getattr(data, name, None) or getattr(sampling, name, None)
    usual = {one.name: one.default for one in signature(kind).parameters.values()} if kind is not None else {}
    return {
        key: brief(value) if isinstance(value, dict) else value
        for key, value in settings.items()
        if value is not None and (isinstance(value, dict) or key not in usual or value != usual[key])
    }


def asked(tool: str) -> str:
    """Return what a tool asks, the first sentence of its docstring without how to call it.

    Examples:
        >>> asked("eval_keypoints"), asked("eval_order")
        ('Find key points from few labels', 'Probe the order of frames')
    """
    told = ast.get_docstring(ast.parse(installed.tools()[tool].read_text(encoding="utf-8"))) or ""
    return told.partition("\n")[0].partition(": ``")[0].rstrip(".")


def command(first: str, run: Path, words: list[str]) -> str:
    """Return the command line of an evaluation of a run."""
    tool, _, config = first.partition(" ")
    return " ".join([installed.tool(tool), *config_words(config), *map(quote, [f"run={run}", *words])])


def config_words(config: str) -> Iterator[str]:
    if config:
        yield f"configs/{config}.yaml" if installed.is_checkout() else config
