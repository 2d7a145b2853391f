"""What an encoder knows: evaluators, how to run them, and the page that shows a run."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.evaluation.attention.evaluator import Attention
    from avssl.evaluation.base import Evaluator, Scores
    from avssl.evaluation.keypoints.evaluator import KeyPoints
    from avssl.evaluation.probes.evaluator import Probes
    from avssl.evaluation.retrieval.evaluator import Retrieval
    from avssl.evaluation.retrieval.neighbours import Neighbours
    from avssl.evaluation.running import evaluate

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "Attention": "avssl.evaluation.attention.evaluator",
    "Evaluator": "avssl.evaluation.base",
    "KeyPoints": "avssl.evaluation.keypoints.evaluator",
    "Neighbours": "avssl.evaluation.retrieval.neighbours",
    "Probes": "avssl.evaluation.probes.evaluator",
    "Retrieval": "avssl.evaluation.retrieval.evaluator",
    "Scores": "avssl.evaluation.base",
    "evaluate": "avssl.evaluation.running",
}

__all__ = ["Attention", "Evaluator", "KeyPoints", "Neighbours", "Probes", "Retrieval", "Scores", "evaluate"]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.evaluation' has no attribute {name!r}")
