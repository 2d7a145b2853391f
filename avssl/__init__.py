"""Teach networks from video, sound and pictures that nobody labelled, and measure honestly what was learned."""

from typing import TYPE_CHECKING

from avssl.lazy import attach
from avssl.version import __version__

if TYPE_CHECKING:
    from avssl.training.export import load_encoder as load_encoder
    from avssl.training.export import load_method as load_method
    from avssl.training.export import load_sound as load_sound

__all__ = [
    "__version__"
]  # and what attach adds, loaded when it is asked for: ``import avssl.sampling`` stays NumPy only
__getattr__, __dir__ = attach(__name__)
