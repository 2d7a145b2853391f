"""Context encoder: fill what was taken out of a picture from what is around it.

Pathak, Krähenbühl, Donahue, Darrell and Efros, "Context Encoders: Feature Learning by Inpainting", CVPR 2016.
https://arxiv.org/abs/1604.07379
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.methods.base import Batch, Method
from avssl.methods.inputs import pictures_of, view_pictures
from avssl.nets import Encoder
from avssl.nets.discriminator import Discriminator, held_still
from avssl.nets.encoders import shapes_of
from avssl.nets.inpainting import Decoder
from avssl.transforms import Draws, Transform
from avssl.transforms.masks import SHARE, Hole, bounds, grown, holes

RING = 10.0  # weight of the pixels around a hole that are predicted too (section 5.1)


@dataclass(frozen=True, eq=False)
class Filled:
    """Pictures before, without and after: float in [0, 1], ``(N, 3, H, W)``, and the holes, bool ``(N, 1, H, W)``."""

    truth: Tensor
    masked: Tensor
    filled: Tensor
    hole: Tensor


class ContextEncoder(Method):
    """Pixels of a hole from its surroundings: masked squared error, and an adversary that tells made from true.

    The hole is filled with the mean colour, the encoder sees the rest, and the decoder makes the whole picture. What
    counts is the hole and a ring around it, which is seen and weighs ten times as much, so that the edges fit.

    The squared error is taken between pictures in [-1, 1], as in the authors' code, and divided by the sum of the
    weights. The adversary judges what was predicted of the square in the middle, or the whole picture for other holes
    (eq. 2); the method wants its verdict "true" (the authors' code), and judge and judged step together, each with an
    optimiser of its own. The paper has ten times the learning rate for the method (section 5.1).

    Departures from the paper: up-convolutions are followed by batch normalisation (the authors' code); random shapes
    come from smooth noise, see `avssl.transforms.masks`; maps are pooled to ``cells`` whatever the encoder; where
    ``layer`` is a vector (the paper's bottleneck of 4,000 units, section 5.1), one fully connected layer leads from it
    to the decoder, in place of the channel-wise one; the ring is there for holes of every kind, where the paper has it
    for the middle; method and adversary step at once, from one backward pass, where the paper lets them take turns.

    Layers behind ``layer`` are not trained.

    Args:
        encoder: shows the map to decode from.
        size: side of the square pictures that the encoder sees, after ``views``, in pixels (the paper's: 227).
        hole: ``"centre"``, ``"blocks"`` or ``"shapes"``; the paper's features come from the last (section 3.3).
        share: of a picture that a hole covers (section 3.3: up to a quarter).
        overlap: width of the ring, in pixels (section 5.1: 7).
        adversarial: weight of the adversary's verdict; the squared error has the rest (section 5.1: 0.001 and 0.999).
            With 0 there is no adversary, as in the paper's training of features with AlexNet (section 3.2).
        layer: what to decode; None for the encoder's deepest map of more than one cell.
        cells: of a side of the map, at most; larger maps are pooled (section 3.1: 6).
        width: of the decoder and the adversary (the authors' code: 64).
        views: transforms of the pictures before holes are made, in order.

    Raises:
        ValueError: for numbers that cannot be, or a layer that is not there.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = ContextEncoder(SmallNet(dim=16, width=4), size=32, overlap=2, width=4)
        >>> batch = {"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(method(batch))
        ['adversary_loss', 'error', 'fooled', 'loss', 'mean_error', 'reconstruction', 'told']
    """

    partial = True  # layers behind the one that is decoded
    floors: ClassVar = {"mean_error": "error"}

    def __init__(
        self,
        encoder: Encoder,
        size: int,
        hole: Hole = "shapes",
        share: float = SHARE,
        overlap: int = 7,
        adversarial: float = 0.001,
        layer: str | None = None,
        cells: int = 6,
        width: int = 64,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        if not 0 < share < 1 or not 0 <= adversarial < 1 or overlap < 0 or min(size, cells, width) < 1:
            raise ValueError(
                "needs share in (0, 1), adversarial in [0, 1), overlap of at least 0 and size, cells and width of at "
                f"least 1; got {share=}, {adversarial=}, {overlap=}, {size=}, {cells=}, {width=}"
            )
        self.encoder, self.size, self.share, self.overlap = encoder, size, share, overlap
        self.hole: Hole = hole
        self.adversarial, self.cells, self.views = adversarial, cells, tuple(views)
        self.layer, shape = shape_of(encoder, layer, size)
        if len(shape) > 1:
            shape = (shape[0], *(min(side, cells) for side in shape[1:]))
        self.decoder = Decoder(shape, size, width)
        first, last = bounds(size, share)
        self.box = slice(max(0, first - overlap), last + overlap) if hole == "centre" else slice(None)
        judged = len(range(size)[self.box])
        self.adversary = Discriminator(judged, width) if adversarial else None

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Fill the holes of all pictures.

        Args:
            batch: pictures, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``; its parts ``reconstruction`` and ``fooled`` (cross-entropy in nats of the verdict "true" on what
            was made; log 2 = 0.693 for a judge that cannot decide); ``adversary_loss``, the judge's, of both kinds
            together (2 log 2 = 1.386 likewise); ``told``, its accuracy, chance 0.5; ``error``, the mean squared error
            in the hole for pictures in [0, 1], and ``mean_error``, the same for the mean colour of what is seen.

        Raises:
            ValueError: if the pictures are of another size.
        """
        truth, hole, made = self._made(*pictures_of(batch))
        weight = 1 + (RING - 1) * (grown(hole, self.overlap) & ~hole)
        weight = (weight * grown(hole, self.overlap)).expand_as(truth)
        reconstruction = (weight * (2 * (made - truth)).square()).sum() / weight.sum()
        found = {"reconstruction": reconstruction} | errors(truth, hole, made.detach())
        if self.adversary is None:
            return {"loss": reconstruction} | found
        true, false = truth[..., self.box, self.box], made[..., self.box, self.box]
        fooled = F.softplus(-held_still(self.adversary, false).float()).mean()
        yes, no = self.adversary(true).float(), self.adversary(false.detach()).float()
        loss = (1 - self.adversarial) * reconstruction + self.adversarial * fooled
        told = torch.cat([yes > 0, no <= 0]).float().mean()
        against = F.softplus(-yes).mean() + F.softplus(no).mean()
        return {"loss": loss, "adversary_loss": against, "fooled": fooled, "told": told} | found

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the method's own parameters, and those of its adversary, which has an optimiser of its own."""
        own = [*self.encoder.parameters(), *self.decoder.parameters()]
        groups: list[dict[str, Any]] = [{"params": own}]
        if self.adversary is not None:
            groups.append({"params": list(self.adversary.parameters()), "optimizer": "adversary"})
        return groups

    @torch.no_grad()
    def fill(self, pictures: Tensor, key: Tensor) -> Filled:
        """Make holes and fill them.

        Args:
            pictures: float in [0, 1], ``(N, 3, H, W)``; the views show them as in evaluation if the method is in it.
            key: int64 ``(N, parts)``, which decides where holes are.

        Raises:
            ValueError: if the pictures, as the views show them, are of another size than the method's.
        """
        truth, hole, made = self._made(pictures, key)
        return Filled(truth, self._masked(truth, hole), made.where(hole, truth), hole)

    def _made(self, pictures: Tensor, key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures as the views show them, their holes, and the whole pictures that the decoder makes."""
        draws = Draws(key)
        truth = view_pictures(pictures, draws, self.views, self.training)
        if truth.shape[-2:] != (self.size, self.size):
            raise ValueError(
                f"this context encoder fills pictures of {self.size} x {self.size} px; got {truth.shape[-2]} x "
                f"{truth.shape[-1]}; set its size, or bring the pictures to it with data.size or a Crop in views"
            )
        hole = holes(draws, self.hole, self.size, self.share)
        maps = self.encoder.taps(self._masked(truth, hole), [self.layer], whole=False)[self.layer]
        if maps.ndim > 2 and max(maps.shape[-2:]) > self.cells:
            maps = F.adaptive_max_pool2d(maps, min(maps.shape[-1], self.cells))
        return truth, hole, self.decoder(maps).float()

    def _masked(self, truth: Tensor, hole: Tensor) -> Tensor:
        return self.encoder.mean.where(hole, truth)  # the constant mean value (section 4): nothing, once normalised


def errors(truth: Tensor, hole: Tensor, made: Tensor) -> dict[str, Tensor]:
    """Return the mean squared error in holes, and that of the mean colour of what is seen of each picture."""
    around = (truth * ~hole).sum((2, 3), keepdim=True) / (~hole).sum((2, 3), keepdim=True).clamp(min=1)
    inside = hole.expand_as(truth)
    return {
        name: ((filled - truth).square() * inside).sum() / inside.sum()
        for name, filled in (("error", made), ("mean_error", around))
    }


def shape_of(encoder: Encoder, layer: str | None, size: int) -> tuple[str, tuple[int, ...]]:
    """Return the name and the shape of what a layer makes of one picture; None for the deepest map of several cells.

    Raises:
        ValueError: if there is none.
    """
    shapes = shapes_of(encoder, encoder.layers if layer is None else (layer,), size)
    if layer is not None:
        return layer, shapes[layer]
    maps = [name for name, shape in shapes.items() if len(shape) == 3 and shape[-1] > 1]
    if not maps:
        raise ValueError(f"{type(encoder).__name__} shows no map of several cells at {size} px; give larger pictures")
    return maps[-1], shapes[maps[-1]]
