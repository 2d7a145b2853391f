"""WHEN to look: pure functions of a recording's metadata and a generator. NumPy only."""

from avssl.sampling.base import Clips, Sampler, Timeline, rng_for

__all__ = ["Clips", "Sampler", "Timeline", "rng_for"]
