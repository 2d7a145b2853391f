"""MoCo v3: a prediction of each view finds the teacher's embedding of another one among those of the batch.

Chen, Xie and He, "An Empirical Study of Training Self-Supervised Vision Transformers", ICCV 2021, section 3*,
https://arxiv.org/abs/2104.02057. Numbers are those of the authors' code; sections with a star are from memory.
"""

from typing import Literal

from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import key_logits
from avssl.methods.base import Batch
from avssl.methods.contrastive.momentum import scores_of
from avssl.methods.recordings import recordings_of
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, Teacher, named_projector


class MoCoV3(MultiViewMethod):
    """Each view's prediction is told from the keys of the whole batch, both ways; there is no queue.

    For a `ViT` the authors keep the projection of patches as it was drawn (``frozen_patches``), or training becomes
    unstable (section 4.2*), and take sin-cos positions.

    Departures. The teacher moves behind the optimiser's step, the authors' before the keys. Batch statistics are those
    of each process, the authors' of all. Of more than two views, twice the mean over all ordered pairs: of two, the sum
    of both ways. Items of a recording are not told apart. Parameters of one dimension are not decayed: so the authors'
    LARS, but not their AdamW.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (`avssl.transforms.recipes.byol`; for a ResNet with crops of at least 0.2).
        head: ``"moco_v3"`` for residual networks, ``"moco_v3_vit"`` for transformers: projector and predictor of
            `avssl.nets.named_projector`.
        hidden: numbers between their layers.
        dim: length of the embeddings.
        temperature: cosines are divided by it (1 for ResNet-50, 0.2 for transformers).
        momentum: share of the teacher's weights that the first step keeps (0.99; over 1,000 epochs 0.996).
        ramp: ``"cosine"`` raises it to 1 over the run; ``"none"`` keeps it.

    Raises:
        ValueError: if views are fewer than two, there is no such head, or a number cannot be.

    Examples:
        >>> import torch
        >>> from avssl.nets import ViT
        >>> from avssl.transforms.recipes import byol
        >>> encoder = ViT(patch=8, width=16, depth=1, heads=2, size=24, frozen_patches=True, positions="sincos")
        >>> method = MoCoV3(encoder, byol(size=24), head="moco_v3_vit", hidden=16, dim=8, temperature=0.2)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['accuracy', 'loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        head: Literal["moco_v3", "moco_v3_vit"] = "moco_v3",
        hidden: int = 4096,
        dim: int = 256,
        temperature: float = 1.0,
        momentum: float = 0.99,
        ramp: Literal["none", "cosine"] = "cosine",
    ):
        super().__init__(encoder, views)
        if head not in ("moco_v3", "moco_v3_vit") or not temperature > 0:
            raise ValueError(
                f"needs head 'moco_v3' or 'moco_v3_vit' and temperature above 0; got {head!r} and {temperature}"
            )
        self.temperature = temperature
        self.head = named_projector(head, encoder.dim, hidden=hidden, out=dim)
        self.predictor = named_projector(f"{head}_predictor", dim, hidden=hidden, out=dim)
        self.teacher = Teacher(self.student(), momentum, ramp)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell the views of a batch's items apart.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``: nats times twice the temperature, both ways added, so ``4 * temperature * log(N)`` where nothing
            is told apart, with N items over all processes (the factor makes the gradient by a cosine there the same for
            all temperatures); ``accuracy``, the share of predictions whose own key is the nearest, chance ``1 / N``.
        """
        batch, views = self.views_of(batch)
        items = recordings_of(batch)
        student = self.student()
        queries = [self.predictor(student(view.frames)) for view in views]
        keys = [self.teacher(view.frames) for view in views]
        counts = items[:, None] != all_gather(items)
        every = [all_gather(rows) for rows in keys]
        found = scores_of(
            [
                key_logits(query, keys[number], every[number], self.temperature, counts)
                for own, query in enumerate(queries)
                for number in range(len(views))
                if number != own
            ]
        )
        return found | {"loss": 4 * self.temperature * found["loss"]}
