"""Teach networks from video, sound and pictures that nobody labelled, and measure honestly what was learned."""

from typing import TYPE_CHECKING

from avssl.version import __version__

if TYPE_CHECKING:
    from avssl.training.export import load_encoder, load_method, load_sound

__all__ = ["__version__", "load_encoder", "load_method", "load_sound"]


def __getattr__(name: str):
    """Load what needs torch only when it is asked for, so that ``import avssl.sampling`` stays NumPy only."""
    if name.startswith("load_") and name in __all__:
        from avssl.training import export

        return getattr(export, name)
    raise AttributeError(f"module 'avssl' has no attribute {name!r}")
