"""PIRL: a picture, and its patches in any order, both find what the picture looked like before.

Misra and van der Maaten, "Self-Supervised Learning of Pretext-Invariant Representations", CVPR 2020, section 3,
https://arxiv.org/abs/1912.01991; numbers are those of the authors' code, VISSL's ``pirl_jigsaw_4node_resnet50.yaml``,
https://github.com/facebookresearch/vissl.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.methods.base import Batch
from avssl.methods.contrastive.instance_bank import InstanceBank, embed_again
from avssl.methods.contrastive.jigsaw_branch import JigsawBranch
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, named_projector
from avssl.transforms import Transform


class PIRL(MultiViewMethod):
    """The image branch and the jigsaw branch of an item are each told from noise, against the item's entry in a bank.

    The branches are never compared with each other: the bank, which the image branch alone writes, stands between them.
    The jigsaw branch sees nine patches of one more view (``puzzle``): each is encoded and mapped by itself, and all
    nine are concatenated in an order drawn anew each time, so that no place tells what is where. No permutation is
    predicted. On clips the patches of all frames of a view share their places.

    Evaluation, and what is no noise: as `InstDisc`.

    Departures: all branches of an item share one draw of noise, which is never the own entry; the constant of the
    distribution is estimated from all branches, in VISSL from the patches alone.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of the image branch's views, one or more (VISSL: crops of 0.08 to 1, jitter of 0.4, 0.4,
            0.4 and 0.2, loss of colour, flip).
        items: how many the data has.
        puzzle: the transforms of the view that patches are cut from (VISSL: a crop of 0.6 to 1, resized to 255).
        patch: the transforms of each patch by itself (VISSL: those of the image but for the crop).
        tile: side of a patch, in pixels (64).
        gap: by how much the cell of a patch, anywhere in which it lies, is wider; pixels (21).
        noise: entries drawn for each item (32,000).
        dim: length of the embeddings, and of a patch's (128).
        temperature: cosines are divided by it (0.07).
        momentum: share of an entry that is kept when its item is seen (0.5).
        share: weight of the jigsaw branch; the image branch has the rest (lambda of the paper: 0.5).

    Raises:
        ValueError: if a number cannot be, the bank is smaller than the data, or the puzzle smaller than its patches.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms import RandomResizedCrop
        >>> views, puzzle = [[RandomResizedCrop(24)]], [RandomResizedCrop(30, scale=(0.6, 1.0))]
        >>> sizes = {"tile": 8, "gap": 2, "noise": 8, "dim": 8}
        >>> method = PIRL(SmallNet(dim=16, width=4), views, items=10, puzzle=puzzle, **sizes)
        >>> batch = {"frames": torch.rand(4, 3, 32, 32), "key": torch.tensor([[0, 0, index] for index in range(4)])}
        >>> sorted(method(batch))
        ['accuracy', 'image', 'jigsaw', 'jigsaw_accuracy', 'loss']
    """

    remembers = True

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        items: int,
        puzzle: Sequence[Transform] = (),
        patch: Sequence[Transform] = (),
        tile: int = 64,
        gap: int = 21,
        noise: int = 32_000,
        dim: int = 128,
        temperature: float = 0.07,
        momentum: float = 0.5,
        share: float = 0.5,
    ):
        super().__init__(encoder, [*views, puzzle])
        if not 0 <= share <= 1:
            raise ValueError(f"share must be in [0, 1]; got {share}")
        self.share, self.remembered = share, items
        self.head = named_projector("moco", encoder.dim, out=dim)
        self.branch = JigsawBranch(nn.Linear(encoder.dim, dim), dim, tile, gap, patch)
        self.memory = InstanceBank(items, dim, noise, temperature, momentum)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell the items of a batch from noise, by both branches.

        Args:
            batch: pictures or clips with keys, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss``; its parts ``image`` and ``jigsaw``, nats of each branch (with m entries of noise ``log(1 + m) + m
            log(1 + 1 / m)``, about ``log(1 + m) + 1``, where nothing is told apart); ``accuracy`` of the image branch
            and ``jigsaw_accuracy``, the shares nearer to the own entry than to all noise, chance ``1 / (1 + m)``. In
            evaluation ``log(N)`` and ``1 / N`` of the N items of the batch.
        """
        batch, (*views, puzzle) = self.views_of(batch)
        images = torch.stack(self.embed(views), 1)
        jigsaw = self.branch(self.encoder, puzzle.frames, batch["key"])
        rows = torch.cat([images, jigsaw[:, None]], 1)
        if self.training:
            told = self.memory(rows, batch)
            self.memory.keep(images, batch)
        else:
            told = self.memory.compare(rows, batch, embed_again(self, batch, len(views)))
        image, apart = told.contrast[:, :-1].mean(), told.contrast[:, -1].mean()
        found = {"image": image, "jigsaw": apart, "accuracy": told.right[:, :-1].mean()}
        loss = self.share * apart + (1 - self.share) * image
        return {"loss": loss} | found | {"jigsaw_accuracy": told.right[:, -1].mean()}

    def after_backward(self, step: int, steps: int) -> None:
        """Write the bank."""
        self.memory.write()
