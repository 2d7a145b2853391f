"""Finished runs: finding one, and building its encoder with the weights it learned or with initial ones."""

from pathlib import Path

import torch

from avssl.config import ConfigError, make, read
from avssl.nets import Encoder

WEIGHTS = "encoder.safetensors"
CONFIG = "config.yaml"
TRAIN_FIRST = "train one first (python tools/train.py configs/shuffle_learn.yaml), or name one with run=FOLDER"


def find_run(run: str | Path | None = None, runs: str | Path = "runs", weights: bool = True) -> Path:
    """Return the folder of a run.

    Args:
        run: the folder; None for the one under ``runs`` that was written last.
        runs: where runs lie.
        weights: the run must have weights, not just a config.

    Raises:
        ConfigError: if there is none, or it lacks what is needed.
    """
    needed = [CONFIG, WEIGHTS] if weights else [CONFIG]
    if run is None:
        runs = Path(runs)
        found = [folder.parent for folder in runs.glob(f"*/{needed[-1]}") if (folder.parent / CONFIG).is_file()]
        if not found:
            raise ConfigError(f"run: no finished run under {runs.resolve()}; {TRAIN_FIRST}")
        return max(found, key=lambda folder: (folder / needed[-1]).stat().st_mtime)
    folder = Path(run)
    if not folder.is_dir():
        raise ConfigError(f"run: there is no folder {folder}; {TRAIN_FIRST}")
    missing = [name for name in needed if not (folder / name).is_file()]
    if CONFIG in missing:
        raise ConfigError(f"run: {folder} is not the folder of a run: it has no {CONFIG}; {TRAIN_FIRST}")
    if missing:
        raise ConfigError(
            f"run: {folder} has no {WEIGHTS} yet: its training has not saved an encoder; let it go on, or name another"
        )
    return folder


def fresh_encoder(run: Path, seed: int) -> Encoder:
    """Return the run's encoder as its training would have started it with this seed; torch's own stream is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make(read(run / CONFIG)["method"], "avssl.methods.Method", "method").encoder
