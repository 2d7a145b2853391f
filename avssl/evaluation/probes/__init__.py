"""Probes: what can be read from frozen or tuned features."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.evaluation.probes.base import Labels, Probe
    from avssl.evaluation.probes.linear import Linear, NonLinear
    from avssl.evaluation.probes.neighbours import KNearest
    from avssl.evaluation.probes.svm import SVM

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "KNearest": "avssl.evaluation.probes.neighbours",
    "Labels": "avssl.evaluation.probes.base",
    "Linear": "avssl.evaluation.probes.linear",
    "NonLinear": "avssl.evaluation.probes.linear",
    "Probe": "avssl.evaluation.probes.base",
    "SVM": "avssl.evaluation.probes.svm",
}

__all__ = ["SVM", "KNearest", "Labels", "Linear", "NonLinear", "Probe"]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.evaluation.probes' has no attribute {name!r}")
