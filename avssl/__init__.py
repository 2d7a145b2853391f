"""Teach networks from video, sound and pictures that nobody labelled, and measure honestly what was learned.

Each package is an entry point for other projects: ``avssl.media`` reads, ``avssl.sampling`` says when to look,
``avssl.transforms``, ``avssl.losses``, ``avssl.nets`` and ``avssl.methods`` are the parts of learning. They are loaded
when they are first used.

Examples:
    >>> import avssl
    >>> {"losses", "media", "methods", "sampling", "transforms", "load_encoder"} <= set(dir(avssl))
    True
    >>> avssl.sampling.fps(8)  # a stride for films of any rate
    fps(8)
"""

from typing import TYPE_CHECKING

from avssl.lazy import attach
from avssl.version import __version__

if TYPE_CHECKING:
    from avssl import audit as audit
    from avssl import data as data
    from avssl import evaluation as evaluation
    from avssl import features as features
    from avssl import inference as inference
    from avssl import losses as losses
    from avssl import media as media
    from avssl import methods as methods
    from avssl import metrics as metrics
    from avssl import nets as nets
    from avssl import report as report
    from avssl import sampling as sampling
    from avssl import training as training
    from avssl import transforms as transforms
    from avssl.training.export import load_encoder as load_encoder
    from avssl.training.export import load_method as load_method
    from avssl.training.export import load_sound as load_sound

__all__ = [
    "__version__"
]  # and what attach adds, loaded when it is asked for: ``import avssl.sampling`` stays NumPy only
__getattr__, __dir__ = attach(__name__)
