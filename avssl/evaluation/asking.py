"""Ask an evaluator of what a person named: of an encoder, of an encoder and its method, or of the method alone."""

from pathlib import Path

from avssl.evaluation.base import Evaluator, MethodEvaluator, WithMethod
from avssl.features.subject import Subject
from avssl.report.scores import Scores


def ask(evaluator: Evaluator | MethodEvaluator, subject: Subject, folder: Path | None, device: str) -> Scores:
    """Return the scores of a subject.

    Args:
        evaluator: what to ask.
        subject: of which.
        folder: where what is computed may be kept.
        device: where networks run.

    Raises:
        ConfigError: if a method is asked and the subject is weights without one.
    """
    if isinstance(evaluator, MethodEvaluator):
        return evaluator(subject.method(), fresh=subject.fresh_methods(), folder=folder, device=device)
    if isinstance(evaluator, WithMethod) and evaluator.needs_method:
        return evaluator(subject.encoder, fresh=subject.fresh, folder=folder, device=device, method=subject.method())
    return evaluator(subject.encoder, fresh=subject.fresh, folder=folder, device=device)


def refusal(evaluator: Evaluator | MethodEvaluator, subject: Subject) -> str:
    """Return why a subject cannot be asked, as the evaluator declares it, in words; empty where it can."""
    if isinstance(evaluator, MethodEvaluator):
        return evaluator.refuses(subject.method())
    return evaluator.refuses(subject.encoder)


def whole_method(evaluator: Evaluator | MethodEvaluator) -> bool:
    """Tell whether an evaluator asks more of a run than its encoder."""
    return isinstance(evaluator, MethodEvaluator) or (isinstance(evaluator, WithMethod) and evaluator.needs_method)
