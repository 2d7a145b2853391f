"""Teach networks from video, sound and pictures that nobody labelled, and measure honestly what was learned."""

from typing import TYPE_CHECKING

from avssl.version import __version__

if TYPE_CHECKING:
    from avssl.training.export import load_encoder

__all__ = ["__version__", "load_encoder"]


def __getattr__(name: str):
    """Load what needs torch only when it is asked for, so that ``import avssl.sampling`` stays NumPy only."""
    if name == "load_encoder":
        from avssl.training.export import load_encoder

        return load_encoder
    raise AttributeError(f"module 'avssl' has no attribute {name!r}")
