"""Gathers what a run's folder holds and renders it as one page without outside resources."""

import platform
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from avssl import methods
from avssl.cache import whole
from avssl.config import ConfigError
from avssl.config.parsing import parse
from avssl.config.reading import read_text
from avssl.features.runs import CONFIG
from avssl.installed import tool
from avssl.report.curves import colors, overlaid, show, svg
from avssl.report.inputs import INPUTS
from avssl.report.inside import address, picture_data
from avssl.report.log import ASKED, MEASURED, MONITORED, Chart, read_charts
from avssl.report.records import (
    Score,
    Session,
    read_drawn,
    read_failures,
    read_scores,
    read_sessions,
    read_warnings,
    shortened,
)
from avssl.report.scores import TRAINED, lines
from avssl.text import printable
from avssl.training.journal import FAILURES, SESSIONS, WARNINGS
from avssl.training.sessions import PACKAGES
from avssl.version import __version__

PAGE = "report.html"
WHEN = "%Y-%m-%d %H:%M %Z"
SCORES = "scores.jsonl"
FILES = ("config.yaml", "log.csv", "*.jsonl", "*.ckpt", "*.safetensors", "*.onnx", "*.pt2")  # that are linked to


class Suggestion(NamedTuple):
    """What fits a run: the evaluator and its name, empty if it adds no scores; what it asks; and the command."""

    evaluator: str
    name: str
    asks: str
    command: str


def write_report(run: str | Path, told: Sequence[str] = (), suggested: Sequence[Suggestion] = ()) -> Path:
    """Write ``run/report.html`` from whatever the folder holds so far, and return its path.

    Nothing is needed but the folder: curves, warnings, scores, pictures, configuration and failures are shown as they
    come. What cannot be read is left out, and so are pictures and pages outside of the folder; a line each says so.

    Args:
        run: the folder.
        told: lines on what else was left out.
        suggested: what fits the run; evaluations that were made already are not named.
    """
    run, left_out = Path(run), list(told)
    config = read_config(run, left_out)
    charts = read_charts(run, left_out, floors_in(config))
    scores = read_scores(run / SCORES, left_out)
    evaluations = [entry_of(score, run, left_out) for score in scores]
    failures = read_failures(run / FAILURES, left_out)
    warned = shortened(read_warnings(run / WARNINGS, left_out))
    text = template().render(
        name=run.resolve().name,
        written=datetime.now().astimezone().strftime(WHEN),
        summary=summary(config),
        tiles=tiles(charts),
        charts=[chart_of(chart) for chart in charts if chart.comes_first],
        more=[chart_of(chart) for chart in charts if not chart.comes_first],
        evaluations=evaluations,
        suggested=[one for one in suggested if not {one.name, one.evaluator} & {score.asked() for score in scores}],
        seen=seen(run, left_out),
        config=config,
        facts=facts(run, read_sessions(run / SESSIONS, left_out)),
        files=files_of(run),
        runs=[] if config or charts else runs_in(run),
        failures=failures,
        warned=warned,
        left_out=shortened(left_out),
    )
    page = run / PAGE
    with whole(page) as part:
        part.write_text(printable(text), encoding="utf-8")
    for line in shortened(left_out):
        print(printable(f"left out of {page}: {line}"))
    return page


def template():
    loader = PackageLoader("avssl.report", ".")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html")


def read_config(run: Path, left_out: list[str]) -> str:
    """Return the text of a run's configuration; empty if there is none, or it cannot be read."""
    if not (run / CONFIG).exists():
        return ""
    try:
        return read_text(run / CONFIG)
    except ConfigError as error:
        left_out.append(f"{CONFIG}: {error}")
        return ""


def summary(text: str) -> str:
    """Return one line on what the run is, from its configuration."""
    try:
        config = parse(text) if text.strip() else {}
    except ConfigError:
        return ""  # the page shows the text
    method, data = (inner(config, name) for name in ("method", "data"))
    parts = (method.get("name"), inner(method, "encoder").get("name"), data.get("source"))
    return " · ".join(str(part)[:200] for part in parts if part)


