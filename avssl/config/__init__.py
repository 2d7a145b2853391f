"""Settings to objects: a YAML mapping is a call, and the constructor's signature is its schema.

``{name: SmallNet, dim: 64}`` means ``SmallNet(dim=64)``. Which classes ``name`` may choose follows from the type
hint that the mapping fills: its family (``Encoder``, ``Sampler``, ``Method`` and so on) and the package that exports
it. Settings are checked against source text, before torch is imported, so that a slip is answered at once.
"""

from avssl.config.build import Call, build, make, rebuild
from avssl.config.check import fit, plan
from avssl.config.command import main
from avssl.config.describe import UNRECORDED, Recorded, describe
from avssl.config.errors import ConfigError
from avssl.config.ranges import Count, NotNegative, Positive, Share
from avssl.config.reading import read, write
from avssl.config.trust import Trust, trusting

__all__ = [
    "UNRECORDED",
    "Call",
    "ConfigError",
    "Count",
    "NotNegative",
    "Positive",
    "Recorded",
    "Share",
    "Trust",
    "build",
    "describe",
    "fit",
    "main",
    "make",
    "plan",
    "read",
    "rebuild",
    "trusting",
    "write",
]
