"""Runs on disk: finding one, and building its encoder with initial weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from avssl.config import ConfigError, Trust, describe, make, rebuild, trusting
from avssl.config.build import without_weights
from avssl.installed import tool
from avssl.methods import Method
from avssl.nets import Encoder
from avssl.training.checkpoint import LAST, peek
from avssl.training.export import ENCODER, FILE, file_of, parts_of, read_export

Fresh = Callable[[int], Encoder]  # a seed -> an encoder of the same architecture with initial weights
FreshMethod = Callable[[int], Method]  # a seed -> a method of the same settings with initial weights
CONFIG = "config.yaml"
WEIGHTS = (LAST, FILE)  # a checkpoint, or the encoder alone
TRAIN_FIRST = f"train one first ({tool('train')} shuffle_learn), or name one with run=FOLDER"


def find_run(run: str | Path | None = None, runs: str | Path = "runs", weights: bool = True) -> Path:
    """Return the folder of a run.

    Args:
        run: the folder; None for the one under ``runs`` that was written last.
        runs: where runs lie.
        weights: the run must have weights, not just a config.

    Raises:
        ConfigError: if there is none, or it lacks what is needed.
    """
    needed = WEIGHTS if weights else (CONFIG,)
    if run is None:
        found = [path for name in needed for path in Path(runs).glob(f"*/{name}") if (path.parent / CONFIG).is_file()]
        if not found:
            raise ConfigError(f"run: no {'trained ' if weights else ''}run under {Path(runs).resolve()}; {TRAIN_FIRST}")
        return max(found, key=lambda path: path.stat().st_mtime).parent
    folder = Path(run)
    if not folder.is_dir():
        raise ConfigError(f"run: there is no folder {folder}; {TRAIN_FIRST}")
    if not (folder / CONFIG).is_file():
        raise ConfigError(f"run: {folder} is not the folder of a run: it has no {CONFIG}; {TRAIN_FIRST}")
    if not any((folder / name).is_file() for name in needed):
        raise ConfigError(f"run: {folder} has no weights yet ({' or '.join(WEIGHTS)}); let its training go on")
    return folder


def fresh_encoders(run: Path, trust: Trust = (), export: str = ENCODER) -> Fresh:
    """Return what builds the run's architecture with initial weights from a seed; torch's own stream is kept.

    Args:
        run: its folder.
        trust: as for `avssl.load_encoder`.
        export: likewise; the run has it.
    """
    last = run / LAST
    settings = parts_of(peek(last))[export]["settings"] if last.is_file() else read_export(run / file_of(export))[0]
    return seeded(lambda: rebuild(settings, "avssl.nets.Encoder", f"{run}: {export}"), trust)


def fresh_like(encoder: Encoder) -> Fresh:
    """Return what builds an encoder's architecture with initial weights from a seed."""
    settings = describe(encoder)
    return seeded(lambda: make(settings, "avssl.nets.Encoder", "encoder"))


def fresh_methods(run: Path, trust: Trust = ()) -> FreshMethod:
    """Return what builds the run's method with initial weights from a seed, likewise."""
    settings = peek(run / LAST)["settings"]["method"]
    return seeded(lambda: rebuild(settings, "avssl.methods.Method", f"{run}: method").eval(), trust)


def seeded(build: Callable[[], Any], trust: Trust = ()) -> Callable[[int], Any]:
    """Return what builds an object with initial weights that a seed fixes."""

    def fresh(seed: int) -> Any:
        with torch.random.fork_rng(devices=[]), trusting(trust), without_weights():
            torch.manual_seed(seed)
            return build()

    return fresh
