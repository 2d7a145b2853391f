"""A walk from frame to frame and back, which ought to end where it began: the contrastive random walk.

Jabri, Owens and Efros, "Space-Time Correspondence as a Contrastive Random Walk", NeurIPS 2020, section 3,
https://arxiv.org/abs/2006.14613.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses.precision import product, wide


class Walk(NamedTuple):
    """What walks of a clip come to, each the mean over nodes and lengths.

    Attributes:
        loss: nats, from 0 up, ``(N,)``: ``log(nodes)`` where all nodes are alike.
        returned: share of walks whose likeliest end is their start, ``(N,)``.
    """

    loss: Tensor
    returned: Tensor


def transitions(scores: Tensor, dropped: Tensor | None = None) -> Tensor:
    """Return the chances of steps from each row's node to the nodes of the next frame, float32 at least.

    Args:
        scores: ``(..., nodes, other nodes)``.
        dropped: edges that cannot be walked, bool, of the same shape. A row that loses all of them is uniform.
    """
    scores = wide(scores)
    if dropped is not None:
        scores = scores.masked_fill(dropped, torch.finfo(scores.dtype).min)
    return scores.softmax(-1)


def palindrome_walk(
    nodes: Tensor,
    temperature: float,
    going: Tensor | None = None,
    coming: Tensor | None = None,
    shortest: int = 1,
) -> Walk:
    """Return how likely walks through a clip and back end where they began: of 1, 2, ... all steps there and back.

    Steps there and back share one table of similarities, so that nodes of random features return above chance too:
    compare with those of random weights, not with ``1 / nodes``.

    Args:
        nodes: of any length, ``(N, frames, nodes, dim)``.
        temperature: cosines are divided by it.
        going: edges dropped on the way there, bool ``(N, frames - 1, nodes, nodes)``, from the earlier frame.
        coming: edges dropped on the way back, of the same shape, from the later frame.
        shortest: steps of the shortest walk (1; the authors' code: 2).

    Raises:
        ValueError: for other shapes, a temperature that is not above 0, or clips too short for any walk.

    Examples:
        >>> still = torch.eye(4)[None, None].expand(1, 3, 4, 4)
        >>> palindrome_walk(still, temperature=0.1).returned, palindrome_walk(torch.ones(1, 3, 4, 4), 0.1).loss
        (tensor([1.]), tensor([1.3863]))
    """
    if nodes.ndim != 4 or not temperature > 0:
        raise ValueError(f"needs nodes (N, frames, nodes, dim), temperature above 0; got {tuple(nodes.shape)}")
    steps = nodes.shape[1] - 1
    if not 1 <= shortest <= steps:
        raise ValueError(f"clips of {steps + 1} frames allow no walk of {shortest} steps; let them have more frames")
    units = F.normalize(wide(nodes), dim=-1)
    scores = product(units[:, :-1], units[:, 1:].mT) / temperature
    there, back = transitions(scores, going), transitions(scores.mT, coming)
    own = torch.arange(nodes.shape[2], device=nodes.device)
    out, home = there[:, 0], back[:, 0]
    losses, returned = [], []
    for step in range(1, steps + 1):
        if step > 1:
            out, home = product(out, there[:, step - 1]), product(back[:, step - 1], home)
        if step >= shortest:
            ends = product(out, home)
            chances = ends.diagonal(dim1=1, dim2=2).clamp(min=torch.finfo(ends.dtype).tiny)
            losses.append(-chances.log().mean(1))
            returned.append((ends.detach().argmax(2) == own).float().mean(1))
    return Walk(torch.stack(losses).mean(0), torch.stack(returned).mean(0))
