"""What methods of a student, a teacher and a queue of its older keys share: MoCo and those that build on it.

He, Fan, Wu, Xie and Girshick, "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, section
3*, https://arxiv.org/abs/1911.05722 (*: from memory).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.distributed import all_gather
from avssl.losses import key_logits
from avssl.losses.precision import wide
from avssl.methods.shuffling import apply_in_groups
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, Queue, Teacher, named_projector

REPEATED = 4 / 5  # share of a queue's keys that are of different items, below which a run warns
ROUNDING = 1e-4  # nats by which a key must be nearer than others to be found


class MomentumContrast(MultiViewMethod):
    """A method whose queries are told from the latest keys of a teacher, the moving average of the student.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view.
        layers: linear maps of the head, with ReLU between them and no batch normalisation.
        hidden: numbers between them.
        dim: length of the embeddings.
        queue: how many keys are kept.
        temperature: cosines are divided by it.
        momentum: share of the teacher's weights that a step keeps.
        ramp: ``"cosine"`` raises it to 1 over the run.
        groups: of the key batch over all processes, each with batch statistics of its own.
        own_negatives: let an item's older keys be its negatives.

    Attributes:
        passes: keys of an item that come into the queue in one pass over the data.

    Raises:
        ValueError: if views are too few, or a number cannot be.
    """

    passes: int = 1

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        layers: int,
        hidden: int,
        dim: int,
        queue: int,
        temperature: float,
        momentum: float,
        ramp: Literal["none", "cosine"] = "none",
        groups: int = 1,
        own_negatives: bool = False,
    ):
        super().__init__(encoder, views)
        if groups < 1 or not temperature > 0:
            raise ValueError(f"needs groups of at least 1 and temperature above 0; got {groups} and {temperature}")
        self.temperature, self.own_negatives = temperature, own_negatives
        self.head = named_projector("moco_v2", encoder.dim, layers=layers, hidden=hidden, out=dim)
        self.teacher = Teacher(self.student(), momentum, ramp)
        self.queue = Queue(queue, dim)
        self.groups = groups if any(isinstance(module, _BatchNorm) for module in self.teacher.modules()) else 1
        self.fresh: list[tuple[Tensor, Tensor]] = []  # keys of this step and their items, until they may come in
        self.warned = False

    def keys_of(self, frames: Tensor, key: Tensor) -> Tensor:
        """Return the teacher's embeddings of a view ``(N, frames, 3, H, W)``, of length 1, ``(N, dim)``.

        Args:
            frames: of the view.
            key: by which groups are drawn, int64 ``(N, parts)``.
        """
        if self.training and self.groups > 1:
            return F.normalize(wide(apply_in_groups(self.teacher, frames, key, self.groups)), dim=1)
        return F.normalize(wide(self.teacher(frames)), dim=1)

    def negatives(self, keys: Tensor, items: Tensor) -> tuple[Tensor, float, Tensor]:
        """Return what a view's own keys are told from, the temperature, and what counts, bool ``(N, K)``."""
        if not self.training:
            return all_gather(keys), self.temperature, items[:, None] != all_gather(items)
        if self.own_negatives:
            return self.queue.rows, self.temperature, (self.queue.items >= 0).expand(len(items), -1)
        return self.queue.rows, self.temperature, self.queue.counts(items)

    def note(self, keys: Iterable[Tensor], items: Tensor) -> None:
        """Let keys ``(N, dim)`` of items ``(N,)``, one set a view, into the queue when gradients are there."""
        if self.training:
            self.fresh += [(each, items) for each in keys]

    def told(self, rows: Tensor, keys: Tensor, items: Tensor) -> Tensor:
        """Return what tells queries ``(N, dim)`` which keys are their own, as `avssl.losses.key_logits` does."""
        return key_logits(rows, keys, *self.negatives(keys, items))

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the student's parameters, all of which are decayed."""
        return [group | {"decay_all": True} for group in super().parameter_groups()]

    def after_backward(self, step: int, steps: int) -> None:
        """Let the keys of all processes come into the queue."""
        for keys, items in self.fresh:
            self.queue.enqueue(all_gather(keys), all_gather(items))
        self.fresh.clear()

    def facts(self) -> list[str]:
        """Return how many keys the queue has, and that the loss rises while they come in."""
        return [f"queries are told from the latest {len(self.queue):,} keys; the loss rises while these come in"]

    def warnings(self, scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
        """Return lines where embeddings collapse and, once, where the queue is long for the data."""
        lines = super().warnings(scores, start)
        filled, items = int(self.queue.filled), len(self.queue.items[self.queue.items >= 0].unique())
        if not self.warned and self.passes * items < REPEATED * filled:
            self.warned = True
            lines.append(
                f"warning: the queue's {filled:,} keys are of {items:,} recordings alone, older ones of the same among "
                "them; set queue to an eighth of the items or less"
            )
        return lines


def scores_of(tables: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return ``loss`` and ``accuracy``, means over all processes' rows of tables `key_logits` ``(N, 1 + K)``.

    A key that is as near as others is not found: where all rows are equal, the accuracy is 0.
    """
    truth = torch.zeros(len(tables[0]), dtype=torch.int64, device=tables[0].device)
    losses = torch.stack([F.cross_entropy(table, truth, reduction="none") for table in tables]).mean(0)
    right = torch.stack([table[:, 0] - table[:, 1:].amax(1) > ROUNDING for table in tables]).float().mean(0)
    loss, accuracy = all_gather(torch.stack([losses, right], 1)).mean(0)
    return {"loss": loss, "accuracy": accuracy}
