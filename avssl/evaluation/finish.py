"""What follows a training: pictures of its clusters, where its method has some, and the page of the run."""

from pathlib import Path

from avssl import methods
from avssl.config import ConfigError, rebuild
from avssl.config.reading import read
from avssl.data import DataError
from avssl.evaluation.clusters.evaluator import ClusterSheets
from avssl.evaluation.runner import evaluate_method
from avssl.features.runs import CONFIG
from avssl.media.errors import MediaError
from avssl.methods import Method
from avssl.report.page import inner, report
from avssl.training.errors import TrainingError

ITEMS = 2000  # of what is held out, or of the data, that are put in clusters


def finish(run: str | Path) -> None:
    """Draw the clusters of a run whose method has some, and write its page.

    Args:
        run: its folder, where the training has ended. Where clusters cannot be drawn, a line says why.
    """
    settings = read(Path(run) / CONFIG)
    kind = getattr(methods, str(inner(settings, "method").get("name")), Method)
    if kind.clusters_of is not Method.clusters_of:
        try:
            side = "held_out" if settings.get("held_out") else "data"
            data = rebuild(settings[side], "avssl.data.Dataset", f"{run}: {side}")
            evaluate_method(ClusterSheets(data, items=ITEMS), run)
            return  # with the page
        except (ConfigError, DataError, MediaError, TrainingError) as error:
            print(f"no pictures of clusters: {error}")
    report(run)
