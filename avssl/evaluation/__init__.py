"""What an encoder knows: evaluators, how to run them, and the page that shows a run."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.evaluation.attention.evaluator import Attention
    from avssl.evaluation.base import Evaluator, MethodEvaluator
    from avssl.evaluation.dense.detection import Detection
    from avssl.evaluation.dense.detector import Detector
    from avssl.evaluation.dense.fitting import Fitting
    from avssl.evaluation.dense.normals import Normals
    from avssl.evaluation.dense.segmentation import Segmentation
    from avssl.evaluation.keypoints.evaluator import KeyPoints
    from avssl.evaluation.probes.evaluator import Probes
    from avssl.evaluation.probes.finetune import FineTune
    from avssl.evaluation.recoloring.evaluator import Recoloring
    from avssl.evaluation.retrieval.evaluator import Retrieval
    from avssl.evaluation.running import evaluate, evaluate_method
    from avssl.evaluation.sound.classes import Classes
    from avssl.evaluation.sound.correspondence import Correspondence
    from avssl.evaluation.sound.crossmodal import CrossModal
    from avssl.evaluation.sound.localisation import Localisation
    from avssl.evaluation.sound.offsets import Offsets
    from avssl.evaluation.sound.probe import SoundProbe
    from avssl.report.scores import Scores

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "Attention": "avssl.evaluation.attention.evaluator",
    "Classes": "avssl.evaluation.sound.classes",
    "Correspondence": "avssl.evaluation.sound.correspondence",
    "CrossModal": "avssl.evaluation.sound.crossmodal",
    "Detection": "avssl.evaluation.dense.detection",
    "Detector": "avssl.evaluation.dense.detector",
    "Evaluator": "avssl.evaluation.base",
    "Fitting": "avssl.evaluation.dense.fitting",
    "FineTune": "avssl.evaluation.probes.finetune",
    "KeyPoints": "avssl.evaluation.keypoints.evaluator",
    "Localisation": "avssl.evaluation.sound.localisation",
    "MethodEvaluator": "avssl.evaluation.base",
    "Normals": "avssl.evaluation.dense.normals",
    "Offsets": "avssl.evaluation.sound.offsets",
    "Probes": "avssl.evaluation.probes.evaluator",
    "Recoloring": "avssl.evaluation.recoloring.evaluator",
    "Retrieval": "avssl.evaluation.retrieval.evaluator",
    "Scores": "avssl.evaluation.base",
    "Segmentation": "avssl.evaluation.dense.segmentation",
    "SoundProbe": "avssl.evaluation.sound.probe",
    "evaluate": "avssl.evaluation.running",
    "evaluate_method": "avssl.evaluation.running",
}

__all__ = [
    "Attention",
    "Classes",
    "Correspondence",
    "CrossModal",
    "Detection",
    "Detector",
    "Evaluator",
    "FineTune",
    "Fitting",
    "KeyPoints",
    "Localisation",
    "MethodEvaluator",
    "Normals",
    "Offsets",
    "Probes",
    "Recoloring",
    "Retrieval",
    "Scores",
    "Segmentation",
    "SoundProbe",
    "evaluate",
    "evaluate_method",
]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.evaluation' has no attribute {name!r}")
