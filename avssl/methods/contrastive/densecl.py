"""DenseCL: each cell of a map is told from a queue, as belonging to the cell of another view that looks most like it.

Wang, Zhang, Shen, Kong and Li, "Dense Contrastive Learning for Self-Supervised Visual Pre-Training", CVPR 2021,
section 3*, https://arxiv.org/abs/2011.09157. Numbers are those of the authors' code, ``densecl_imagenet_200ep.py``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import dense_contrast, most_similar
from avssl.methods.base import Batch
from avssl.methods.contrastive.cells import CellEmbedder, Cells
from avssl.methods.contrastive.queues import QueuedMethod, Queues, items_of
from avssl.methods.views import Recipes
from avssl.nets import Encoder, Teacher, named_projector
from avssl.nets.clips import channels_of_maps
from avssl.transforms.multiview import View


class DenseCL(QueuedMethod):
    """MoCo v2 on whole views, and the same on the cells of a map, paired by the likeness of the encoder's features.

    The first view asks and the second is the teacher's. A cell's key is the teacher's embedding of the cell whose
    features are most like its own; the dense queue holds the mean over the cells of each item (section 3.3*). Vectors
    of the own recording in the queues are no negatives. Clips: maps are averaged over the frames of a clip.

    A single cell can be told from means over cells by where it lies alone, as padding shows it: ``dense_accuracy`` is
    high for pictures that are all the same, too. ``accuracy`` is the one to watch.

    Departures: queues start empty, where the authors' start with random vectors, so the first loss is 0; the whole view
    is the encoder's output, theirs the mean of the map (the same for a ResNet and its ``layer4``); items are not
    shuffled over processes for the statistics of batch normalisation. A star: from memory, the section was not at hand.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of the two views (`avssl.transforms.recipes.moco_v2`).
        layer: whose map is compared, out of ``encoder.layers`` (ResNet: ``layer4``).
        hidden: numbers between the two layers of both heads (the authors' code: 2048).
        dim: length of the embeddings (128).
        temperature: cosines are divided by it (0.2).
        queue: places of each of the two queues (65,536).
        momentum: of the teacher (0.999).
        weight: of the dense loss, and ``1 - weight`` of the other (lambda: 0.5).
        warmup: steps in which the dense loss does not count, as features do not find pairs yet (the authors' hook:
            1,000; their released configs leave the hook out).

    Raises:
        ValueError: if the layer gives vectors, views are not two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import moco_v2
        >>> method = DenseCL(SmallNet(dim=16, width=4), moco_v2(size=24), layer="conv3", hidden=16, dim=8, queue=32)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['accuracy', 'dense', 'dense_accuracy', 'global', 'loss']
    """

    steps: Tensor

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        layer: str,
        hidden: int = 2048,
        dim: int = 128,
        temperature: float = 0.2,
        queue: int = 65536,
        momentum: float = 0.999,
        weight: float = 0.5,
        warmup: int = 0,
    ):
        super().__init__(encoder, views)
        if len(self.views) != 2:
            raise ValueError(f"DenseCL has two views, one that asks and the teacher's; got {len(self.views)}")
        if not temperature > 0 or not 0 <= weight <= 1 or warmup < 0:
            raise ValueError(
                "needs temperature above 0, weight in [0, 1] and warmup of at least 0; got "
                f"{temperature}, {weight} and {warmup}"
            )
        self.layer, self.temperature, self.weight, self.warmup = layer, temperature, weight, warmup
        (channels,) = channels_of_maps(encoder, [layer], who="DenseCL")
        self.head = named_projector("moco_v2", encoder.dim, hidden=hidden, out=dim)
        self.dense_head = named_projector("moco_v2", channels, hidden=hidden, out=dim)
        self.teacher = Teacher(self.student(), momentum)
        self.queues = Queues(2, queue, dim)  # of whole views, and of the means of their cells
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def student(self) -> CellEmbedder:
        """Return encoder and heads as one network, of which the teacher is a copy."""
        return CellEmbedder(self.encoder, self.layer, self.dense_head, self.head)

    def embed(self, views: Sequence[View], together: bool = False) -> list[Tensor]:
        """Return the embeddings of whole views, ``(N, dim)`` each; each view by itself."""
        return [self.student()(view.frames).whole for view in views]

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell whole views and their cells from the queues.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, the weighted mean of ``global`` and ``dense``, in nats, each ``log(K + 1)`` where nothing is told
            apart and 0 while queues are empty, with K vectors in them; ``accuracy`` and ``dense_accuracy``, the shares
            of views and cells whose own key is the nearest, chance ``1 / (K + 1)``. In evaluation K + 1 is the number
            of items over all processes, and both losses count from the start.
        """
        given = batch
        batch, (first, second) = self.views_of(batch)
        asked: Cells = self.student()(first.frames)
        keys: Cells = self.teacher(second.frames)
        partner = most_similar(asked.backbone, keys.backbone)[..., None].expand_as(asked.cells)
        negatives, counts = self.queues.negatives([keys.whole, keys.cells.mean(1)], items_of(given, batch))
        pairs = (asked.whole[:, None], keys.whole[:, None]), (asked.cells, keys.cells.gather(1, partner))
        found = [
            dense_contrast(*pair, others, self.temperature, counts)
            for pair, others in zip(pairs, negatives, strict=True)
        ]
        (whole, right), (dense, dense_right) = [[all_gather(each).mean() for each in pair] for pair in found]
        weight = self.weight * (self.steps >= self.warmup) if self.training else self.weight
        return {
            "loss": (1 - weight) * whole + weight * dense,
            "global": whole,
            "dense": dense,
            "accuracy": right,
            "dense_accuracy": dense_right,
        }

    def after_step(self, step: int, steps: int) -> None:
        """Move the teacher, and count."""
        super().after_step(step, steps)
        self.steps.fill_(step)
