"""Contrastive prediction: what is predicted for a place is told from what all other places hold.

InfoNCE: van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding" (CPC), 2018, section
2.3, https://arxiv.org/abs/1807.03748.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import product


def predictive_contrast(
    predicted: Tensor,
    candidates: Tensor,
    places: Tensor,
    recordings: Tensor | None = None,
    present: Tensor | None = None,
) -> dict[str, Tensor]:
    """Return how hard it is to find what was predicted among all places of all items.

    Logits are plain inner products in float32: nothing is normalised, and there is no temperature. Other places of the
    own item are negatives too; other items of its recording are none. Nothing waits for a GPU.

    Args:
        predicted: for each anchor of each item, ``(items, anchors, dim)``.
        candidates: what each place of each item holds, ``(items, places, dim)``.
        places: the place of the own item that an anchor predicts, int64 ``(items, anchors)``.
        recordings: a number for the recording of each item, ``(items,)``; None where each is one of its own.
        present: items that count, bool ``(items,)``; others are neither asked nor candidates. None: all.

    Returns:
        ``loss``: nats, the mean over anchors, from 0 up; ``log(N)`` where all logits are equal, with N candidates that
        count (``items * places``, where all do). The gradient by an anchor's logits is ``(softmax - truth)`` over the
        number of anchors of all items. Zero, with zero gradient, where no item counts. ``accuracy``: the share of
        anchors whose greatest logit is at their place. ``chance``: that of a guess, the mean of ``1 / N``. ``log(N)``
        less the loss bounds the mutual information from below, and never passes ``log(N)`` (section 2.3).

    Raises:
        ValueError: for shapes that do not fit.

    Examples:
        >>> rows = torch.eye(4)[None] * 9
        >>> found = predictive_contrast(rows, rows, torch.arange(4)[None])
        >>> round(found["loss"].item(), 3), found["accuracy"].item(), found["chance"].item()
        (0.0, 1.0, 0.25)
    """
    items, anchors = predicted.shape[:2]
    if (
        not predicted.ndim == candidates.ndim == 3
        or not anchors
        or (items, predicted.shape[2]) != (len(candidates), candidates.shape[2])
        or places.shape != (items, anchors)
    ):
        came = ", ".join(str(tuple(one.shape)) for one in (predicted, candidates, places))
        raise ValueError(
            "needs predicted (items, anchors, dim), candidates (items, places, dim) and places (items, anchors); got "
            f"{came}"
        )
    own = torch.arange(items, device=predicted.device)
    same = own[:, None] == own
    counts = torch.ones_like(same) if recordings is None else recordings[:, None] != recordings
    weight = torch.ones_like(own, dtype=torch.bool) if present is None else present
    counts = same | (counts & weight)
    each = candidates.shape[1]
    logits = product(predicted.flatten(0, 1), candidates.flatten(0, 1).T).view(items, anchors, items, each)
    logits = logits.masked_fill(~counts[:, None, :, None], float("-inf")).view(items * anchors, items * each)
    truth = (own[:, None] * each + places).flatten()
    weight = weight.to(logits.dtype) / (weight.sum() * anchors).clamp(min=1)
    losses = F.cross_entropy(logits, truth, reduction="none").view(items, anchors).sum(1)
    right = (logits.detach().argmax(1) == truth).view(items, anchors).sum(1)
    guess = anchors / (counts.sum(1) * each)
    return {name: (value * weight).sum() for name, value in (("loss", losses), ("accuracy", right), ("chance", guess))}
