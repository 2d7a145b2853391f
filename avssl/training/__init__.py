"""How to learn: the training loop, optimisers, schedules, checkpoints and logs."""

from typing import TYPE_CHECKING

from avssl.lazy import attach

if TYPE_CHECKING:
    from avssl.training.classifiers import KNearestMonitor as KNearestMonitor
    from avssl.training.classifiers import LinearMonitor as LinearMonitor
    from avssl.training.errors import Stopped as Stopped
    from avssl.training.errors import TrainingError as TrainingError
    from avssl.training.export import load_encoder as load_encoder
    from avssl.training.loop import train as train
    from avssl.training.monitors import Monitor as Monitor
    from avssl.training.monitors import RankMonitor as RankMonitor
    from avssl.training.optim import LARS as LARS
    from avssl.training.optim import SGD as SGD
    from avssl.training.optim import AdamW as AdamW
    from avssl.training.optim import Optim as Optim
    from avssl.training.schedule import Constant as Constant
    from avssl.training.schedule import Cosine as Cosine
    from avssl.training.schedule import OneCycle as OneCycle
    from avssl.training.schedule import Schedule as Schedule
    from avssl.training.schedule import Step as Step

__getattr__, __dir__ = attach(__name__)
