"""Gathers what a run's folder holds and renders it as one page without outside resources."""

import base64
import platform
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from avssl.cache import whole
from avssl.evaluation.base import lines
from avssl.evaluation.report.curves import colors, svg
from avssl.evaluation.report.log import FIRST, Chart, read_charts
from avssl.evaluation.rows import TRAINED
from avssl.evaluation.runs import CONFIG, find_run
from avssl.text import printable
from avssl.training.journal import FAILURES, read
from avssl.version import __version__

PAGE = "report.html"
WHEN = "%Y-%m-%d %H:%M %Z"
SCORES = "scores.jsonl"
PACKAGES = ("torch", "torchvision", "torchaudio", "numpy", "av", "lightning-fabric", "scikit-learn")


def report(run: str | Path | None = None, runs: str | Path = "runs") -> Path:
    """Write the page of a run and say where it is.

    Args:
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
    """
    page = write_report(find_run(run, runs, weights=False))
    print(printable(page))
    return page


def write_report(run: str | Path) -> Path:
    """Write ``run/report.html`` from whatever the folder holds so far, and return its path.

    Nothing is needed but the folder: curves, scores, pictures, configuration and failures are shown as they come.
    """
    run = Path(run)
    charts = read_charts(run)
    text = template().render(
        name=run.resolve().name,
        written=datetime.now().astimezone().strftime(WHEN),
        summary=summary(run),
        tiles=tiles(charts),
        charts=[drawn(chart) for chart in charts if chart.name in FIRST],
        more=[drawn(chart) for chart in charts if chart.name not in FIRST],
        evaluations=[shown(record, run) for record in latest(run)],
        config=read_text(run / CONFIG),
        facts=facts(run),
        failures=failures(run),
    )
    page = run / PAGE
    with whole(page) as part:
        part.write_text(printable(text), encoding="utf-8")
    return page


def template():
    loader = PackageLoader("avssl.evaluation.report", ".")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html")


def summary(run: Path) -> str:
    """Return one line on what the run is, from its configuration."""
    text = read_text(run / CONFIG)
    config = yaml.safe_load(text) if text else {}
    method = config.get("method", {}) if isinstance(config, dict) else {}
    method = {"name": method} if isinstance(method, str) else method
    encoder = method.get("encoder") or {}
    encoder = encoder if isinstance(encoder, str) else encoder.get("name", "")
    data = config.get("data", {}) if isinstance(config, dict) else {}
    source = data.get("source", "") if isinstance(data, dict) else ""
    return " · ".join(filter(None, (method.get("name", ""), encoder, str(source))))


def tiles(charts: list[Chart]) -> list[dict[str, str]]:
    """Return the last value of the main curves on held-out data."""
    found = []
    for chart in charts:
        for line in chart.lines.values():
            if chart.name in FIRST and line.name.startswith("held-out"):
                step, value = line.points[-1]
                name = f"{chart.title} of{line.name.partition(',')[2]}" if line.dashed else chart.title
                about = f"{line.side}, step {step:g}"
                found.append({"value": f"{value:.3f}", "name": name, "about": about, "floor": line.dashed})
    return found


def drawn(chart: Chart) -> dict[str, Any]:
    legend = [
        {"name": line.name, "color": color % 6, "dashed": line.dashed, "faint": line.faint}
        for line, color in zip(chart.lines.values(), colors(chart), strict=True)
    ]
    alone = list(chart.lines) == ["batches"]  # then the title says it all
    return {"title": chart.title, "svg": Markup(svg(chart)), "legend": [] if alone else legend, "chance": chart.chance}


def latest(run: Path) -> list[dict[str, Any]]:
    """Return the last line of each evaluator in ``scores.jsonl``."""
    found: dict[str, dict[str, Any]] = {}
    for record in read(run / SCORES):
        found[record["evaluator"]] = record
    return list(found.values())


def shown(record: dict[str, Any], run: Path) -> dict[str, Any]:
    """Return an evaluation with its pictures as data and its protocol as text."""
    pictures = [
        {"name": name.replace("_", " "), "data": embedded(run / path)}
        for name, path in record.get("pictures", {}).items()
        if (run / path).exists()
    ]
    protocol = {name: told(value) for name, value in record.get("protocol", {}).items()}
    table = [
        {"cells": line.cells, "bold": line.cells.get("row") == TRAINED, "first": line.starts}
        for line in lines(record.get("table", []))
    ]
    when = datetime.fromisoformat(record["time"]).astimezone().strftime(WHEN)
    return record | {"pictures": pictures, "protocol": protocol, "table": table, "time": when}


def told(value: Any) -> str:
    """Return a plain value as a person would write it.

    Examples:
        >>> told([50, 200]), told({"steps": 300, "freeze": False}), told([])
        ('50, 200', 'steps: 300; freeze: no', 'none')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {told(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(told, value)) or "none"
    return "none" if value is None else str(value)


def embedded(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def facts(run: Path) -> dict[str, str]:
    """Return the commands that repeat the run and its scores, and the versions at this moment."""
    found = {"train": f"python tools/train.py {run / CONFIG} out={run}_again"} if (run / CONFIG).exists() else {}
    found["measure"] = f"python tools/eval_keypoints.py run={run}; python tools/eval_neighbours.py run={run}"
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return found | {"versions": f"avssl {__version__}, {versions}", "machine": machine}


def failures(run: Path) -> list[dict[str, str]]:
    """Return the recordings that could not be read, with their last error."""
    return list({record["path"]: record for record in read(run / FAILURES)}.values())


def read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
