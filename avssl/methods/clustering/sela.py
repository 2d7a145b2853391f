"""SeLa: optimal transport labels all items by what heads find likely, and the heads learn the labels.

Asano, Rupprecht and Vedaldi, "Self-labelling via simultaneous clustering and representation learning", ICLR 2020,
section 3, https://arxiv.org/abs/1911.05371; numbers are those of the authors' code,
https://github.com/yukimasano/self-label.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.distributed import all_gather, alone, own_share
from avssl.losses import transport
from avssl.losses.precision import product
from avssl.methods.base import Batch, Clustered, Features, Rows
from avssl.methods.clustering.sizes import size_scores, sizes_of
from avssl.methods.inputs import as_batch
from avssl.methods.rows import looking
from avssl.methods.views import Embedder, MultiViewMethod, Recipes
from avssl.nets import Encoder, projector
from avssl.transforms.draws import index_of


class SeLa(MultiViewMethod):
    """Several heads, each with a label for every item; labels of one head make clusters of about one size.

    Labels are drawn ``renewals`` times, ever more rarely: when the shares ``(n / (renewals - 1)) ** 2`` of the run are
    over, the first at its start. Transport spreads all items evenly over clusters, by the log-probabilities that a head
    gives them, and an item's label is the greatest entry of its row. So sizes are only about even; the scores of the
    run tell how much (`avssl.methods.clustering.sizes.size_scores`).

    Held-out items have no label. So in evaluation labels are drawn for the items of a batch alone, from how they look
    without augmentation: that loss can be compared over a run, not with that of training.

    Departures: labels are drawn between two passes over the data, so renewals that fall into one are one, done before
    the next (authors: anywhere; theirs fall into the first epochs); the look is un-augmented and the network in
    evaluation mode, where the authors' is one augmented view in training mode (``look="augmented"`` augments; the mode
    stays, but for the random start, whose batch statistics nothing knows yet); transport runs in logs, and stops by the
    relative error of sizes (a thousandth), where theirs stops by a sum over all items; all heads learn in each step
    (on CIFAR-10 theirs take turns by epochs).

    Transport holds a table of all items by ``clusters`` in float64 for one head at a time, each process its share: of
    1.28 million items and 3,000 clusters 31 GB in all.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view, one or more; each predicts the labels.
        items: how many the data has.
        clusters: of each head (3,000 on ImageNet, 128 on CIFAR-10).
        heads: how many (10).
        layers: linear maps of the head, which all but the last share (1; more are a departure).
        hidden: numbers between them.
        sharpness: lambda, by which log-probabilities are multiplied in the transport (25 on ImageNet, 10 on CIFAR-10).
        renewals: of the labels in the whole run (100).
        rounds: of the transport, at most.
        look: of the items where labels are drawn.

    Raises:
        ValueError: if a number cannot be, or the data has other items than ``items``.

    Examples:
        >>> from avssl.methods.rows import features_of
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import moco_v2
        >>> method = SeLa(SmallNet(dim=16, width=4), moco_v2(size=24, views=1), items=4, clusters=2, heads=3)
        >>> batch = {"frames": torch.rand(4, 3, 32, 32), "key": torch.tensor([[0, 0, index] for index in range(4)])}
        >>> method.before_epoch(features_of([batch]))
        >>> method.known.shape, sorted(method(batch))
        (torch.Size([3, 4]), ['accuracy', 'evenness', 'largest', 'loss', 'stayed', 'used'])
    """

    remembers = True
    least_views = 1

    known: Tensor
    sizes: Tensor
    stayed: Tensor
    renewed: Tensor
    passed: Tensor
    planned: Tensor

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        items: int,
        clusters: int = 3000,
        heads: int = 10,
        layers: int = 1,
        hidden: int = 2048,
        sharpness: float = 25.0,
        renewals: int = 100,
        rounds: int = 200,
        look: Literal["plain", "augmented"] = "plain",
    ):
        super().__init__(encoder, views)
        if not 2 <= clusters <= items or min(heads, renewals, rounds) < 1 or not sharpness > 0:
            raise ValueError(
                f"needs 2 clusters or more, no more than items, heads, renewals and rounds of at least 1 and sharpness "
                f"above 0; got {clusters=}, {items=}, {heads=}, {renewals=}, {rounds=}, {sharpness=}"
            )
        self.remembered, self.clusters, self.heads = items, clusters, heads
        self.sharpness, self.renewals, self.rounds = sharpness, renewals, rounds
        self.look: Literal["plain", "augmented"] = look
        self.head = projector(encoder.dim, layers=layers, hidden=hidden, out=heads * clusters)
        self.register_buffer("known", torch.full((heads, items), -1, dtype=torch.int32))  # labels; -1: none
        self.register_buffer("sizes", torch.zeros(heads, clusters, dtype=torch.int64))  # of the clusters
        self.register_buffer("stayed", torch.zeros(()))  # share of labels that the last renewal left as they were
        for name, value in (("renewed", 0), ("passed", 0), ("planned", 1)):  # renewals; steps so far, and in all
            self.register_buffer(name, torch.tensor(value))

    def before_epoch(self, features: Features) -> None:
        """Draw labels of all items, where that is due."""
        passed = int(self.passed)
        due = renewals_due(passed, int(self.planned), self.renewals)
        if due <= int(self.renewed):
            return
        with looking(self, first=passed == 0):
            found = features(self.rows_of)
        index = self.check(found)
        share, rows = own_share(index), own_share(found["rows"])
        known = torch.full_like(self.known, -1)
        known[:, all_gather(share)] = all_gather(self.labels_of(rows).T.contiguous()).T.to(known)
        both = (known >= 0) & (self.known >= 0)
        self.stayed.copy_(((known == self.known) & both).sum() / both.sum().clamp(min=1))
        self.known.copy_(known)
        self.sizes.copy_(sizes_of(own_share(known.T).T.long(), self.clusters))
        self.renewed.fill_(due)

    def check(self, found: Rows) -> Tensor:
        """Return the numbers of the items that were read, ``(N,)``, or complain where they cannot have labels.

        Raises:
            ValueError: for an item beyond those that are remembered, or fewer items than clusters.
        """
        index = found.get("index", self.known.new_zeros(0))
        if len(index) < self.clusters:
            raise ValueError(f"{len(index)} items that could be read cannot make {self.clusters} clusters")
        if int(index.max()) >= self.known.shape[1]:
            raise ValueError(
                f"the data has item number {int(index.max())}, and labels are kept of {self.known.shape[1]} items; set "
                "items to the number of items"
            )
        return index

    def rows_of(self, batch: Batch) -> Rows:
        """Return what labels are drawn from, for `before_epoch`."""
        return {"rows": self.embed_items(batch, augment=self.look == "augmented")}

    def embed_items(self, batch: Batch, augment: bool = False) -> Tensor:
        """Return what the heads' last map sees of items, the mean over their clips, ``(N, features)``."""
        batch = as_batch(batch)
        views = self.views(batch["frames"], batch["key"], train=augment)
        network = Embedder(self.encoder, *self.head[:-1])
        clips = views[: batch["frames"].shape[1]]
        return torch.stack([network(clip.frames).float() for clip in clips]).mean(0)

    @torch.no_grad()
    def clusters_of(self, batch: Batch) -> Clustered:
        """Return features of items and the clusters that the first head finds likeliest."""
        rows = self.embed_items(batch)
        return Clustered(rows, self.watched()(rows)[:, : self.clusters].argmax(1), self.clusters)

    @torch.no_grad()
    def labels_of(self, rows: Tensor) -> Tensor:
        """Return labels by transport over the rows of all processes, int64 ``(heads, N)``.

        Args:
            rows: of this process, as `embed_items` returns them, ``(N, features)``.
        """
        last = self.watched()
        sizes = torch.full((self.clusters,), 1 / self.clusters, dtype=torch.float64)
        labels, gather = [], None if alone() else all_gather
        parts = zip(last.weight.chunk(self.heads), last.bias.float().chunk(self.heads), strict=True)
        for weight, bias in parts:  # a head at a time: a table is large
            likely = (product(rows, weight.T) + bias).double().log_softmax(1)
            labels.append(transport(likely, sizes, self.sharpness, self.rounds, gather=gather).argmax(1))
        return torch.stack(labels)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Predict the labels of a batch.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them; in training with ``key``.

        Returns:
            ``loss``, the cross-entropy in nats, ``log(clusters)`` where nothing is told apart (in training 0 before
            there are labels); ``accuracy``, the share of labels that a view finds; ``used``, ``largest`` and
            ``evenness`` of the clusters; in training ``stayed``, the share of labels that the last renewal kept.
        """
        batch, views = self.views_of(batch)
        logits = [rows.float().unflatten(1, (self.heads, self.clusters)) for rows in self.embed(views, together=True)]
        truth = self.truth_of(batch)
        each = [F.cross_entropy(one.transpose(1, 2), truth, reduction="none", ignore_index=-1) for one in logits]
        right = [((one.argmax(2) == truth) & (truth >= 0)).float() for one in logits]
        found = torch.stack([torch.stack(each).mean(0), torch.stack(right).mean(0), (truth >= 0).float()], 2)
        loss, accuracy, count = all_gather(found).sum((0, 1))
        scores = {"loss": loss / count.clamp(min=1), "accuracy": (accuracy / count.clamp(min=1)).detach()}
        if not self.training:
            return scores | size_scores(sizes_of(truth.T, self.clusters))
        return scores | size_scores(self.sizes) | {"stayed": self.stayed.float()}

    def truth_of(self, batch: Batch) -> Tensor:
        """Return labels of the items of a batch, int64 ``(N, heads)``; -1 where there is none."""
        if not self.training:
            with torch.no_grad():
                return self.labels_of(self.embed_items(batch)).T
        index = index_of(batch["key"])
        beyond = index >= self.known.shape[1]
        return self.known[:, index.masked_fill(beyond, 0)].masked_fill(beyond, -1).T.long()

    def after_step(self, step: int, steps: int) -> None:
        """Note how much of the run is over."""
        self.passed.fill_(step)
        self.planned.fill_(steps)

    def facts(self) -> list[str]:
        """Return which loss tells nothing apart, and when labels are drawn."""
        return [
            f"a loss of log(clusters) = {math.log(self.clusters):.2f} tells nothing apart; labels are drawn up to "
            f"{self.renewals} times, between passes over the data"
        ]


def renewals_due(passed: int, planned: int, renewals: int) -> int:
    """Return how many of the renewals are due when so many of the planned steps are over.

    Number n, counted from 0, is due when the share ``(n / (renewals - 1)) ** 2`` of the steps is over; the last, at the
    end, would teach nobody.

    Examples:
        >>> [renewals_due(step, 100, renewals=11) for step in (0, 1, 3, 4, 50, 99)]
        [1, 2, 2, 3, 8, 10]
    """
    return 1 + math.isqrt((renewals - 1) ** 2 * passed // max(1, planned))
