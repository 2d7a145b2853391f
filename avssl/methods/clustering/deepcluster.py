"""DeepCluster: clusters of what was learned are the labels of what is learned next.

Caron, Bojanowski, Joulin and Douze, "Deep Clustering for Unsupervised Learning of Visual Features", ECCV 2018,
section 3, https://arxiv.org/abs/1807.05520; numbers are those of the authors' code,
https://github.com/facebookresearch/deepcluster.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.methods.base import Batch, Clustered, Features, Rows
from avssl.methods.clustering.signs import SIGNS, signs_of
from avssl.methods.rows import in_shares, looking, require_items
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Clusters, Encoder
from avssl.nets.clips import channels_of_maps
from avssl.nets.unrectified import encode_unrectified
from avssl.transforms.draws import index_of


class DeepCluster(MultiViewMethod):
    """Items are clustered by their features, and a linear layer learns to tell each item's cluster from its views.

    Before an epoch, features of all items, as evaluation sees them and before the last ReLU, are whitened, taken at
    length 1 and clustered by k-means from another start. The linear layer is made anew then, and what optimisers
    remember of it is dropped.

    Clusters weigh alike by weights in the loss, the inverse of their sizes, not by drawing items evenly from clusters
    as the authors' code does: the same in expectation (section 3.3), and each item is seen once an epoch. An item of a
    small cluster would weigh without bound, and weighs ``max_weight`` at most. Clusters keep their numbers where one
    has no item.

    Held-out items belong to the cluster whose centre is nearest; in evaluation those of the data do too, and all weigh
    alike.

    Departures: the first features are normalised by statistics of their batches, for there are no running ones; the
    layer has the optimiser of the rest (the authors': its own, without momentum); no Sobel filter.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view, one or more (the authors': a crop and a flip).
        items: how many the data has.
        clusters: how many (section 4.2: 10,000 of 1.28 million pictures, ten for each class).
        layer: of the encoder, whose features are clustered, maps averaged over their cells; None for what it returns.
        components: principal components that are clustered, at most (section 3.3: 256).
        rounds: updates of the centres in k-means (the authors' code: 20).
        refresh: epochs after which clusters are found anew.
        max_weight: of an item in the loss; the mean is 1.

    Raises:
        ValueError: if a number cannot be, or the data has other items than ``items``.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import moco_v1
        >>> method = DeepCluster(SmallNet(dim=16, width=4), moco_v1(size=24, views=1), items=10, clusters=3)
        >>> batch = {"frames": torch.rand(4, 3, 32, 32), "key": torch.tensor([[0, 0, index] for index in range(4)])}
        >>> sorted(method(batch))
        ['accuracy', 'clusters_used', 'largest_share', 'loss', 'nmi_with_last']
    """

    remembers = True
    least_views = 1

    known: Tensor
    weight: Tensor
    signs: Tensor
    epochs: Tensor

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        items: int,
        clusters: int = 10_000,
        layer: str | None = None,
        components: int = 256,
        rounds: int = 20,
        refresh: int = 1,
        max_weight: float = 10.0,
    ):
        super().__init__(encoder, views)
        if not 2 <= clusters <= items or min(rounds, refresh) < 1 or not max_weight >= 1:
            raise ValueError(
                "needs 2 clusters or more, no more than items, and rounds, refresh and max_weight of at least 1; got "
                f"{clusters=}, {items=}, {rounds=}, {refresh=}, {max_weight=}"
            )
        self.remembered, self.layer, self.rounds, self.refresh = items, layer, rounds, refresh
        self.max_weight = max_weight
        dim = encoder.dim if layer is None else channels_of_maps(encoder, [layer], "")[0]
        self.clusters = Clusters(dim, clusters, components)
        self.head = nn.Sequential(nn.Sequential(nn.Linear(encoder.dim, clusters)))
        self.register_buffer("known", torch.full((items,), -1))  # cluster of each item; -1: none
        self.register_buffer("weight", torch.ones(clusters))  # of an item of each cluster
        self.register_buffer("signs", torch.zeros(len(SIGNS)))
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))  # begun
        self.renew_head()

    def before_epoch(self, features: Features) -> list[str]:
        """Cluster the features of all items, where that is due; return the parameters of the layer made anew then."""
        passed = int(self.epochs)
        self.epochs += 1
        if passed % self.refresh:
            return []
        seed = int(torch.randint(1 << 31, ()))  # the loop seeds torch by the run's seed and the step
        with looking(self, first=passed == 0):
            found = features(self.rows_of)
        require_items(found, len(self.known))
        run = in_shares(partial(self.clusters.fit, seed=seed, rounds=self.rounds), found["rows"])
        labels = run.labels
        self.clusters.centres.copy_(run.centres)
        last = self.known.clone()
        self.known.fill_(-1)
        self.known[found["index"]] = labels
        self.signs.copy_(signs_of(self.known, last, len(self.clusters)))
        self.weight.copy_(inverse_sizes(labels, len(self.clusters)).clamp(max=self.max_weight))
        self.renew_head()
        return [f"head.{name}" for name, _ in self.head.named_parameters()]

    def rows_of(self, batch: Batch) -> Rows:
        """Return what is clustered of items, the mean over their clips."""
        looks = self.plain_views(batch)
        rows = [encode_unrectified(self.encoder, look.frames, self.layer).float() for look in looks]
        return {"rows": torch.stack(rows).mean(0)}

    @torch.no_grad()
    def clusters_of(self, batch: Batch) -> Clustered:
        """Return whitened features of items and the nearest centres, as of held-out items."""
        rows = self.rows_of(batch)["rows"]
        return Clustered(self.clusters.prepared(rows), self.clusters.assign(rows), len(self.clusters))

    def renew_head(self) -> None:
        """Make the linear layer anew."""
        layer = self.watched()
        nn.init.normal_(layer.weight, 0, 0.01)
        nn.init.zeros_(layer.bias)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell the clusters of a batch's items.

        Args:
            batch: pictures or clips with keys, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss`` in nats, ``log(clusters)`` where nothing is told apart; ``accuracy``, the share of views whose
            cluster is told; in training `avssl.methods.clustering.signs.signs_of` the last clustering. Items that are
            in no cluster do not count; without any ``loss`` is 0.
        """
        batch, views = self.views_of(batch)
        labels = self.labels_of(batch)
        truth, counts = labels.clamp(min=0), (labels >= 0).float()
        logits = torch.stack([rows.float() for rows in self.embed(views, together=True)], 2)  # (N, clusters, views)
        truths = truth[:, None].expand(-1, logits.shape[2])
        each = F.cross_entropy(logits, truths, reduction="none").mean(1)
        each = each * self.weight[truth] if self.training else each
        right = (logits.argmax(1) == truths).float().mean(1)
        each, right, counts = all_gather(torch.stack([each, right, counts], 1)).unbind(1)
        loss, accuracy = ((values * counts).sum() / counts.sum().clamp(min=1) for values in (each, right))
        found = {"loss": loss, "accuracy": accuracy.detach()}
        return found | (dict(zip(SIGNS, self.signs.unbind(), strict=True)) if self.training else {})

    @torch.no_grad()
    def labels_of(self, batch: Batch) -> Tensor:
        """Return the cluster of each item, -1 for none, ``(N,)``: in training the one that it was given."""
        if not self.training:
            return self.clusters.assign(self.rows_of(batch)["rows"])
        index = index_of(batch["key"])
        beyond = index >= len(self.known)
        return self.known[index.masked_fill(beyond, 0)].masked_fill(beyond, -1)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return all parameters, decayed all alike, as in the authors' code."""
        return [group | {"decay_all": True} for group in super().parameter_groups()]


def inverse_sizes(labels: Tensor, clusters: int) -> Tensor:
    """Return what an item of each cluster weighs so that clusters weigh alike, on average 1, ``(clusters,)``.

    Args:
        labels: cluster of each item, ``(items,)``.
        clusters: how many there are; one without items weighs 0.
    """
    sizes = torch.bincount(labels, minlength=clusters)
    return torch.where(sizes > 0, len(labels) / ((sizes > 0).sum() * sizes.clamp(min=1)), 0.0)
