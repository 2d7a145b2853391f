"""What an encoder knows: evaluators, how to run them, and the page that shows a run."""

from typing import TYPE_CHECKING

from avssl.lazy import attach

if TYPE_CHECKING:
    from avssl.evaluation.attention.evaluator import Attention as Attention
    from avssl.evaluation.base import Evaluator as Evaluator
    from avssl.evaluation.base import MethodEvaluator as MethodEvaluator
    from avssl.evaluation.clusters.evaluator import ClusterSheets as ClusterSheets
    from avssl.evaluation.dense.detection import Detection as Detection
    from avssl.evaluation.dense.detector import Detector as Detector
    from avssl.evaluation.dense.fitting import Fitting as Fitting
    from avssl.evaluation.dense.normals import Normals as Normals
    from avssl.evaluation.dense.segmentation import Segmentation as Segmentation
    from avssl.evaluation.keypoints.evaluator import KeyPoints as KeyPoints
    from avssl.evaluation.probes.classification import Classification as Classification
    from avssl.evaluation.probes.clusters import Clusters as Clusters
    from avssl.evaluation.probes.evaluator import Probes as Probes
    from avssl.evaluation.probes.finetune import FineTune as FineTune
    from avssl.evaluation.probes.order import Order as Order
    from avssl.evaluation.propagation.adaptation import Adapt as Adapt
    from avssl.evaluation.propagation.evaluator import LabelPropagation as LabelPropagation
    from avssl.evaluation.propagation.films import ColourPropagation as ColourPropagation
    from avssl.evaluation.recoloring.evaluator import Recoloring as Recoloring
    from avssl.evaluation.retrieval.evaluator import Retrieval as Retrieval
    from avssl.evaluation.runner import evaluate as evaluate
    from avssl.evaluation.runner import evaluate_method as evaluate_method
    from avssl.evaluation.sound.classes import Classes as Classes
    from avssl.evaluation.sound.correspondence import Correspondence as Correspondence
    from avssl.evaluation.sound.crossmodal import CrossModal as CrossModal
    from avssl.evaluation.sound.localisation import Localisation as Localisation
    from avssl.evaluation.sound.offsets import Offsets as Offsets
    from avssl.evaluation.sound.probe import SoundProbe as SoundProbe
    from avssl.evaluation.tracking.evaluator import BoxTracking as BoxTracking
    from avssl.evaluation.transfer.labels import ClusterSettings as ClusterSettings
    from avssl.evaluation.transfer.student import Student as Student
    from avssl.evaluation.transfer.teachers import Teacher as Teacher
    from avssl.report.scores import Scores as Scores

__getattr__, __dir__ = attach(__name__)
