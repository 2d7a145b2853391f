"""What pixels alone say of order and speed: the floors that a method of order must beat."""

import numpy as np
import torch
from torch import Tensor

FOLDS = 5  # parts that recordings are dealt into, where a rule is fitted


def distances(frames: Tensor) -> Tensor:
    """Return mean squared distances between frames of tuples ``(N, frames, 3, H, W)``, ``(N, frames, frames)``."""
    rows = [(frames - frames[:, number, None]).square().mean((2, 3, 4)) for number in range(frames.shape[1])]
    return torch.stack(rows, 1)


def rearranged(costs: Tensor, shown: Tensor) -> Tensor:
    """Return costs between members ``(N, members, members)`` as costs between places.

    Args:
        costs: from member i to member j.
        shown: the member that each place shows, int64 ``(N, members)``.
    """
    number = torch.arange(len(costs), device=costs.device)[:, None, None]
    return costs[number, shown[:, :, None], shown[:, None]]


def path_length(costs: Tensor, orders: Tensor) -> Tensor:
    """Return how long each path through costs from one to the next is, ``(N, paths)``.

    Args:
        costs: of the step from i to j, ``(N, members, members)``.
        orders: paths, int64 ``(N or 1, paths, members)``.
    """
    number = torch.arange(len(costs), device=costs.device)[:, None, None]
    return costs[number, orders[..., :-1], orders[..., 1:]].sum(2)


def accuracy_of(said: Tensor, truth: Tensor, recording: Tensor) -> float:
    """Return how often pixels are right.

    Args:
        said: guesses, int64 ``(N,)``; or numbers, float ``(N, numbers)``, from which logistic regression guesses,
            fitted on other recordings than those it is asked about.
        truth: int64 ``(N,)``.
        recording: a number for that of each row, int64 ``(N,)``.

    Returns:
        The accuracy; NaN where too few recordings are there to fit on some and ask about others.
    """
    if said.ndim == 1:
        return (said == truth).float().mean().item()
    from sklearn.linear_model import LogisticRegression  # slow to import; needed only here
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, answers = said.double().numpy(), truth.numpy()
    fold = np.unique(recording.numpy(), return_inverse=True)[1] % FOLDS
    right = []
    for number in np.unique(fold):
        asked = fold == number
        if len(np.unique(answers[~asked])) < 2:
            return float("nan")
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(rows[~asked], answers[~asked])
        right.append(model.predict(rows[asked]) == answers[asked])
    return float(np.concatenate(right).mean())
