"""LeJEPA: views of an item have one embedding, and all embeddings together are an isotropic Gaussian.

Balestriero and LeCun, "LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics", 2025,
https://arxiv.org/abs/2511.08544; of clips: LeVJEPA, 2026, https://arxiv.org/abs/2608.27395 (read: its abstract).
"""

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import sigreg
from avssl.methods.base import Batch
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, named_projector
from avssl.transforms import Draws
from avssl.transforms.draws import stream_of

DIRECTIONS = -4  # the stream of chance of directions, beside that of views


class LeJEPA(MultiViewMethod):
    """Embeddings of views are drawn to their item's mean over the first views; `sigreg` keeps them spread.

    No teacher, no negatives, no stopped gradient, one weight. On clips it is LeVJEPA without its dropping of tokens.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view; the first ``anchors`` give the mean (the large crops), the others (the small
            ones) are drawn to it too.
        hidden: numbers between the layers of the projector.
        dim: length of the embeddings (from memory of the authors' minimal code: 16 to 512 do).
        weight: of the regulariser, in [0, 1]; agreement has the rest (from memory of it: 0.02).
        directions: of the regulariser, drawn anew in each step, the same in all processes (256 there).
        anchors: how many of the views give the mean.

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import byol
        >>> method = LeJEPA(SmallNet(dim=16, width=4), byol(size=24), hidden=16, dim=8, directions=16)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['gaussianity', 'invariance', 'loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        hidden: int = 2048,
        dim: int = 128,
        weight: float = 0.02,
        directions: int = 256,
        anchors: int = 2,
    ):
        super().__init__(encoder, views)
        if not 0 <= weight <= 1 or directions < 1 or not 1 <= anchors <= len(self.views):
            raise ValueError(
                f"needs weight in [0, 1], a direction at least and anchors of 1 to {len(self.views)} views; got "
                f"{weight=}, {directions=}, {anchors=}"
            )
        self.weight, self.directions, self.anchors, self.dim = weight, directions, anchors, dim
        self.head = named_projector("vicreg", encoder.dim, hidden=hidden, out=dim)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Compare the views of a batch.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, and its terms before they are weighted, each from 0 up: ``invariance``, the mean squared distance
            of a number from its item's mean, and ``gaussianity``, which grows with the batch after a collapse.
        """
        batch, views = self.views_of(batch)
        rows = torch.stack([all_gather(each).float() for each in self.embed(views)])  # (views, N, dim)
        invariance = (rows - rows[: self.anchors].mean(0)).square().mean()
        drawn = Draws(stream_of(all_gather(batch["key"])[:1], DIRECTIONS)).uniform(2, self.directions, self.dim)[0]
        axes = (-2 * (1 - drawn[0]).log()).sqrt() * (2 * torch.pi * drawn[1]).cos()  # normal, by Box and Muller
        gaussianity = torch.stack([sigreg(each, axes) for each in rows]).mean()
        loss = (1 - self.weight) * invariance + self.weight * gaussianity
        return {"loss": loss, "invariance": invariance, "gaussianity": gaussianity}
