"""How to learn: the training loop, optimisers, schedules, checkpoints and logs."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.training.bench import Case, bench_training
    from avssl.training.errors import Stopped, TrainingError
    from avssl.training.export import load_encoder
    from avssl.training.loop import train
    from avssl.training.optim import LARS, SGD, AdamW, Optim
    from avssl.training.schedule import Constant, Cosine, OneCycle, Schedule, Step
    from avssl.training.transforms_cost import Task, bench_pretext
    from avssl.training.views_cost import bench_views

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "AdamW": "avssl.training.optim",
    "Case": "avssl.training.bench",
    "Constant": "avssl.training.schedule",
    "Cosine": "avssl.training.schedule",
    "LARS": "avssl.training.optim",
    "OneCycle": "avssl.training.schedule",
    "Optim": "avssl.training.optim",
    "SGD": "avssl.training.optim",
    "Schedule": "avssl.training.schedule",
    "Step": "avssl.training.schedule",
    "Task": "avssl.training.transforms_cost",
    "Stopped": "avssl.training.errors",
    "TrainingError": "avssl.training.errors",
    "bench_pretext": "avssl.training.transforms_cost",
    "bench_training": "avssl.training.bench",
    "bench_views": "avssl.training.views_cost",
    "load_encoder": "avssl.training.export",
    "train": "avssl.training.loop",
}

__all__ = [
    "LARS",
    "SGD",
    "AdamW",
    "Case",
    "Constant",
    "Cosine",
    "OneCycle",
    "Optim",
    "Schedule",
    "Step",
    "Stopped",
    "Task",
    "TrainingError",
    "bench_pretext",
    "bench_training",
    "bench_views",
    "load_encoder",
    "train",
]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.training' has no attribute {name!r}")
