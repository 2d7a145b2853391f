"""What follows a training: pictures of what its method sees and of its clusters, where it has some, and its page."""

from pathlib import Path
from typing import Any

from avssl import methods
from avssl.config import ConfigError, Trust, rebuild
from avssl.config.reading import read
from avssl.data import DataError
from avssl.evaluation.clusters.evaluator import ClusterSheets
from avssl.evaluation.runner import evaluate_method
from avssl.evaluation.suggestions import suggestions
from avssl.features.runs import CONFIG, find_run
from avssl.media.errors import MediaError
from avssl.methods import Method
from avssl.report.inputs import GIVEN, INPUTS, draw_inputs
from avssl.report.page import inner, write_report
from avssl.text import printable
from avssl.training.errors import TrainingError

ITEMS = 2000  # of what is held out, or of the data, that are put in clusters


def finish(run: str | Path) -> None:
    """Draw what the method of a run sees and, where it has some, its clusters, and write the page of the run.

    Args:
        run: its folder, where the training has ended. Where something cannot be drawn, a line says why.
    """
    settings = read(Path(run) / CONFIG)
    told = draw_inputs(Path(run), trust=packages_of(settings))
    kind = getattr(methods, str(inner(settings, "method").get("name")), Method)
    if kind.clusters_of is not Method.clusters_of:
        try:
            side = "held_out" if settings.get("held_out") else "data"
            data = rebuild(settings[side], "avssl.data.Dataset", f"{run}: {side}")
            evaluate_method(ClusterSheets(data, items=ITEMS), run)
        except (ConfigError, DataError, MediaError, TrainingError) as error:
            print(f"no pictures of clusters: {error}")
    print(printable(write_report(run, told, suggestions(run))))


def report(run: str | Path | None = None, runs: str | Path = "runs", trust: Trust = ()) -> Path:
    """Write the page of a run and say where it is; what its method sees is drawn first, where that was not done yet.

    Args:
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.
    """
    folder = find_run(run, runs, weights=False)
    told = [] if (folder / INPUTS).exists() and (folder / GIVEN).exists() else draw_inputs(folder, trust)
    page = write_report(folder, told, suggestions(folder))
    print(printable(page))
    return page


def packages_of(settings: Any) -> list[str]:
    """Return the packages of others that settings name classes of: they have just been trained with.

    Examples:
        >>> packages_of({"method": {"name": "SimCLR", "encoder": {"name": "my_nets.small.Net"}}})
        ['my_nets']
    """
    parts = settings.values() if isinstance(settings, dict) else settings if isinstance(settings, list | tuple) else ()
    found = {package for part in parts for package in packages_of(part)}
    name = str(settings.get("name", "")) if isinstance(settings, dict) else ""
    first, dot, _ = name.partition(".")
    return sorted(found | ({first} if dot and first.isidentifier() else set()))
