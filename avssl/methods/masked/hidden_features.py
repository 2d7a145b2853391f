"""Features of hidden blocks of a clip told from its visible tokens: what V-JEPA and SALT share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.methods.base import Batch
from avssl.methods.masked.base import MaskedMethod, mean_of_counted
from avssl.nets import TokenPredictor, TubeletViT
from avssl.nets.transformer import at
from avssl.transforms import BlockMask, Draws
from avssl.transforms.token_masks import Grid, Hidden

SHORT, LONG = BlockMask(blocks=8, share=0.15), BlockMask(blocks=2, share=0.7)  # V-JEPA, section 3.2


class HiddenFeatures(nn.Module):
    """Predicts the features of hidden tokens, under each of several masks.

    Args:
        inputs: numbers of the student's tokens.
        outputs: of the teacher's.
        masks: V-JEPA's short and long blocks if None.
        width: of the predictor.
        depth: its blocks.
        heads: its heads.
        dense: weight of the loss on visible tokens, 0 for none.

    Raises:
        ValueError: for no mask, a weight below 0, or sizes that cannot be.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        masks: Sequence[BlockMask] | None,
        width: int,
        depth: int,
        heads: int,
        dense: float = 0.0,
    ):
        super().__init__()
        self.masks = tuple((SHORT, LONG) if masks is None else masks)
        if not self.masks or dense < 0:
            raise ValueError(f"needs a mask and dense of at least 0; got {len(self.masks)} masks and {dense=}")
        self.dense = dense
        self.predictor = TokenPredictor(inputs, outputs, width, depth, heads, kinds=len(self.masks))

    def forward(
        self, encoder: TubeletViT, images: Tensor, features: Tensor, draws: Draws, counted: Tensor
    ) -> dict[str, Tensor]:
        """Return the mean absolute error over masks, and in evaluation that of each token's mean over clips.

        Args:
            encoder: the student.
            images: what it takes.
            features: the teacher's tokens of whole clips, ``(N, tokens, outputs)``; normalised over their numbers here.
            draws: for the masks.
            counted: which tokens count, bool ``(N, tokens)``.
        """
        grid = encoder.grid(images)
        places = encoder.coordinates(grid)
        target = F.layer_norm(features.float(), features.shape[-1:]).detach()
        middle = target.mean(0, keepdim=True).expand_as(target)
        losses, floors = [], []
        for kind, mask in enumerate(self.masks):
            parts: Hidden = mask(draws, grid)
            made = self.predictor(encoder.tokens(images, parts.visible), *parts, places, kind).float()
            asked = torch.cat(parts, 1)
            error = (made - at(target, asked)).abs().mean(2)
            floor = (at(middle, asked) - at(target, asked)).abs().mean(2)
            seen = parts.visible.shape[1]
            weight = at(counted, asked)
            losses.append(mean_of_counted(error[:, seen:], weight[:, seen:]))
            if self.dense:
                near = 1 / nearest_hidden(parts, grid).sqrt()
                losses[-1] = losses[-1] + self.dense * mean_of_counted(error[:, :seen] * near, weight[:, :seen])
            floors.append(mean_of_counted(floor[:, seen:], weight[:, seen:]))
        found = {"loss": torch.stack(losses).mean()}
        return found if self.training else found | {"mean_loss": torch.stack(floors).mean()}


def nearest_hidden(parts: Hidden, grid: Grid) -> Tensor:
    """Return how many cells the nearest hidden token is away from each visible one, ``(N, visible)``."""
    device = parts.visible.device
    axes = [torch.arange(count, dtype=torch.float32, device=device) for count in grid]
    cells = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 2)
    return torch.cdist(cells[parts.visible], cells[parts.hidden]).amin(2)


class FeaturePrediction(MaskedMethod, ABC):
    """A method that tells what a teacher makes of tokens that the encoder does not see.

    A subclass sets ``prediction``.
    """

    floors: ClassVar = {"mean_loss": "loss"}
    prediction: HiddenFeatures

    @abstractmethod
    def target_encoder(self) -> TubeletViT:
        """Return the network that looks at whole clips, without gradient."""

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell the teacher's features of hidden tokens of all clips.

        Args:
            batch: clips, or pictures for an encoder of these, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss``; in evaluation beside it ``mean_loss``, that of telling each token's mean over the batch's clips,
            whatever is seen.

        Raises:
            ValueError: if tokens do not divide the clips.
        """
        clips, draws, counted = self.clips_of(batch)
        images = self.shown(clips)
        with torch.no_grad():
            targets = self.target_encoder().tokens(images)
        return self.prediction(self.encoder, images, targets, draws, counted)
