"""VideoMAE: most of a clip is hidden, and its pixels are told from the rest; of pictures it is MAE.

Tong, Song, Wang and Wang, "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video
Pre-Training", NeurIPS 2022, https://arxiv.org/abs/2203.12602; with a second mask: Wang et al., "VideoMAE V2", CVPR
2023, https://arxiv.org/abs/2303.16727; pictures: He et al. (MAE), CVPR 2022, https://arxiv.org/abs/2111.06377; random
masks of clips: Feichtenhofer et al., NeurIPS 2022, https://arxiv.org/abs/2205.09113.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.masked.base import MaskedMethod, mean_of_counted
from avssl.nets import Encoder, TokenPredictor
from avssl.nets.transformer import at
from avssl.transforms import Draws, Transform
from avssl.transforms.token_masks import Hidden, Mask, running_cells, token_mask
from avssl.transforms.tubelets import from_tubelets, nearest_visible, standardised, to_tubelets


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Clips ``(N, frames, 3, H, W)``, float in [0, 1], where nothing else is said.

    Attributes:
        truth: as they are.
        masked: with hidden blocks in the mean colour.
        honest: hidden blocks as told, by mean and deviation of the nearest visible block.
        flattering: likewise, by each block's own true mean and deviation, as such pictures are mostly shown.
        hidden: which pixels were, bool ``(N, frames, 1, H, W)``.
    """

    truth: Tensor
    masked: Tensor
    honest: Tensor
    flattering: Tensor
    hidden: Tensor


