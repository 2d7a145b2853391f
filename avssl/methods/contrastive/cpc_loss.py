"""What all methods of contrastive prediction share: their loss over the joint batch of all processes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import predictive_contrast


def contrast_steps(
    steps: Sequence[tuple[Tensor, Tensor]], candidates: Tensor, recordings: Tensor, present: Tensor | None = None
) -> dict[str, Tensor]:
    """Return ``loss``, ``accuracy`` and ``chance`` of predictions, each the mean over steps, of all processes.

    Each step weighs the same, however many anchors can look so far ahead: by chance the loss is ``log(N)`` whatever
    their number.

    Args:
        steps: of each, what is predicted, ``(items, anchors, dim)``, and for which place of the own item, int64
            ``(anchors,)`` where it is the same for all, or ``(items, anchors)``.
        candidates: what the places of this process's items hold, ``(items, places, dim)``.
        recordings: a number for the recording of each item, ``(items,)``: other items of it are no negatives.
        present: items that count, bool ``(items,)``; None: all.
    """
    candidates, recordings = all_gather(candidates), all_gather(recordings)
    present = None if present is None else all_gather(present)
    found = [
        predictive_contrast(
            all_gather(predicted),
            candidates,
            all_gather(places.expand(predicted.shape[:2]).contiguous()),
            recordings,
            present,
        )
        for predicted, places in steps
    ]
    return {name: torch.stack([one[name] for one in found]).mean() for name in found[0]}