def floors_in(text: str) -> dict[str, str]:
    """Return which measures the methods of a configuration declare to be floors of which, see `avssl.methods.Method`.

    Examples:
        >>> floors_in("method: {name: VideoMAE}")
        {'mean_loss': 'loss', 'copy_loss': 'loss'}
    """
    try:
        config = parse(text) if text.strip() else {}
    except ConfigError:
        return {}
    kinds = (getattr(methods, name, None) for name in names_in(inner(config, "method")))
    return {
        floor: of
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, methods.Method)
        for floor, of in kind.floors.items()
    }


def names_in(settings: Any) -> list[str]:
    """Return the names of all that settings build, the outermost first.

    Examples:
        >>> names_in({"name": "SeveralTasks", "methods": [{"name": "Rotation", "encoder": {"name": "SmallNet"}}]})
        ['SeveralTasks', 'Rotation', 'SmallNet']
    """
    if isinstance(settings, list):
        return [name for one in settings for name in names_in(one)]
    if not isinstance(settings, dict):
        return []
    return [str(name) for name in [settings.get("name")] if name] + names_in(list(settings.values()))


def inner(settings: Any, name: str) -> dict[str, Any]:
    """Return the settings under a key, as a mapping."""
    found = settings.get(name) if isinstance(settings, dict) else None
    return found if isinstance(found, dict) else {"name": found} if isinstance(found, str) else {}


def tiles(charts: list[Chart]) -> list[dict[str, str]]:
    """Return the last values of the main curves on held-out data, and of accuracies that monitors measure.

    Where nothing is held out, those on the data of the training.
    """
    sides = {line.side for chart in charts for line in chart.lines.values()}
    side = next((side for side in reversed(MEASURED) if side in sides), "")
    found = []
    for chart in charts:
        asked = chart.quantity in ASKED or (chart.has_floors and chart.comes_first)
        for line in chart.lines.values():
            if (asked and line.side == side) or chart.quantity in MONITORED:
                step, value = line.points[-1]
                name = f"{chart.title},{line.name.partition(',')[2]}" if line.dashed else chart.title
                chance = "" if line.dashed or chart.chance is None else f", chance {show(chart.chance)}"
                about = f"{'to compare, ' if line.dashed else ''}{line.side}, step {step:g}{chance}"
                found.append({"value": f"{value:.3f}", "name": name, "about": about, "floor": line.dashed})
    return found


def chart_of(chart: Chart) -> dict[str, Any]:
    legend = [
        {"name": line.name, "color": color % 6, "dashed": line.dashed, "faint": line.faint}
        for line, color in zip(chart.lines.values(), colors(chart), strict=True)
    ]
    alone = list(chart.lines) == ["batches"]  # then the title says it all
    legend = [] if alone else legend
    return {
        "title": chart.title,
        "about": chart.about,
        "svg": Markup(svg(chart)),
        "legend": legend,
        "chance": None if chart.chance is None else show(chart.chance),
        "overlaid": overlaid(chart),
    }


def seen(run: Path, left_out: list[str]) -> dict[str, list[dict[str, str]]]:
    """Return what the method sees, by item: lines with their picture as data."""
    found: dict[str, list[dict[str, str]]] = {}
    for line in read_drawn(run / INPUTS, left_out):
        try:
            data = picture_data(run, line.picture)
        except (OSError, ValueError) as error:
            left_out.append(f"{INPUTS}: {line.picture[:200]!r} {error}")
        else:
            found.setdefault(line.item, []).extend([] if data is None else [line.model_dump() | {"picture": data}])
    return {item: lines for item, lines in found.items() if lines}


