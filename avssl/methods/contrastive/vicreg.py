"""VICReg: two views agree, every number varies over items, and different numbers do not vary together.

Bardes, Ponce and LeCun, "VICReg: Variance-Invariance-Covariance Regularization", ICLR 2022, section 4,
https://arxiv.org/abs/2105.04906.
"""

from itertools import combinations

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import vicreg
from avssl.methods.base import Batch
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, named_projector


class VICReg(MultiViewMethod):
    """Embeddings of two views are drawn together; their variance is kept up, their covariances are drawn to 0.

    Statistics are those of the batch of all processes. Of more than two views, the mean over all pairs of them.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (`avssl.transforms.recipes.byol`, symmetric in the paper, appendix C.1).
        hidden: numbers between the layers of the projector, and length of the embeddings (8,192).
        invariance: weight of the mean squared difference (section 4.2: 25).
        variances: weight of the variance (25).
        covariances: weight of the covariances (1).

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import byol
        >>> method = VICReg(SmallNet(dim=16, width=4), byol(size=24), hidden=16)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['covariance', 'invariance', 'loss', 'variance']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        hidden: int = 8192,
        invariance: float = 25.0,
        variances: float = 25.0,
        covariances: float = 1.0,
    ):
        super().__init__(encoder, views)
        if not min(invariance, variances, covariances) >= 0:
            raise ValueError(f"weights must be at least 0; got {invariance=}, {variances=}, {covariances=}")
        self.weights = (invariance, variances, covariances)
        self.head = named_projector("vicreg", encoder.dim, hidden=hidden, out=hidden)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Compare the views of a batch.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, and its terms before they are weighted: ``invariance``, ``variance`` (0.99 after a collapse) and
            ``covariance``, each from 0 up.
        """
        _, views = self.views_of(batch)
        rows = [all_gather(each) for each in self.embed(views)]
        found = [vicreg(*pair, *self.weights) for pair in combinations(rows, 2)]
        return {name: torch.stack([each[name] for each in found]).mean() for name in found[0]}
