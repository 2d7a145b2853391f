"""Barlow Twins: two views agree, number by number, while different numbers say different things.

Zbontar et al., "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", ICML 2021, section 2,
https://arxiv.org/abs/2103.03230.
"""

from itertools import combinations

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import barlow_twins
from avssl.methods.base import Batch
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, named_projector


class BarlowTwins(MultiViewMethod):
    """The cross-correlation of two views' embeddings over the batch is drawn to the identity.

    Statistics are those of the batch of all processes, and so are gradients (the authors' code sums the correlation
    without a gradient, which divides it by the number of processes: learning rates of theirs are tuned to that). Of
    more than two views, the mean over all pairs of them.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (`avssl.transforms.recipes.byol`).
        hidden: numbers between the layers of the projector, and length of the embeddings (8,192).
        weight: of the entries off the diagonal (lambda; the authors' code: 0.0051). Their sum grows with the square of
            the length: shorter embeddings take more.

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import byol
        >>> method = BarlowTwins(SmallNet(dim=16, width=4), byol(size=24), hidden=16)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['loss']
    """

    def __init__(self, encoder: Encoder, views: Recipes, hidden: int = 8192, weight: float = 0.0051):
        super().__init__(encoder, views)
        if not weight >= 0:
            raise ValueError(f"weight must be at least 0; got {weight}")
        self.weight = weight
        self.head = named_projector("barlow_twins", encoder.dim, hidden=hidden, out=hidden)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Correlate the views of a batch.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, from 0 up; about the length of the embeddings where views are independent or all rows are equal.
        """
        _, views = self.views_of(batch)
        rows = [all_gather(each) for each in self.embed(views)]
        return {"loss": torch.stack([barlow_twins(*pair, self.weight) for pair in combinations(rows, 2)]).mean()}
