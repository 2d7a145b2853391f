"""SwAV: how one view of an item is shared out over prototypes is predicted from another view of it.

Caron, Misra, Mairal, Goyal, Bojanowski and Joulin, "Unsupervised Learning of Visual Features by Contrasting Cluster
Assignments", NeurIPS 2020, section 3, https://arxiv.org/abs/2006.09882; numbers are those of the authors' code,
https://github.com/facebookresearch/swav. On clips: Feichtenhofer et al., CVPR 2021, https://arxiv.org/abs/2104.14558.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.distributed import all_gather, alone, own_share
from avssl.losses import sinkhorn
from avssl.losses.precision import wide
from avssl.methods.base import Batch, Clustered
from avssl.methods.clustering.sizes import size_scores, sizes_of
from avssl.methods.views import Embedder, MultiViewMethod, Recipes, passes
from avssl.nets import Encoder, Prototypes, Queue, named_projector
from avssl.transforms.multiview import View

UNDECIDED = 0.98  # share of the greatest loss from which on nothing is said to be told apart


class SwAV(MultiViewMethod):
    """Codes of the first views, shared out evenly over prototypes, are predicted from each of the other views.

    A code is a row of the transport plan between the rows of all processes and the prototypes, which all get as much:
    so no cluster can take all. With fewer rows than prototypes a row spreads over several; a ``queue`` of earlier rows
    makes the plan of a small batch that of a large one. Views of one size pass the encoder together, those of all sizes
    the head.

    Departures: the plan is computed in logs, which changes nothing but overflows; prototypes have length 1 behind each
    step too, so that a checkpoint holds them so, and the part of their gradient that would lengthen them is left out;
    the queue is one for all processes, where each of the authors' keeps its share; with ``accumulate`` rows of all
    batches of a step come in behind it. In evaluation the queue is not asked, so that the start and the end of a run
    can be compared. As the authors do, all parameters are decayed, those of one dimension (biases, batch
    normalisation) too, but for frozen prototypes.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (`avssl.transforms.recipes.swav`: two large crops, six small ones).
        code_views: how many of the first views have codes; every view predicts those of the others (2).
        prototypes: how many (3,000).
        hidden: numbers between the layers of the head (2,048).
        dim: length of the unit vectors that are compared with prototypes (128).
        epsilon: of the codes; the smaller, the harder (0.05).
        rounds: of the transport (3).
        temperature: cosines are divided by it where they predict (0.1).
        frozen: steps in which the prototypes stay as they are (313 at a batch of 4,096, 5,005 at 256).
        queue: earlier rows of each view with a code, over all processes; 0 for none (3,840 at a batch of 256).
        queue_start: steps before the first rows come in (15 epochs); they are asked once the queue is full.

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import swav
        >>> views = swav(size=24, small=16, small_views=2)
        >>> method = SwAV(SmallNet(dim=16, width=4), views, prototypes=12, hidden=16, dim=8)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['evenness', 'largest', 'loss', 'top_code', 'used']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        code_views: int = 2,
        prototypes: int = 3000,
        hidden: int = 2048,
        dim: int = 128,
        epsilon: float = 0.05,
        rounds: int = 3,
        temperature: float = 0.1,
        frozen: int = 0,
        queue: int = 0,
        queue_start: int = 0,
    ):
        super().__init__(encoder, views)
        if not 1 <= code_views <= len(self.views) or prototypes < 2 or min(frozen, queue, queue_start) < 0:
            raise ValueError(
                f"needs code_views from 1 to the {len(self.views)} views, at least 2 prototypes, and frozen, queue and "
                f"queue_start of at least 0; got {code_views=}, {prototypes=}, {frozen=}, {queue=}, {queue_start=}"
            )
        if not (epsilon > 0 and temperature > 0) or rounds < 1:
            raise ValueError(
                "needs epsilon and temperature above 0 and rounds of at least 1; got "
                f"{epsilon=}, {temperature=}, {rounds=}"
            )
        self.code_views, self.epsilon, self.rounds, self.temperature = code_views, epsilon, rounds, temperature
        self.frozen, self.queue_start = frozen, queue_start
        self.head = named_projector("swav", encoder.dim, hidden=hidden, out=dim)
        self.prototypes = Prototypes(dim, prototypes)
        self.queue = Queue(queue, code_views * dim) if queue else None  # the vectors of an item's views side by side
        self.fresh: list[Tensor] = []  # rows of this step, until they may come in

    def embed(self, views: Sequence[View], together: bool = True) -> list[Tensor]:
        """Return embeddings of views, of length 1, ``(N, dim)`` each; the head sees all of them at once."""
        features = passes(Embedder(self.encoder), views, together)
        return list(F.normalize(wide(self.head(torch.cat(features))), dim=1).chunk(len(features)))

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Predict the codes of the first views from the others.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, the cross-entropy in nats, ``log(prototypes)`` where nothing is told apart; of the codes
            ``top_code``, the mean of their greatest numbers, and ``used``, ``largest`` and ``evenness`` of the clusters
            that these make (`avssl.methods.clustering.sizes.size_scores`).
        """
        _, views = self.views_of(batch)
        rows = self.embed(views)
        scores = [self.prototypes(row) for row in rows]
        codes = [self.codes_of(scores[view], view) for view in range(self.code_views)]
        if self.training and self.queue is not None:
            self.fresh.append(torch.cat(rows[: self.code_views], 1).detach())
        found = [(table / self.temperature).log_softmax(1) for table in scores]
        pairs = [(one, two) for one in range(len(codes)) for two in range(len(found)) if one != two]
        losses = torch.stack([-(codes[one] * found[two]).sum(1) for one, two in pairs], 1)
        tops = torch.stack([code.max(1).values for code in codes], 1)
        labels = torch.cat([code.argmax(1) for code in codes])
        told = size_scores(sizes_of(labels[None], self.prototypes.count))
        return {"loss": all_gather(losses).mean(), "top_code": all_gather(tops).mean()} | told

    @torch.no_grad()
    def clusters_of(self, batch: Batch) -> Clustered:
        """Return embeddings of items and the nearest prototypes."""
        rows = F.normalize(self.plain_rows(batch, self.student()), dim=1)
        return Clustered(rows, self.prototypes(rows).argmax(1), self.prototypes.count)

    @torch.no_grad()
    def codes_of(self, scores: Tensor, view: int) -> Tensor:
        """Return the codes of rows whose cosines with all prototypes are ``scores``, ``(N, prototypes)``.

        Args:
            scores: ``(N, prototypes)``.
            view: which of an item's views the rows are of.
        """
        gather = None if alone() else all_gather
        if self.queue is None or not self.training:
            return sinkhorn(scores, self.epsilon, self.rounds, gather=gather)
        older = own_share(self.queue.rows.unflatten(1, (self.code_views, -1))[:, view])
        counts = (self.queue.filled == len(self.queue)).expand(len(older))  # nothing waits for the device here
        table = torch.cat([scores, self.prototypes(older)])
        weights = torch.cat([counts.new_ones(len(scores)), counts]).float()
        return sinkhorn(table, self.epsilon, self.rounds, gather=gather, weights=weights)[: len(scores)]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return all parameters, decayed all alike, as in the authors' code."""
        return [group | {"decay_all": True} for group in super().parameter_groups()]

    def after_backward(self, step: int, steps: int) -> None:
        """Let the rows of all processes into the queue; hold the prototypes still at first, without decay."""
        if self.queue is not None and step > self.queue_start:
            for rows in map(all_gather, self.fresh):
                self.queue.enqueue(rows, torch.zeros_like(rows[:, 0], dtype=torch.int64))
        self.fresh.clear()
        if step <= self.frozen:
            self.prototypes.weight.grad = None

    @torch.no_grad()
    def after_step(self, step: int, steps: int) -> None:
        """Give prototypes that moved length 1 again."""
        if step > self.frozen:
            self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))

    def warnings(self, scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
        """Return lines where embeddings collapse, and where no view tells a code."""
        lines, greatest = super().warnings(scores, start), math.log(self.prototypes.count)
        for name, value in scores.items():
            if name.endswith("/loss") and scores != start and value > UNDECIDED * greatest:
                lines.append(
                    f"warning: {name} is still that of a network that tells nothing apart, log(prototypes) = "
                    f"{greatest:.2f}; try a smaller epsilon, fewer prototypes, more frozen steps or a later queue_start"
                )
        return lines
