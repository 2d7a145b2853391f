"""The contract of evaluators: an encoder goes in, scores come out that name the protocol they were taken with."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from avssl.features.runs import Fresh, FreshMethod
from avssl.methods import Method
from avssl.nets import Encoder
from avssl.nets.encoders import Takes
from avssl.report.scores import Scores


class Evaluator(ABC):
    """Scores an encoder, beside random initialisations of the same architecture.

    Attributes:
        name: the folder in the run that the results go to.
        needs: what the data must give beside pictures: ``label``, ``keypoints``, ``masks`` and so on, as a manifest's
            columns are called, ``video`` where frames follow each other, ``sound``.
        takes: which kinds of encoders it can score.
    """

    name: str
    needs: ClassVar[frozenset[str]] = frozenset()
    takes: ClassVar[tuple[Takes, ...]] = ("pictures", "clips")

    @abstractmethod
    def __call__(
        self, encoder: Encoder, fresh: Fresh | None = None, folder: Path | None = None, device: str = "cpu"
    ) -> Scores:
        """Return the scores of an encoder.

        Args:
            encoder: what is scored; its weights are not changed.
            fresh: makes encoders of the same architecture with initial weights; None re-initialises copies, see
                `avssl.evaluation.baselines.reinitialised`.
            folder: where what is computed may be kept, so that an interrupted evaluation goes on; None keeps nothing.
            device: where networks run.
        """


class MethodEvaluator(ABC):
    """Scores a whole method, heads and all, beside initial weights.

    Attributes:
        name: the folder in the run that the results go to.
        needs: what the data must give, as for `Evaluator`.
        asks: which function or part a method must have of its own.
    """

    name: str
    needs: ClassVar[frozenset[str]] = frozenset()
    asks: ClassVar[str] = ""

    @abstractmethod
    def __call__(self, method: Method, fresh: FreshMethod, folder: Path | None = None, device: str = "cpu") -> Scores:
        """Return the scores of a method; those of initial weights stand beside them.

        Args:
            method: what is scored; its weights are not changed.
            fresh: makes methods of the same settings with initial weights.
            folder: where what is computed may be kept; None keeps nothing.
            device: where networks run.

        Raises:
            ConfigError: if the method cannot be asked this, see `avssl.methods.sound.base`.
        """