class VideoMAE(MaskedMethod):
    """Pixels of hidden blocks from visible ones: mean squared error; the encoder sees the visible ones alone.

    Targets have each colour of each block brought to mean 0 and deviation 1 (the authors' code); then a loss of about 1
    is that of telling nothing but the mean. Several clips an item are several looks at a recording from one decoding.
    With an encoder of pictures this is MAE; tube and random masks are one there.

    Departures from the authors' code: positions of time, row and column apart, where theirs are those of the number of
    the token; pixels of a block are in order of colour; blocks of which all frames pad a short clip do not count.

    Args:
        encoder: a transformer that can leave tokens out.
        mask: ``"tube"``, ``"random"`` or ``"frame"``, see `avssl.transforms.token_masks.token_mask`.
        ratio: share of the tokens that is hidden (section 4.2: 0.9; MAE: 0.75).
        width: of the decoder (authors' code: half the encoder's).
        depth: its blocks (section 4.2: 4).
        heads: its heads.
        normalized: False takes pixels in [0, 1] as they are for targets.
        decoded: share of the tokens that the decoder makes: 1 for all hidden ones; 0.5 is version 2's, in running
            cells, of which visible ones do not count (its section 3.2).
        views: transforms of the clips, in order; all frames of a clip alike.

    Raises:
        ValueError: for another encoder, or numbers that cannot be.

    Examples:
        >>> from avssl.nets import TubeletViT
        >>> encoder = TubeletViT(patch=8, width=24, depth=1, heads=2, size=32, frames=4)
        >>> method = VideoMAE(encoder, ratio=0.75, width=12, depth=1, heads=2)
        >>> sorted(method(torch.rand(2, 4, 3, 32, 32)))
        ['loss']
        >>> sorted(method.eval()(torch.rand(2, 4, 3, 32, 32)))
        ['copy_loss', 'loss', 'mean_loss']
    """

    floors: ClassVar = {"mean_loss": "loss", "copy_loss": "loss"}

    def __init__(
        self,
        encoder: Encoder,
        mask: Mask = "tube",
        ratio: float = 0.9,
        width: int = 192,
        depth: int = 4,
        heads: int = 3,
        normalized: bool = True,
        decoded: float = 1.0,
        views: Sequence[Transform] = (),
    ):
        super().__init__(encoder, views)
        if mask not in ("tube", "random", "frame") or not 0 < ratio < 1 or decoded not in (0.25, 0.5, 0.75, 1.0):
            raise ValueError(
                "needs mask 'tube', 'random' or 'frame', ratio in (0, 1) and decoded of 0.25, 0.5, 0.75 or 1; got "
                f"{mask!r}, {ratio}, {decoded}"
            )
        self.mask: Mask = mask
        self.ratio, self.normalized, self.decoded = ratio, normalized, decoded
        pixels = 3 * self.encoder.tubelet * self.encoder.patch**2
        self.decoder = TokenPredictor(self.encoder.dim, pixels, width, depth, heads)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell hidden blocks of all clips.

        Args:
            batch: clips, or pictures for an encoder of these, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss``; in evaluation beside it ``mean_loss``, that of telling each block's mean, about 1 with normalised
            targets, and ``copy_loss``, that of copying the nearest visible block, about 2 where nothing is alike.

        Raises:
            ValueError: if blocks do not divide the clips, or the mask leaves nothing or everything.
        """
        clips, draws, counted = self.clips_of(batch)
        parts = self.hide(clips, draws)
        truth = self.targets(clips)
        hidden = torch.zeros_like(counted).scatter(1, parts.hidden, True)
        asked = parts.hidden
        if self.decoded < 1:
            asked = running_cells(draws, self.encoder.grid(self.shown(clips)), self.decoded)
        weight, wanted = at(counted & hidden, asked), at(truth, asked)
        made = self.tell(clips, parts.visible, asked)
        found = {"loss": mean_of_counted((made - wanted).square().mean((2, 3)), weight)}
        if not self.training:
            place = self.encoder.coordinates(self.encoder.grid(self.shown(clips)))
            copied = at(truth, nearest_visible(parts.visible, asked, place))
            means = wanted.mean(-1, keepdim=True)
            for name, floor in (("mean_loss", means), ("copy_loss", copied)):
                found[name] = mean_of_counted((floor - wanted).square().mean((2, 3)), weight)
        return found

    def hide(self, clips: Tensor, draws: Draws) -> Hidden:
        """Return which tokens of clips are visible and which are hidden."""
        return token_mask(draws, self.encoder.grid(self.shown(clips)), self.mask, self.ratio)

    def targets(self, clips: Tensor) -> Tensor:
        """Return what is to be told of each block, ``(N, tokens, 3, pixels)``."""
        blocks = to_tubelets(clips, self.encoder.tubelet, self.encoder.patch)
        return standardised(blocks)[0] if self.normalized else blocks

    def tell(self, clips: Tensor, visible: Tensor, asked: Tensor) -> Tensor:
        """Return what is told of the asked tokens, ``(N, asked, 3, pixels)``."""
        shown = self.shown(clips)
        places = self.encoder.coordinates(self.encoder.grid(shown))
        made = self.decoder(self.encoder.tokens(shown, visible), visible, asked, places)
        return made[:, visible.shape[1] :].float().unflatten(2, (3, -1))

    @torch.no_grad()
    def fill(self, batch: Batch | Tensor) -> Reconstruction:
        """Hide blocks of clips and tell them, see `Reconstruction`; arguments as for ``forward``."""
        clips, draws, _ = self.clips_of(batch)
        visible, hidden = self.hide(clips, draws)
        told = self.tell(clips, visible, hidden)
        blocks = to_tubelets(clips, self.encoder.tubelet, self.encoder.patch)
        _, mean, deviation = standardised(blocks)
        near = nearest_visible(visible, hidden, self.encoder.coordinates(self.encoder.grid(self.shown(clips))))
        grey = self.encoder.mean.view(3, 1).expand_as(at(blocks, hidden))
        fills = [torch.ones_like(grey), grey]
        for source in (near, hidden):
            fills.append(told * at(deviation, source) + at(mean, source) if self.normalized else told)
        index = hidden[:, :, None, None].expand_as(told)
        frames, height, width = clips.shape[1], *clips.shape[-2:]

        def laid(blocks: Tensor) -> Tensor:
            return from_tubelets(blocks, frames, height, width, self.encoder.patch)

        made = [laid(blocks.scatter(1, index, fill).clamp(0, 1)) for fill in fills[1:]]
        where = laid(torch.zeros_like(blocks).scatter(1, index, fills[0]))[:, :, :1] > 0
        return Reconstruction(clips, *made, where)  # pyright: ignore[reportCallIssue]
