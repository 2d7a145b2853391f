"""Knowledge transfer: a network of any architecture learns which cluster a teacher put each item into.

Noroozi, Vinjimoor, Favaro and Pirsiavash, "Boosting Self-Supervised Learning via Knowledge Transfer", CVPR 2018,
https://arxiv.org/abs/1805.00385. Numbers with a star are from memory.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avssl.distributed import all_gather
from avssl.losses import balanced_cross_entropy
from avssl.methods.base import Batch, Method
from avssl.methods.inputs import as_batch, view_clips
from avssl.nets import Encoder
from avssl.nets.clips import encode_clips
from avssl.transforms import Transform


class KnowledgeTransfer(Method):
    """The student classifies items into the clusters of a teacher, of which nothing else reaches it.

    Labels are the data's (`avssl.data.Relabelled`), made once by ``tools/transfer.py`` or ``tools/cluster.py``; items
    of -1 are left out. Several clips of an item are learned from one by one.

    Args:
        encoder: the student, of pictures or of clips, from initial weights.
        clusters: how many there are (2,000*).
        views: transforms of the frames, in order; the teacher looked at items without them.
        balanced: let the clusters of a batch weigh alike; False, as in the paper*, lets items weigh alike.

    Raises:
        ValueError: for fewer than two clusters.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = KnowledgeTransfer(SmallNet(dim=8, width=2), clusters=5)
        >>> sorted(method({"frames": torch.rand(4, 3, 32, 32), "label": torch.tensor([0, 4, 1, -1])}))
        ['accuracy', 'loss']
    """

    def __init__(self, encoder: Encoder, clusters: int = 2000, views: Sequence[Transform] = (), balanced: bool = False):
        super().__init__()
        if clusters < 2:
            raise ValueError(f"needs at least 2 clusters to tell apart; got {clusters}")
        self.encoder, self.clusters, self.views, self.balanced = encoder, clusters, tuple(views), balanced
        self.head = nn.Linear(encoder.dim, clusters)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell the clusters of items.

        Args:
            batch: a dict with pictures or clips, as `avssl.methods.inputs.as_batch` takes it, and ``label``, int64
                ``(N,)``, -1 for none.

        Returns:
            ``loss``, cross-entropy in nats (the log of the number of clusters for a head that cannot decide), and
            ``accuracy``, the share of the clips with a label whose cluster is told; both over all processes.

        Raises:
            ValueError: if the batch has no labels, or one beyond the clusters.
        """
        logits, labels = map(all_gather, self.answers(batch))
        right = (logits.argmax(1) == labels).sum() / (labels >= 0).sum().clamp(min=1)
        return {"loss": balanced_cross_entropy(logits, labels, self.balanced), "accuracy": right}

    def answers(self, batch: Batch | Tensor) -> tuple[Tensor, Tensor]:
        """Return logits ``(clips, clusters)`` and labels ``(clips,)`` of the clips of a batch.

        Raises:
            ValueError: as ``forward``, as far as this costs no wait for a device.
        """
        batch = as_batch(batch)
        if "label" not in batch:
            raise ValueError(
                "the batch has no 'label': clusters are attached to data by Relabelled, see tools/transfer.py"
            )
        labels = batch["label"]
        if labels.device.type == "cpu" and len(labels) and int(labels.max()) >= self.clusters:
            raise ValueError(
                f"label {int(labels.max())} is beyond the {self.clusters} clusters; set method.clusters to as many as "
                "the labels have"
            )
        logits = self.head(encode_clips(self.encoder, view_clips(batch, self.views, self.training)))
        return logits, labels.repeat_interleave(batch["frames"].shape[1])

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return ``loss`` and ``accuracy`` over a data set, and what its commonest cluster alone would reach.

        Returns:
            Means over the clips with a label, with ``balanced`` the loss over batches; beside them
            ``accuracy_chance``, the share of the commonest cluster.

        Raises:
            ValueError: if no item has a label.
        """
        loss = right = 0.0
        sizes = torch.zeros(self.clusters, dtype=torch.int64)
        for batch in batches:
            logits, labels = self.answers(batch)
            known = labels >= 0
            loss += balanced_cross_entropy(logits, labels, self.balanced).item() * int(known.sum())
            right += (logits.argmax(1) == labels).sum().item()
            sizes += labels[known].cpu().bincount(minlength=self.clusters)
        count = int(sizes.sum())
        if not count:
            raise ValueError("no item that was measured has a label: 0 and above; attach clusters by Relabelled")
        return {"loss": loss / count, "accuracy": right / count, "accuracy_chance": int(sizes.max()) / count}

    def facts(self) -> list[str]:
        """Return a line on the question."""
        return [f"tells {self.clusters} clusters apart, weighing {'clusters' if self.balanced else 'items'} alike"]
