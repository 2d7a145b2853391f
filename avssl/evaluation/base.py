"""The contract of evaluators: an encoder goes in, scores come out that name the protocol they were taken with."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avssl.config import ConfigError
from avssl.features.rows import Recipe, misfit
from avssl.features.runs import Fresh, FreshMethod
from avssl.methods import Method
from avssl.nets import Encoder
from avssl.nets.encoders import Takes
from avssl.report.scores import Scores


class Named(ABC):
    """What evaluators of encoders and of methods share.

    Attributes:
        name: the folder in the run that the results go to.
        truths: what the data must give beside pictures: ``label``, ``keypoints``, ``masks`` and so on, as a manifest's
            columns are called, ``video`` where frames follow each other, ``sound``.
        asks: its question in a few words, where it is not that of its tool's first line.
    """

    name: str
    truths: tuple[str, ...] = ()
    asks: str = ""

    @classmethod
    def name_of(cls, settings: Mapping[str, Any]) -> str:
        """Return the name that an evaluator of these settings goes by."""
        return cls.name


class Evaluator(Named, ABC):
    """Scores an encoder, beside random initialisations of the same architecture.

    Attributes:
        takes: the kinds of encoders that can be asked.
    """

    takes: tuple[Takes, ...] = ("pictures", "clips")

    def refuses(self, encoder: Encoder) -> str:
        """Return why an encoder cannot be asked this at all, in words; empty where it can.

        An evaluator that extracts features by a ``recipe`` refuses encoders that cannot look at data so.
        """
        if encoder.takes in self.takes:
            recipe = getattr(self, "recipe", None)
            return misfit(encoder, recipe) if isinstance(recipe, Recipe) else ""
        kinds = " or ".join(self.takes)
        return f"{type(self).__name__} asks encoders of {kinds}; {type(encoder).__name__} takes {encoder.takes}"

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


class WithMethod(Evaluator, ABC):
    """Scores an encoder, and may need the whole method that it is part of.

    Attributes:
        needs_method: whether it does.
    """

    needs_method: bool = False

    @abstractmethod
    def __call__(
        self,
        encoder: Encoder,
        fresh: Fresh | None = None,
        folder: Path | None = None,
        device: str = "cpu",
        method: Method | None = None,
    ) -> Scores:
        """Return the scores of an encoder.

        Args:
            encoder: as of `Evaluator`.
            fresh: likewise.
            folder: likewise.
            device: likewise.
            method: with heads and all; its encoder has the same weights. None where it is not needed, or not there.
        """


class MethodEvaluator(Named, ABC):
    """Scores a whole method, heads and all, beside initial weights.

    Attributes:
        needs: what a method must be, a class or a protocol such as those of `avssl.methods.sound.base`.
        lacks: what is said of a method that is not, behind its name.
    """

    needs: Any = Method
    lacks: str = "cannot be asked this"

    def refuses(self, method: Method) -> str:
        """Return why a method cannot be asked this at all, in words; empty where it can."""
        return "" if isinstance(method, self.needs) else f"{type(method).__name__} {self.lacks}"

    def require(self, method: Method) -> None:
        """Complain of a method that cannot be asked.

        Raises:
            ConfigError: with the reason.
        """
        if reason := self.refuses(method):
            raise ConfigError(reason)

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
