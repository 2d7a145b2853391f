"""PCL: a view finds another view of its item among older keys, and the prototypes of the clusters that its item is in.

Li, Zhou, Xiong and Hoi, "Prototypical Contrastive Learning of Unsupervised Representations", ICLR 2021, section 3,
https://arxiv.org/abs/2005.04966; numbers are those of the authors' code, https://github.com/salesforce/PCL.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.methods.base import Batch, Features, Rows
from avssl.methods.contrastive.momentum import MomentumContrast, scores_of
from avssl.methods.contrastive.prototypes import Clustering
from avssl.methods.inputs import as_batch
from avssl.methods.recordings import recordings_of
from avssl.methods.rows import looking, require_items
from avssl.methods.views import Recipes
from avssl.nets import Encoder
from avssl.transforms.draws import index_of


class PCL(MomentumContrast):
    """InfoNCE against a queue as in MoCo, and ProtoNCE against the prototypes of several clusterings of the data.

    Before an epoch the teacher's embeddings of all items, as evaluation sees them, are clustered by k-means, once for
    each number of ``clusters``. A query is then also told by the prototype of its item's cluster from all others, each
    cosine over the concentration of its prototype (`avssl.losses.concentrations`): dense clusters ask for more. In the
    first ``warmup`` epochs there are no clusters.

    Held-out items are in no cluster, and no key of theirs was seen. So in evaluation the loss is InfoNCE among the keys
    of the batch alone: it can be compared over a run, not with that of training.

    Departures: a prototype is told from all others of its clustering, where the authors draw 16,384 beside those of the
    batch, the row's own among these at times; the teacher's batch statistics are those of a process's own batch, where
    the authors shuffle it over devices; the teacher moves behind the optimiser's step, where theirs moves before; the
    queue begins empty, and keys of an item's own recording do not count.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (``avssl.transforms.recipes``: ``moco_v1`` in version 1, ``moco_v2`` in
            version 2). The first is the query; the others are its keys.
        items: how many the data has.
        clusters: of each clustering (25,000, 50,000 and 100,000 of 1.28 million pictures).
        queue: keys that are remembered (16,384).
        momentum: share of the teacher that each step keeps (0.999).
        warmup: epochs of InfoNCE alone (20).
        layers: linear maps of the head: 1 in version 1, 2 in version 2.
        hidden: numbers between them.
        dim: length of the embeddings (128).
        temperature: cosines are divided by it; also the mean of the concentrations (0.2).
        rounds: updates of the centres in k-means (20).
        tries: runs of k-means, of which the best counts (5).

    Raises:
        ValueError: if a number cannot be, or the data has other items than ``items``.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import moco_v2
        >>> sizes = {"clusters": (2, 3), "queue": 8, "hidden": 16, "dim": 8}
        >>> method = PCL(SmallNet(dim=16, width=4), moco_v2(size=24), items=10, **sizes)
        >>> batch = {"frames": torch.rand(4, 3, 32, 32), "key": torch.tensor([[0, 0, index] for index in range(4)])}
        >>> sorted(method(batch))
        ['accuracy', 'instances', 'loss', 'prototype_accuracy', 'prototypes']
    """

    remembers = True

    epochs: Tensor

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        items: int,
        clusters: Sequence[int] = (25_000, 50_000, 100_000),
        queue: int = 16_384,
        momentum: float = 0.999,
        warmup: int = 20,
        layers: int = 2,
        hidden: int = 2048,
        dim: int = 128,
        temperature: float = 0.2,
        rounds: int = 20,
        tries: int = 5,
    ):
        if not clusters or warmup < 0 or min(rounds, tries) < 1 or not temperature > 0:
            raise ValueError(
                "needs at least one number of clusters, warmup of at least 0, rounds and tries of at least 1 and "
                f"temperature above 0; got {clusters=}, {warmup=}, {rounds=}, {tries=}, {temperature=}"
            )
        super().__init__(encoder, views, layers, hidden, dim, queue, temperature, momentum)
        self.passes = len(self.views) - 1
        self.remembered, self.warmup, self.rounds, self.tries = items, warmup, rounds, tries
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))  # begun
        self.clusterings = nn.ModuleList(Clustering(items, count, dim, temperature) for count in clusters)

    def before_epoch(self, features: Features) -> None:
        """Cluster the teacher's embeddings of all items, once the warm-up is over."""
        passed = int(self.epochs)
        self.epochs += 1
        if passed < self.warmup:
            return
        with looking(self.teacher, first=passed == 0):
            found = features(self.rows_of)
        require_items(found, len(self.prototypes()[0].known))
        for clustering in self.prototypes():
            clustering.fit(found["rows"], found["index"], self.rounds, self.tries, seed=passed * self.tries)

    def rows_of(self, batch: Batch) -> Rows:
        """Return the teacher's embeddings of items, the mean over their clips, of length 1."""
        batch = as_batch(batch)
        looks = self.views(batch["frames"], batch["key"], train=False)[: batch["frames"].shape[1]]
        rows = torch.stack([self.keys_of(look.frames, batch["key"]) for look in looks])
        return {"rows": F.normalize(rows.mean(0), dim=1)}

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell the items of a batch by their keys and, in training, by their prototypes.

        Args:
            batch: pictures or clips with keys, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss``; its parts ``instances``, InfoNCE in nats (where nothing is told apart ``log(K + 1)`` with K keys,
            in evaluation ``log(N)`` with N items in the batch), and in training ``prototypes``, the mean over
            clusterings (``log(clusters)``; 0 before there are any); ``accuracy``, the share of queries whose own key is
            the nearest, chance ``1 / (K + 1)``, and ``prototype_accuracy``, chance ``1 / clusters``.
        """
        batch, (query, *others) = self.views_of(batch)
        items, rows = recordings_of(batch), self.student()(query.frames)
        keys = [self.keys_of(view.frames, batch["key"]) for view in others]
        self.note(keys, items)
        scores = scores_of([self.told(rows, key, items) for key in keys])
        found = {"instances": scores["loss"], "accuracy": scores["accuracy"]}
        if not self.training:
            return {"loss": found["instances"]} | found
        queries, index = all_gather(rows), all_gather(index_of(batch["key"]))
        told = [torch.stack(clustering(queries, index)) for clustering in self.prototypes()]
        found["prototypes"], found["prototype_accuracy"] = torch.stack(told).mean(0)
        return {"loss": found["instances"] + found["prototypes"]} | found

    def prototypes(self) -> list[Clustering]:
        """Return the clusterings."""
        return [one for one in self.clusterings if isinstance(one, Clustering)]
