"""Probes: what can be read from frozen or tuned features."""

from typing import TYPE_CHECKING

from avssl.lazy import attach

if TYPE_CHECKING:
    from avssl.evaluation.probes.attentive import Attentive as Attentive
    from avssl.evaluation.probes.base import Labels as Labels
    from avssl.evaluation.probes.base import Probe as Probe
    from avssl.evaluation.probes.linear import Linear as Linear
    from avssl.evaluation.probes.linear import NonLinear as NonLinear
    from avssl.evaluation.probes.neighbours import KNearest as KNearest
    from avssl.evaluation.probes.svm import SVM as SVM

__getattr__, __dir__ = attach(__name__)
