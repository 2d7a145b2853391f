"""SimCLR: two views of an item find each other among those of the batch.

Chen, Kornblith, Norouzi and Hinton, "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020,
section 2, https://arxiv.org/abs/2002.05709; version 2: "Big Self-Supervised Models are Strong Semi-Supervised
Learners", NeurIPS 2020, section 2, https://arxiv.org/abs/2006.10029; on clips: Feichtenhofer et al., CVPR 2021,
https://arxiv.org/abs/2104.14558.
"""

from itertools import combinations

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import accuracy, both_ways, contrast
from avssl.methods.base import Batch
from avssl.methods.recordings import recordings_of
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, ProjectedEncoder, SoundEncoder, named_projector


class SimCLR(MultiViewMethod):
    """Each view finds the other one of its item among the views of the batch.

    Of more than two views, the mean over all pairs of them. Items of the same recording are not told apart.

    Departure: the mean over both ways, where the authors' code adds them (its learning rates are tuned to twice this
    loss). With ``accumulate`` views are told from those of one batch alone.

    Beside ``encoder`` a run exports ``projected``: the encoder with the first layer of the head, from which version 2
    fine-tunes.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (`avssl.transforms.recipes.simclr`).
        layers: linear maps of the head: 2 in version 1, 3 in version 2.
        hidden: numbers between them.
        dim: length of the embeddings (128).
        temperature: cosines are divided by it (0.1; 0.5 on CIFAR-10, appendix B.9).

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import simclr
        >>> method = SimCLR(SmallNet(dim=16, width=4), simclr(size=24), hidden=16, dim=8)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['accuracy', 'loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        layers: int = 2,
        hidden: int = 2048,
        dim: int = 128,
        temperature: float = 0.1,
    ):
        super().__init__(encoder, views)
        if layers < 1 or not temperature > 0:
            raise ValueError(f"needs layers of at least 1 and temperature above 0; got {layers} and {temperature}")
        self.temperature, self.hidden = temperature, hidden
        self.head = named_projector("simclr", encoder.dim, layers=layers, hidden=hidden, out=dim)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Contrast the views of a batch.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss`` in nats, ``log(2 N - 1)`` where nothing is told apart, with N items over all processes;
            ``accuracy``, the share of views whose nearest is of their item, chance ``1 / (2 N - 1)``.
        """
        batch, views = self.views_of(batch)
        items = all_gather(recordings_of(batch))
        rows = [all_gather(each) for each in self.embed(views, together=True)]
        tables = [both_ways(*pair, self.temperature, items) for pair in combinations(rows, 2)]
        return {
            "loss": torch.stack([contrast(*table) for table in tables]).mean(),
            "accuracy": torch.stack([accuracy(*table) for table in tables]).mean(),
        }

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the encoder and, where the head has a layer before its last, the encoder with the first of the head.

        Version 2, section 2: fine-tuning starts from the first layer of a head of three.
        """
        found = super().exports()
        if len(self.head) > 1:
            found["projected"] = ProjectedEncoder.holding(self.head[:1], self.encoder, hidden=self.hidden)
        return found
