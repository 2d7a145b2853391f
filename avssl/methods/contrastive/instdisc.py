"""InstDisc: each picture is a class of its own, told from others by a bank of what they looked like before.

Wu, Xiong, Yu and Lin, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018, section 3,
https://arxiv.org/abs/1805.01978; the authors' code: https://github.com/zhirongw/lemniscate.pytorch. Sections marked
with a star were not at hand and are from memory.
"""

from typing import Any

import torch
from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.contrastive.instance_bank import InstanceBank, embed_again
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, named_projector


class InstDisc(MultiViewMethod):
    """A view of an item finds the item's own entry in a bank among entries drawn by chance.

    One view an item is enough; of several, each is compared with the bank, and an entry moves towards their mean. The
    bank is written after the gradients of a step. Items of the same recording are no noise.

    Held-out items have no entry. So in evaluation another look at each item takes the place of its entry, and those of
    the batch are all that it is told from (InfoNCE): losses can be compared over a run, not with those of training.

    Departures: entries begin as random vectors of length 1 (section 3.1*; in the authors' code about 1); noise is never
    the own entry, which in the authors' code it may be.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view, one or more (the authors' code: ``avssl.transforms.recipes.moco_v1``).
        items: how many the data has.
        noise: entries drawn for each item (the authors' code: 4,096).
        dim: length of the embeddings (128).
        temperature: cosines are divided by it (0.07).
        momentum: share of an entry that is kept when its item is seen (the authors' code: 0.5).
        proximal: weight of the squared distance between an embedding and its entry (section 3.3*, proximal
            regularisation; 0 in the authors' code, where the bank's momentum plays its part).

    Raises:
        ValueError: if a number cannot be, or the bank is smaller than the data.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import moco_v1
        >>> method = InstDisc(SmallNet(dim=16, width=4), moco_v1(size=24, views=1), items=10, noise=8, dim=8)
        >>> batch = {"frames": torch.rand(4, 3, 32, 32), "key": torch.tensor([[0, 0, index] for index in range(4)])}
        >>> sorted(method(batch))
        ['accuracy', 'loss', 'noise', 'proximal']
    """

    remembers = True
    least_views = 1

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        items: int,
        noise: int = 4096,
        dim: int = 128,
        temperature: float = 0.07,
        momentum: float = 0.5,
        proximal: float = 0.0,
    ):
        super().__init__(encoder, views)
        if not proximal >= 0:
            raise ValueError(f"needs proximal of at least 0; got {proximal}")
        self.proximal, self.remembered = proximal, items
        self.head = named_projector("moco", encoder.dim, out=dim)
        self.memory = InstanceBank(items, dim, noise, temperature, momentum)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell the items of a batch from noise.

        Args:
            batch: pictures or clips with keys, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss``; its parts ``noise``, the noise contrast in nats (with m entries of noise ``log(1 + m) + m log(1 +
            1 / m)``, about ``log(1 + m) + 1``, where nothing is told apart), and ``proximal``, the squared distance, 0
            to 4; ``accuracy``, the share of views nearer to their own entry than to all noise, chance ``1 / (1 + m)``.
            In evaluation ``log(N)`` and ``1 / N`` of the N items of the batch.
        """
        batch, views = self.views_of(batch)
        rows = torch.stack(self.embed(views), 1)
        if self.training:
            told = self.memory(rows, batch)
            self.memory.keep(rows, batch)
        else:
            told = self.memory.compare(rows, batch, embed_again(self, batch, len(views)))
        noise, moved = told.contrast.mean(), told.moved.mean()
        loss = noise + self.proximal * moved
        return {"loss": loss, "noise": noise, "proximal": moved, "accuracy": told.right.mean()}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return all parameters, decayed all alike, as in the authors' code."""
        return [group | {"decay_all": True} for group in super().parameter_groups()]

    def after_backward(self, step: int, steps: int) -> None:
        """Write the bank."""
        self.memory.write()