def entry_of(score: Score, run: Path, left_out: list[str]) -> dict[str, Any]:
    """Return an evaluation with its pictures as data and its protocol as text."""
    found: dict[str, dict[str, str]] = {"pictures": {}, "pages": {}}
    for kind, bring in (("pictures", picture_data), ("pages", address)):
        for name, path in getattr(score, kind).items():
            try:
                data = bring(run, path)
            except (OSError, ValueError) as error:
                left_out.append(f"{SCORES}: {kind} of {score.evaluator[:80]}: {path[:200]!r} {error}")
            else:
                found[kind] |= {} if data is None else {name.replace("_", " "): data}
    cells = [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in score.table]
    table = [
        {"cells": line.cells, "bold": line.cells.get("row") == TRAINED, "first": line.starts} for line in lines(cells)
    ]
    protocol = {name: format_value(value) for name, value in score.protocol.items()}
    when = datetime.fromisoformat(score.time).astimezone().strftime(WHEN)
    return score.model_dump() | found | {"protocol": protocol, "table": table, "time": when}


def format_value(value: Any) -> str:
    """Return a plain value as a person would write it.

    Examples:
        >>> format_value([50, 200]), format_value({"steps": 300, "freeze": False})
        ('50, 200', 'steps: 300; freeze: no')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {format_value(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(format_value, value)) or "none"
    return "none" if value is None else str(value)


def facts(run: Path, sessions: Sequence[Session]) -> dict[str, str]:
    """Return the command that repeats the run, how long it took and on what, and with which versions and commit.

    Args:
        run: its folder.
        sessions: that it was trained in; of an older run none, and then the versions of this moment are told.
    """
    config, again = (quote(one) for one in (str(run / CONFIG), f"out={run}_again"))
    found = {"train": f"{tool('train')} {config} {again}"} if (run / CONFIG).exists() else {}
    if not sessions:
        if found or not runs_in(run):
            found["duration"] = "not recorded"
        versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
        return found | {"versions of this page": f"avssl {__version__}, {versions}", "machine of this page": machine}
    began = datetime.fromisoformat(sessions[0].began).astimezone().strftime(WHEN)
    over = f", over {len(sessions)} sessions" if len(sessions) > 1 else ""
    spent = format_seconds(sum(session.seconds for session in sessions))
    steps = f"steps {sessions[0].from_step} to {sessions[-1].to_step}"
    found |= {"began": began, "duration": f"{spent} for {steps}{over}, measuring and saving included"}
    for name in ("device", "machine", "data", "versions", "commit"):
        values = list(dict.fromkeys(getattr(session, name) for session in sessions))
        found |= {name: "; then ".join(values)} if any(values) else {}
    return found


def format_seconds(seconds: float) -> str:
    """Return a duration as a person says it.

    Examples:
        >>> [format_seconds(seconds) for seconds in (12.34, 250, 7500)]
        ['12.3 s', '4 min 10 s', '2 h 5 min']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def files_of(run: Path) -> list[dict[str, str]]:
    """Return the files of a run that a person may open or load: name, address and size."""
    names = sorted(path.name for pattern in FILES for path in run.glob(pattern) if path.is_file())
    found = []
    for name in dict.fromkeys(names):
        try:
            where = address(run, name)
        except ValueError:  # a link that leads elsewhere
            continue
        if where is not None:
            found.append({"name": name, "address": where, "size": format_bytes((run / name).stat().st_size)})
    return found


def runs_in(folder: Path) -> list[dict[str, str | None]]:
    """Return the runs in a folder that is none itself, such as rounds and students: name, address and command.

    The address is that of a run's page; None where it has none yet.
    """
    found = []
    for path in sorted({one.parent for depth in ("*", "*/*") for one in folder.glob(f"{depth}/{CONFIG}")}):
        name = path.relative_to(folder).as_posix()
        try:
            where = address(folder, f"{name}/{PAGE}")
        except ValueError:  # a link that leads elsewhere
            continue
        found.append({"name": name, "address": where, "command": f"{tool('report')} {quote(str(path))}"})
    return found


def format_bytes(count: int) -> str:
    """Return a size as a person reads it.

    Examples:
        >>> [format_bytes(count) for count in (900, 12_345, 3_839_518)]
        ['900 bytes', '12 kB', '3.8 MB']
    """
    return f"{count} bytes" if count < 1000 else f"{count / 1e3:.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"
