"""Where else the records of a run go: Weights & Biases, MLflow and Trackio, each an extra."""

import json
import math
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from avssl.installed import extra
from avssl.training.errors import TrainingError

LoggerName = Literal["wandb", "mlflow", "trackio"]
FILE = "loggers.json"  # under which name each of them knows the run
PROJECT = "avssl"


class Logger(ABC):
    """A run of another library's, which records are handed to.

    Args:
        folder: of the run; its name is the run's.
        settings: of the run.
        known: under which name the library knows the run that goes on; None for one that begins.

    Attributes:
        known: likewise, now.
    """

    known: str

    @abstractmethod
    def __init__(self, folder: Path, settings: Mapping[str, Any], known: str | None): ...

    @abstractmethod
    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Hand over a record."""

    @abstractmethod
    def close(self) -> None:
        """End."""


class WithRun(Logger):
    """A tool whose runs take records and are finished."""

    _run: Any

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        self._run.log(dict(scalars), step=step)

    def close(self) -> None:
        self._run.finish()


class Wandb(WithRun):
    """Weights & Biases; its own variables of the environment (``WANDB_PROJECT``, ``WANDB_MODE``) hold."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], known: str | None):
        self.known = known or secrets.token_hex(8)
        project = os.environ.get("WANDB_PROJECT") or PROJECT
        self._run = import_module("wandb").init(
            project=project, name=folder.name, id=self.known, resume="allow", dir=str(folder), config=dict(settings)
        )


class Trackio(WithRun):
    """Trackio, which knows runs by their names."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], known: str | None):
        self.known = known or f"{folder.name}-{secrets.token_hex(4)}"
        self._run = import_module("trackio").init(
            project=PROJECT, name=self.known, resume="allow", config=dict(settings)
        )


class Mlflow(Logger):
    """MLflow; its own variables of the environment (``MLFLOW_TRACKING_URI``, ``MLFLOW_EXPERIMENT_NAME``) hold."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], known: str | None):
        self._mlflow = import_module("mlflow")
        if known is None and not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & os.environ.keys():
            self._mlflow.set_experiment(PROJECT)
        started = self._mlflow.start_run(run_id=known, run_name=None if known else folder.name)
        self.known = started.info.run_id
        if known is None:  # what was said of a run cannot be changed
            self._mlflow.log_params({key: str(value)[:500] for key, value in flat(settings).items()})

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        self._mlflow.log_metrics(dict(scalars), step=step)

    def close(self) -> None:
        self._mlflow.end_run()


KINDS: Mapping[str, type[Logger]] = {"wandb": Wandb, "mlflow": Mlflow, "trackio": Trackio}


class Loggers:
    """Hands records to several libraries; one that fails is left out from then on, which is said.

    Args:
        names: of the libraries.
        folder: of the run.
        settings: of the run.
        resumed: whether the run goes on; in these libraries it then does too.
        say: is told, in one line, when one fails.
    """

    def __init__(
        self,
        names: Sequence[LoggerName],
        folder: Path,
        settings: Mapping[str, Any],
        resumed: bool,
        say: Callable[[str], None],
    ):
        self.say = say
        file = folder / FILE
        known = json.loads(file.read_text()) if resumed and file.exists() else {}
        plain = json.loads(json.dumps(settings, default=str))
        self.open: dict[str, Logger] = {}
        for name in dict.fromkeys(names):
            self._try(name, lambda name=name: self.open.update({name: KINDS[name](folder, plain, known.get(name))}))
        if self.open:
            file.write_text(json.dumps(known | {name: one.known for name, one in self.open.items()}))

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Hand over a record: what is finite of it."""
        finite = {name: value for name, value in scalars.items() if math.isfinite(value)}
        for name, one in list(self.open.items()):
            self._try(name, lambda one=one: one.write(step, finite))

    def close(self) -> None:
        """End them all."""
        for name, one in list(self.open.items()):
            self._try(name, one.close)
        self.open = {}

    def _try(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # of any kind: a server that is gone must not end a training
            self.open.pop(name, None)
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.say(f"{name} takes no more records ({reason}); the log of the run holds them all")


def check_loggers(names: Sequence[str]) -> None:
    """Refuse libraries that are not known, or not installed.

    Raises:
        TrainingError: for the first.
    """
    for name in names:
        if name not in KINDS:
            raise TrainingError(f"loggers: got {name!r}; needs some of {', '.join(KINDS)}")
        try:
            import_module(name)
        except ImportError as error:
            raise TrainingError(f"loggers: {name} is not installed: {extra(name)}") from error


def flat(settings: Any, where: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted keys.

    Examples:
        >>> flat({"optim": {"lr": 0.1}, "views": [{"name": "Flip"}], "out": "runs/a"})
        {'optim.lr': 0.1, 'views.0.name': 'Flip', 'out': 'runs/a'}
    """
    if not isinstance(settings, dict | list) or not settings:
        return {where: settings}
    pairs = settings.items() if isinstance(settings, dict) else enumerate(settings)
    found: dict[str, Any] = {}
    for key, value in pairs:
        found |= flat(value, f"{where}.{key}" if where else str(key))
    return found
