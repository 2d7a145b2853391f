"""MoCo: a view's query finds the key of another view of its item among a queue of older keys.

He, Fan, Wu, Xie and Girshick, "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, section
3*, https://arxiv.org/abs/1911.05722; version 2: Chen, Fan, Girshick and He, "Improved Baselines with Momentum
Contrastive Learning", 2020, https://arxiv.org/abs/2003.04297; on clips: Feichtenhofer et al., "A Large-Scale Study on
Unsupervised Spatiotemporal Representation Learning", CVPR 2021, https://arxiv.org/abs/2104.14558. Numbers are those of
the authors' code; sections with a star are from memory.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.distributed import all_gather
from avssl.losses import key_logits
from avssl.losses.precision import wide
from avssl.methods.base import Batch
from avssl.methods.recordings import recordings_of
from avssl.methods.shuffling import apply_in_groups
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, Queue, Teacher, named_projector
from avssl.transforms.draws import stream_of

REPEATED = 4 / 5  # share of a queue's keys that are of different items, below which a run warns
ROUNDING = 1e-4  # nats by which a key must be nearer than others to be found


class MoCo(MultiViewMethod):
    """Queries of a student are told from the latest keys of its teacher, a queue that is as long as one likes.

    | version | layers | temperature | views | momentum |
    |---|---|---|---|---|
    | 1 | 1 | 0.07 | `avssl.transforms.recipes.moco_v1` | 0.999 |
    | 2 | 2 | 0.2 | `avssl.transforms.recipes.moco_v2` | 0.999 |
    | on clips, symmetric | 3 | 0.1 | `avssl.transforms.recipes.rho`, 2 to 4 | 0.994 with a ramp |

    The loss rises first, from 0, while the queue fills: the more keys, the harder the question. The authors' queue
    starts with noise, which is easier to tell from than keys are, so theirs rises too. What is measured (in evaluation)
    is asked against the keys of the batch instead, so that the start and the end of a run can be compared.

    As the authors do, all parameters are decayed, those of one dimension (biases, batch normalisation) too.

    Departures. The teacher moves behind the optimiser's step, the authors' before the keys: the same but for one step.
    An item's own older keys, and those of others of its recording, are not its negatives (``own_negatives``). Of
    several keys of a query, and of several queries, the mean. Keys are normalised in groups of one batch where the
    authors have as many devices (``groups``). With ``accumulate`` keys of all batches of a step come in behind it.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view. The first is the query's, the others are keys', all of them positives: the
            mean over them stands outside the logarithm.
        layers: linear maps of the head, with ReLU between them and no batch normalisation.
        hidden: numbers between them.
        dim: length of the embeddings.
        queue: how many keys are kept; no more than a fraction of the data's items, or they are of the same ones.
        temperature: cosines are divided by it.
        momentum: share of the teacher's weights that a step keeps.
        ramp: ``"cosine"`` raises it to 1 over the run.
        symmetric: every view is a query in turn, and the keys of all come into the queue, after all were scored.
        groups: of the key batch over all processes, drawn anew in each step, each with batch statistics of its own (the
            authors: 8 devices). Without them statistics tell which key belongs to a query. A group has at least two
            items; 1 leaves the batch whole. Where the network has no batch normalisation nothing is grouped.
        own_negatives: let an item's older keys be its negatives, as the authors do.

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import moco_v2
        >>> method = MoCo(SmallNet(dim=16, width=4), moco_v2(size=24), hidden=16, dim=8, queue=32)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['accuracy', 'loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        layers: int = 2,
        hidden: int = 2048,
        dim: int = 128,
        queue: int = 65536,
        temperature: float = 0.2,
        momentum: float = 0.999,
        ramp: Literal["none", "cosine"] = "none",
        symmetric: bool = False,
        groups: int = 8,
        own_negatives: bool = False,
    ):
        super().__init__(encoder, views)
        if groups < 1 or not temperature > 0:
            raise ValueError(f"needs groups of at least 1 and temperature above 0; got {groups} and {temperature}")
        self.temperature, self.symmetric, self.own_negatives = temperature, symmetric, own_negatives
        self.head = named_projector("moco_v2", encoder.dim, layers=layers, hidden=hidden, out=dim)
        self.teacher = Teacher(self.student(), momentum, ramp)
        self.queue = Queue(queue, dim)
        self.groups = groups if any(isinstance(module, _BatchNorm) for module in self.teacher.modules()) else 1
        self.fresh: list[tuple[Tensor, Tensor]] = []  # keys of this step and their items, until they may come in
        self.warned = False

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell queries' keys from older ones.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone, whose
                items are new ones each time.

        Returns:
            ``loss`` in nats: 0 before there is a key, ``log(K + 1)`` where nothing is told apart, with K keys in the
            queue; ``accuracy``, the share of queries whose own key is the nearest, chance ``1 / (K + 1)``. In
            evaluation K + 1 is the number of items over all processes.
        """
        known = isinstance(batch, dict) and ("key" in batch or "path" in batch)
        batch, views = self.views_of(batch)
        items = recordings_of(batch) if known else batch["key"][:, 0] + batch["key"][:, 2]  # a drawn seed and a place
        student, queries = self.student(), views if self.symmetric else views[:1]
        rows = {number: student(view.frames) for number, view in enumerate(queries)}
        others = range(0 if self.symmetric else 1, len(views))
        keys = {number: self.keys_of(views[number].frames, stream_of(batch["key"], number)) for number in others}
        if self.training:
            self.fresh.append((torch.cat(list(keys.values())), items.repeat(len(keys))))
        return scores_of(
            [
                key_logits(row, key, *self.negatives(key, items))
                for query, row in rows.items()
                for number, key in keys.items()
                if number != query
            ]
        )

    def keys_of(self, frames: Tensor, key: Tensor) -> Tensor:
        """Return the teacher's embeddings of a view ``(N, frames, 3, H, W)``, of length 1, ``(N, dim)``."""
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

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the student's parameters, all of which are decayed."""
        return [group | {"decay_all": True} for group in super().parameter_groups()]

    def exports(self) -> dict[str, Any]:
        """Return the student's encoder and the teacher's."""
        return super().exports() | {"teacher": self.teacher.network.encoder}

    def after_backward(self, step: int, steps: int) -> None:
        """Let the keys of all processes come into the queue."""
        for keys, items in self.fresh:
            self.queue.enqueue(all_gather(keys), all_gather(items))
        self.fresh.clear()

    def after_step(self, step: int, steps: int) -> None:
        """Move the teacher."""
        self.teacher.update(self.student(), step, steps)

    def facts(self) -> list[str]:
        """Return how many keys the queue has, and that the loss rises while they come in."""
        return [f"queries are told from the latest {len(self.queue):,} keys; the loss rises while these come in"]

    def warnings(self, scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
        """Return lines where embeddings collapse and, once, where the queue is long for the data."""
        lines = super().warnings(scores, start)
        filled, items = int(self.queue.filled), len(self.queue.items[self.queue.items >= 0].unique())
        passes = len(self.views) if self.symmetric else len(self.views) - 1  # keys of an item in one pass over the data
        if not self.warned and passes * items < REPEATED * filled:
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
