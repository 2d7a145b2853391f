"""SimSiam: a network predicts what it makes itself of another view, and learns from one side alone.

Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021, section 3, https://arxiv.org/abs/2011.10566.
"""

from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.losses import negative_cosine
from avssl.methods.base import Batch
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, named_projector


class SimSiam(MultiViewMethod):
    """From each view the embedding of the other one is predicted; no gradient flows into what is predicted.

    Of more than two views, the mean over all ordered pairs of them.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (`avssl.transforms.recipes.moco_v2`: section 3, "Baseline settings").
        hidden: numbers between the layers of the projector, and length of the embeddings (2,048).
        bottleneck: numbers between the layers of the predictor (512, a quarter).
        stop_gradient: False lets gradients into what is predicted: a control, which collapses (section 4.1).

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import moco_v2
        >>> method = SimSiam(SmallNet(dim=16, width=4), moco_v2(size=24), hidden=16, bottleneck=4)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['loss']
    """

    def __init__(
        self, encoder: Encoder, views: Recipes, hidden: int = 2048, bottleneck: int = 512, stop_gradient: bool = True
    ):
        super().__init__(encoder, views)
        self.head = named_projector("simsiam", encoder.dim, hidden=hidden, out=hidden)
        self.predictor = named_projector("simsiam_predictor", hidden, hidden=bottleneck, out=hidden)
        self.stop_gradient = stop_gradient

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Predict each view's embedding from each other view.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, -1 to 1; -1 also after a collapse.
        """
        _, views = self.views_of(batch)
        rows = self.embed(views)
        predicted = [all_gather(self.predictor(each)) for each in rows]
        targets = [all_gather(each) for each in rows]
        ways = [self.way(predicted[one], targets[other]) for one, other in permutations(range(len(views)), 2)]
        return {"loss": torch.stack(ways).mean()}

    def way(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Return minus the mean cosine of predictions and targets."""
        if self.stop_gradient:
            return negative_cosine(predicted, target)
        return -F.cosine_similarity(predicted.float(), target.float()).mean()
