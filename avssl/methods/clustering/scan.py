"""SCAN: an item and its nearest neighbours are of one cluster, and clusters are used alike.

Van Gansbeke, Vandenhende, Georgoulis, Proesmans and Van Gool, "SCAN: Learning to Classify Images without Labels", ECCV
2020, section 2.2, https://arxiv.org/abs/2005.12320. Settings are those of the authors' code,
https://github.com/wvangansbeke/Unsupervised-Classification.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from avssl.config.build import weights_follow
from avssl.distributed import all_gather
from avssl.losses import cluster_entropy, neighbour_consistency
from avssl.methods.base import Batch, Clustered
from avssl.methods.clustering.used import count_used, lost_clusters
from avssl.methods.inputs import as_batch
from avssl.methods.recordings import in_company
from avssl.methods.views import Embedder, MultiViewMethod, Recipes
from avssl.nets import Classifier, Encoder, SoundEncoder
from avssl.nets.tensor_files import fill, read_export


class SCAN(MultiViewMethod):
    """Linear heads give an item and a neighbour of it the same cluster; the entropy of the mean keeps clusters in use.

    The data gives each item and one of its neighbours as two clips (`avssl.data.WithNeighbours`, with the neighbours
    that ``tools/neighbours.py`` found by the features of a pretext task); of items of one clip, both views show the
    item itself. The entropy is that of the items over all processes.

    Heads differ by many points after one training, so several learn side by side. After each measuring the one of the
    least loss on the held-out items and their neighbours, without which on those of training, is chosen: a run exports
    it with the encoder as ``classifier``, whose classes are clusters.

    Departures: the loss is the mean over heads, where the authors add them (learning rates are then those of one head);
    a head is chosen with ``entropy`` as in training, where they take 1; neighbours never include the item, where theirs
    do; features are the encoder's, where theirs are those of the pretext's head.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of the item and those of its neighbour.
        clusters: how many: as many as classes are expected, or more.
        weights: as of earlier versions, what the encoder begins with; a run's own ``weights`` does that for any method.
        heads: how many (1 on small pictures, 10 on ImageNet).
        entropy: weight of the entropy, lambda: 5 in the paper; at 1 and below, one cluster for all is no worse than
            none.
        frozen: leave the encoder as it is, in evaluation mode, as on ImageNet; False trains it too.

    Raises:
        ValueError: if a number cannot be, or the weights are not those of the encoder.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms import Flip
        >>> method = SCAN(SmallNet(dim=16, width=4), [[Flip()], [Flip()]], clusters=3, heads=2)
        >>> sorted(method(torch.rand(4, 2, 1, 3, 32, 32)))
        ['consistency', 'entropy', 'loss']
    """

    chosen: Tensor

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        clusters: int,
        weights: str | Path | None = None,
        heads: int = 1,
        entropy: float = 5.0,
        frozen: bool = False,
    ):
        super().__init__(encoder, views)
        if len(self.views) != 2 or clusters < 2 or heads < 1 or not entropy >= 0:
            raise ValueError(
                "needs two views, clusters of at least 2, heads of at least 1 and entropy of at least 0; got "
                f"{len(self.views)} views, {clusters=}, {heads=}, {entropy=}"
            )
        self.source = weights
        if weights is not None and not weights_follow():
            load_weights(encoder, Path(weights).expanduser())
        self.entropy, self.frozen, self.alone = entropy, frozen, False
        self.encoder.requires_grad_(not frozen)
        self.heads = nn.ModuleList(nn.Linear(encoder.dim, clusters) for _ in range(heads))
        self.register_buffer("chosen", torch.zeros((), dtype=torch.int64))

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def student(self) -> nn.Module:
        """Return the encoder as a network of views; the heads stand beside each other."""
        return Embedder(self.encoder)

    def watched(self) -> nn.Linear:
        """Return the first head."""
        return self.heads[0]  # pyright: ignore[reportReturnType]

    def logits_of(self, batch: Batch | Tensor) -> tuple[Tensor, Tensor]:
        """Return what each head says of items and of their neighbours, ``(heads, N, clusters)`` each."""
        _, views = self.views_of(batch)
        self.alone = views[0].clip == views[1].clip
        anchors, neighbours = (
            torch.stack([head(features) for head in self.heads]) for features in self.embed(views, together=True)
        )
        return anchors, neighbours

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Compare the clusters of items with those of their neighbours.

        Args:
            batch: pictures or clips, two an item, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``consistency`` and ``entropy`` in nats, means over heads, and ``loss``, the first less ``entropy`` times
            the second: with C clusters ``(1 - entropy) log C`` where nothing is told apart, 0 where one cluster has
            all, ``-entropy log C`` at best.
        """
        gathered = [all_gather(logits.transpose(0, 1)).transpose(0, 1) for logits in self.logits_of(batch)]
        consistency, entropy = self.terms(*gathered)
        loss = consistency - self.entropy * entropy
        return {"loss": loss.mean(), "consistency": consistency.mean(), "entropy": entropy.mean()}

    @torch.no_grad()
    def clusters_of(self, batch: Batch) -> Clustered:
        """Return features of items and the clusters that the chosen head finds likeliest; neighbours count nowhere."""
        batch = as_batch(batch)
        own = batch | {"frames": batch["frames"][:, :1]}
        rows = self.plain_rows(own, self.student())
        return Clustered(rows, self.heads[int(self.chosen)](rows).argmax(1), self.watched().out_features)

    def terms(self, anchors: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
        """Return consistency and entropy of each head, ``(heads,)``, from logits ``(heads, N, clusters)``."""
        return neighbour_consistency(anchors, neighbours), cluster_entropy(anchors)

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return what ``forward`` does of the whole data set at once, and more.

        Returns:
            Beside it and what all methods of views measure: ``loss_0``, ``loss_1`` and so on, of each head; of the one
            of the least loss here ``clusters``, how many are used, and ``confident``, the share of items that it is
            surer of than 0.99.
        """
        found: list[tuple[Tensor, Tensor]] = []
        scores = super().measure(self.answered(batches, found))
        if not found:
            return scores
        anchors, neighbours = (torch.cat(parts, 1) for parts in zip(*found, strict=True))
        consistency, entropy = self.terms(anchors, neighbours)
        losses = consistency - self.entropy * entropy
        best = anchors[losses.argmin()]
        scores |= {f"loss_{number}": loss for number, loss in enumerate(losses.tolist())}
        scores |= {"loss": losses.mean().item(), "consistency": consistency.mean().item()}
        sure = (best.softmax(1).amax(1) > 0.99).float().mean().item()
        return scores | {"entropy": entropy.mean().item(), "clusters": float(count_used(best)), "confident": sure}

    def answered(self, batches: Iterable[Any], found: list[tuple[Tensor, Tensor]]) -> Iterator[Any]:
        """Yield batches of two items and more, and put what the heads say of each on a list."""
        for batch in in_company(batches):
            if len(batch if isinstance(batch, Tensor) else batch["frames"]) > 1:
                found.append(self.logits_of(batch))
            yield batch

    def after_measure(self, scores: Mapping[str, float]) -> None:
        """Choose the head of the least loss on what is held out or, without that, on the training data."""
        data = "held_out" if "held_out/loss_0" in scores else "train"
        losses = [scores.get(f"{data}/loss_{number}", 0.0) for number in range(len(self.heads))]
        self.chosen.fill_(losses.index(min(losses)))

    def facts(self) -> list[str]:
        """Return a line on where it begins."""
        trunk = "frozen" if self.frozen else "trained too"
        facts = [f"encoder: {trunk}; heads side by side: {len(self.heads)}"]
        if self.source is None:
            return facts
        return [
            *facts,
            f"method.weights: give weights={self.source} to the run in its place, as to those of any method",
        ]

    def warnings(self, scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
        """Return lines on clusters that are lost and, at the start, on items without a neighbour beside them."""
        lines = [*super().warnings(scores, start), *lost_clusters(scores, start)]
        if self.alone and scores == start:
            lines.append(
                "items have one clip each, so that another view of the item stands in for its neighbour; give data by "
                "WithNeighbours"
            )
        return lines

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the encoder, and with the chosen head behind it as a classifier of clusters."""
        head = self.heads[int(self.chosen)]
        names = [f"cluster {number}" for number in range(self.watched().out_features)]
        return {"encoder": self.encoder, "classifier": Classifier.holding([head], self.encoder, names)}


def load_weights(encoder: Encoder, path: Path) -> None:
    """Put the weights of a run's encoder, or of an exported file, into an encoder, strictly.

    Raises:
        ValueError: if there is no such file, or its tensors are not those of the encoder.
    """
    file = path / "encoder.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"weights: there is no file {file}; train a pretext task first, such as SimCLR")
    fill(encoder, read_export(file)[1], file)
