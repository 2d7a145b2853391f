"""DeepCluster-v2: spherical clusters of the last epoch's embeddings, whose centres are the head.

Caron et al., "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments" (SwAV), NeurIPS 2020,
https://arxiv.org/abs/2006.09882; details are those of the authors' code (``main_deepclusterv2.py``,
https://github.com/facebookresearch/swav), from which alone the method is known in full.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.methods.base import Batch, Clustered, Features, Rows
from avssl.methods.clustering.signs import SIGNS, signs_of
from avssl.methods.inputs import as_batch
from avssl.methods.rows import in_shares, looking, require_items
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, fit_kmeans, named_projector
from avssl.transforms.draws import index_of


class DeepClusterV2(MultiViewMethod):
    """Each view tells the clusters of its item by cosines with their centres, which take no gradient.

    Embeddings of training views are kept in a bank as they were made, written after the gradients of a step. Before an
    epoch each head clusters one of the first views by spherical k-means, heads in turn; before the first epoch, when
    the bank is empty, one pass over the data fills it with the views of that epoch. No layer has to be learned anew.

    Held-out items have no cluster. So in evaluation the view that a head clusters is given the cluster whose centre is
    nearest, and the other views tell it.

    Departures: k-means starts from rows of the whole data, not of one process's share; a cluster without rows takes
    half of the largest, where the authors' stays as it is.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (``avssl.transforms.recipes.swav``: two crops, several small ones).
        items: how many the data has.
        clusters: of each head (the authors' code: three times 3,000).
        crops: how many of the first views are clustered, in turn (2).
        layers: linear maps of the head before the centres (2).
        hidden: numbers between them (2,048).
        dim: length of the embeddings (128).
        temperature: cosines are divided by it (0.1).
        rounds: updates of the centres in k-means (10).
        refresh: epochs after which clusters are found anew.

    Raises:
        ValueError: if a number cannot be, or the data has other items than ``items``.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import swav
        >>> sizes = {"clusters": (3, 4), "hidden": 16, "dim": 8}
        >>> method = DeepClusterV2(SmallNet(dim=16, width=4), swav(size=24, small=16, small_views=2), items=10, **sizes)
        >>> batch = {"frames": torch.rand(4, 3, 32, 32), "key": torch.tensor([[0, 0, index] for index in range(4)])}
        >>> sorted(method(batch))
        ['accuracy', 'clusters_used', 'largest_share', 'loss', 'nmi_with_last']
    """

    remembers = True

    bank: Tensor
    seen: Tensor
    known: Tensor
    signs: Tensor
    epochs: Tensor

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        items: int,
        clusters: Sequence[int] = (3000, 3000, 3000),
        crops: int = 2,
        layers: int = 2,
        hidden: int = 2048,
        dim: int = 128,
        temperature: float = 0.1,
        rounds: int = 10,
        refresh: int = 1,
    ):
        super().__init__(encoder, views)
        if not clusters or min(clusters) < 2 or max(clusters) > items or not 1 <= crops <= len(self.views):
            raise ValueError(
                "needs heads of 2 clusters or more, no more than items, and crops from 1 to the number of views; got "
                f"{tuple(clusters)}, {items=}, {crops=}, views={len(self.views)}"
            )
        if min(rounds, refresh) < 1 or not temperature > 0:
            raise ValueError(
                f"needs rounds and refresh of at least 1 and temperature above 0; got {rounds}, {refresh} and "
                f"{temperature}"
            )
        self.remembered, self.crops, self.temperature = items, crops, temperature
        self.rounds, self.refresh = rounds, refresh
        self.head = named_projector("swav", encoder.dim, layers=layers, hidden=hidden, out=dim)
        self.heads = len(clusters)
        for number, count in enumerate(clusters):
            self.register_buffer(f"centres{number}", torch.zeros(count, dim))
        self.register_buffer("bank", torch.zeros(crops, items, dim))
        self.register_buffer("seen", torch.zeros(items, dtype=torch.bool))  # whether an item is in the bank
        self.register_buffer("known", torch.full((self.heads, items), -1))  # its cluster in each head; -1: none
        self.register_buffer("signs", torch.zeros(len(SIGNS)))
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))  # begun
        self.fresh: list[tuple[Tensor, Tensor]] = []  # items and embeddings since the last step

    def centres(self) -> list[Tensor]:
        """Return the centres of each head, of length 1, ``(clusters, dim)``; zeros before there are any."""
        return [self.get_buffer(f"centres{number}") for number in range(self.heads)]

    def before_epoch(self, features: Features) -> None:
        """Cluster the bank, where that is due; fill it before the first epoch."""
        passed = int(self.epochs)
        self.epochs += 1
        if passed % self.refresh:
            return
        seed = int(torch.randint(1 << 31, ()))  # the loop seeds torch by the run's seed and the step
        if passed == 0:
            with looking(self, first=True):
                found = features(self.rows_of)
            require_items(found, len(self.seen))
            self.bank[:, found["index"]] = found["rows"].transpose(0, 1).to(self.bank)
            self.seen[found["index"]] = True
        places, last, signs = self.seen.nonzero().flatten(), self.known.clone(), []
        self.known.fill_(-1)
        for number, centres in enumerate(self.centres()):
            rows = self.bank[number % self.crops, places]
            settings = {"clusters": len(centres), "rounds": self.rounds, "seed": seed + number, "spherical": True}
            run = in_shares(partial(fit_kmeans, **settings), rows)
            centres.copy_(run.centres)
            self.known[number, places] = run.labels
            signs.append(signs_of(self.known[number], last[number], len(centres)))
        self.signs.copy_(torch.stack(signs).mean(0))

    def rows_of(self, batch: Batch) -> Rows:
        """Return embeddings of the views of items that are clustered, as training makes them, ``(N, crops, dim)``."""
        batch = as_batch(batch)
        views = self.views(batch["frames"], batch["key"])[: self.crops]
        return {"rows": torch.stack([F.normalize(rows.float(), dim=1) for rows in self.embed(views, together=True)], 1)}

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell the clusters of a batch's items, in each head.

        Args:
            batch: pictures or clips with keys, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss`` in nats, the mean over heads (``log(clusters)`` where nothing is told apart); ``accuracy``, the
            share of views whose cluster is told; in training `avssl.methods.clustering.signs.signs_of` the last
            clustering, means over heads. Items that are in no cluster do not count; without any ``loss`` is 0.
        """
        batch, views = self.views_of(batch)
        rows = [F.normalize(each.float(), dim=1) for each in self.embed(views, together=True)]
        index = index_of(batch["key"])
        if self.training:
            self.fresh.append((all_gather(index), all_gather(torch.stack(rows[: self.crops], 1).detach())))
        told = [self.told_by(number, rows, index) for number in range(self.heads)]
        each, right, counts = all_gather(torch.cat(told)).unbind(1)
        loss, accuracy = ((values * counts).sum() / counts.sum().clamp(min=1) for values in (each, right))
        found = {"loss": loss, "accuracy": accuracy.detach()}
        return found | (dict(zip(SIGNS, self.signs.unbind(), strict=True)) if self.training else {})

    def told_by(self, number: int, rows: Sequence[Tensor], index: Tensor) -> Tensor:
        """Return cross-entropy, share of views that are right, and whether it counts, of each item, ``(N, 3)``."""
        centres, crop = self.centres()[number], number % self.crops
        labels = self.labels_of(number, index) if self.training else (rows[crop].detach() @ centres.T).argmax(1)
        asked = [each for place, each in enumerate(rows) if self.training or place != crop]
        logits = torch.stack([each @ centres.T for each in asked], 2) / self.temperature  # (N, clusters, views)
        truths = labels.clamp(min=0)[:, None].expand(-1, len(asked))
        each = F.cross_entropy(logits, truths, reduction="none").mean(1)
        right = (logits.argmax(1) == truths).float().mean(1) * self.seen.any()  # nothing is told before clusters
        return torch.stack([each, right, (labels >= 0).float()], 1)

    def labels_of(self, number: int, index: Tensor) -> Tensor:
        """Return the cluster that each item was given in a head, -1 for none, ``(N,)``."""
        beyond = index >= len(self.seen)
        return self.known[number, index.masked_fill(beyond, 0)].masked_fill(beyond, -1)

    @torch.no_grad()
    def clusters_of(self, batch: Batch) -> Clustered:
        """Return embeddings of items and the nearest centres of the first head."""
        rows, centres = F.normalize(self.plain_rows(batch, self.student()), dim=1), self.centres()[0]
        return Clustered(rows, (rows @ centres.T).argmax(1), len(centres))

    def after_backward(self, step: int, steps: int) -> None:
        """Write the bank."""
        for index, rows in self.fresh:
            self.write(index, rows)
        self.fresh.clear()

    @torch.no_grad()
    def write(self, index: Tensor, rows: Tensor) -> None:
        """Keep embeddings ``(N, crops, dim)`` of items ``(N,)``; of an item that comes twice, the last."""
        places = torch.arange(1, len(index) + 1, device=index.device)
        last = places[None].where(index[:, None] == index[None], 0).argmax(1)  # or either may be written
        self.bank[:, index] = rows[last].transpose(0, 1).to(self.bank)
        self.seen[index] = True
