"""BYOL: a network predicts what its own slow copy makes of another view.

Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020, section 3, https://arxiv.org/abs/2006.07733; on clips:
Feichtenhofer et al., CVPR 2021, https://arxiv.org/abs/2104.14558.
"""

from itertools import permutations

import torch
from torch import Tensor, nn

from avssl.distributed import all_gather
from avssl.losses import byol
from avssl.methods.base import Batch
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, Teacher, named_projector


class BYOL(MultiViewMethod):
    """From each view the teacher's embedding of the other one is predicted; nothing is told apart.

    The teacher is a moving average of encoder and projector, whose momentum rises to 1 over the run. Of more than two
    views, the mean over all ordered pairs of them, times 2: the loss of two views is that of both ways added.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (`avssl.transforms.recipes.byol`: the two differ).
        hidden: numbers between the layers of projector and predictor (4,096).
        dim: length of the embeddings (256).
        momentum: of the teacher at the start (the authors' code: 0.996 for 1,000 epochs, 0.99 for 300, 0.97 for 40).
        predictor: False predicts with nothing: a control, which collapses (section 5).

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import byol
        >>> method = BYOL(SmallNet(dim=16, width=4), byol(size=24), hidden=16, dim=8)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        hidden: int = 4096,
        dim: int = 256,
        momentum: float = 0.996,
        predictor: bool = True,
    ):
        super().__init__(encoder, views)
        self.head = named_projector("byol", encoder.dim, hidden=hidden, out=dim)
        self.predictor = named_projector("byol_predictor", dim, hidden=hidden, out=dim) if predictor else nn.Identity()
        self.teacher = Teacher(self.student(), momentum, ramp="cosine")

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Predict each view's target from each other view.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, 0 to 8: 4 where predictions are orthogonal to their targets; 0 also after a collapse.
        """
        _, views = self.views_of(batch)
        predicted = [all_gather(self.predictor(rows)) for rows in self.embed(views)]
        targets = [all_gather(self.teacher(view.frames)) for view in views]
        ways = [byol(predicted[one], targets[other]) for one, other in permutations(range(len(views)), 2)]
        return {"loss": 2 * torch.stack(ways).mean()}
