"""Maps of colours, learned or made by people, and an encoder that sees the colours of pictures in two halves.

Tian, Sun, Poole, Krishnan, Schmid and Isola, "What Makes for Good Views for Contrastive Learning?" (InfoMin), NeurIPS
2020, section 4*, https://arxiv.org/abs/2005.10243 (*: from memory; the authors released no code of it). Additive
couplings, which keep volumes: Dinh, Krueger and Bengio, "NICE", 2015, section 3.2*, https://arxiv.org/abs/1410.8516;
affine ones: Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017, section 3.2*,
https://arxiv.org/abs/1605.08803. Halves of colours: Tian, Krishnan and Isola, "Contrastive Multiview Coding", ECCV
2020, https://arxiv.org/abs/1906.05849.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from avssl.config import Recorded
from avssl.nets.encoders import Encoder
from avssl.nets.feature_maps import FeatureMap
from avssl.transforms.lab import lab_from_rgb

SIDES = ("first", "second")
ONE, TWO = slice(0, 1), slice(1, 3)  # channels of the two halves
TO_YDBDR = ((0.299, 0.587, 0.114), (-0.450, -0.883, 1.333), (-1.333, 1.116, 0.217))  # ITU-R BT.470, SECAM
SPAN = 2.666  # from the least to the greatest of Db and of Dr


class ColorMap(Recorded, nn.Module, ABC):
    """A map of the three colours of each pixel, by itself, behind which they are parted in halves."""

    @abstractmethod
    def forward(self, colors: Tensor) -> Tensor:
        """Return the colours of pictures ``(..., 3, H, W)``, RGB in [0, 1], mapped."""


class ColorSpace(ColorMap):
    """A colour space that people made: lightness, and two channels that tell its colour.

    Each channel is brought to about [0, 1], as encoders expect: L over 100, a and b from [-100, 100], Db and Dr from
    the ends of their ranges.

    Args:
        space: ``"lab"`` (CIE Lab) or ``"ydbdr"`` (of the television system SECAM).

    Raises:
        ValueError: for another one.

    Examples:
        >>> grey = torch.full((3, 1, 1), 0.25)
        >>> [round(value, 3) for value in ColorSpace("ydbdr")(grey).flatten().tolist()]
        [0.25, 0.5, 0.5]
    """

    def __init__(self, space: Literal["lab", "ydbdr"]):
        super().__init__()
        if space not in ("lab", "ydbdr"):
            raise ValueError(f"space must be 'lab' or 'ydbdr'; got {space!r}")
        self.space = space
        self.register_buffer("matrix", torch.tensor(TO_YDBDR), persistent=False)

    def forward(self, colors: Tensor) -> Tensor:
        """Return the colours of pictures ``(..., 3, H, W)`` in this space, each channel in about [0, 1]."""
        with torch.autocast(colors.device.type, enabled=False):  # small differences of large numbers
            if self.space == "lab":
                light, *others = lab_from_rgb(colors.float()).unbind(-3)
                return torch.stack([light / 100, *(each / 200 + 0.5 for each in others)], -3)
            space = torch.einsum("ij,...jhw->...ihw", self.get_buffer("matrix"), colors.float())
            light, *others = space.unbind(-3)
            return torch.stack([light, *(each / SPAN + 0.5 for each in others)], -3)


class Coupling(nn.Module):
    """Changes one half of the channels by what the other half shows, pixel by pixel; at first it changes nothing.

    Args:
        changes: channels of the half that changes.
        width: numbers between the two linear maps, which are 1x1 convolutions.
        affine: scale the half, by a factor between ``1 / e`` and ``e``, before what is added.
    """

    def __init__(self, changes: slice, width: int, affine: bool):
        super().__init__()
        self.changes, self.reads, self.affine = changes, TWO if changes == ONE else ONE, affine
        inputs, outputs = (each.stop - each.start for each in (self.reads, self.changes))
        self.net = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs * (1 + affine)))
        for parameter in self.net[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, colors: Tensor, inverse: bool = False) -> tuple[Tensor, Tensor]:
        """Return colours ``(..., 3)`` changed, or changed back, and the logarithms of their scales, summed, ``(...)``.

        The logarithms are those of the way forward.
        """
        shown, changed = colors[..., self.reads], colors[..., self.changes]
        shift, scale = self.net(shown), torch.zeros_like(changed)
        if self.affine:
            shift, scale = shift.chunk(2, dim=-1)
            scale = scale.tanh()
        changed = (changed - shift) * (-scale).exp() if inverse else changed * scale.exp() + shift
        halves = (changed, shown) if self.changes == ONE else (shown, changed)
        return torch.cat(halves, dim=-1), scale.sum(-1)


class ColorFlow(ColorMap):
    """An invertible map of the three colours of each pixel by itself: couplings of one channel with the other two.

    It begins as the identity. Whatever it learns, no pixel is lost, but one half may come to tell less of the other.

    Args:
        couplings: how many; they change the two channels and the one in turn.
        width: numbers between the two layers of a coupling.
        affine: scale as well as add; without, the map preserves volumes.

    Raises:
        ValueError: if a number is below 1.

    Examples:
        >>> flow, colors = ColorFlow(), torch.rand(2, 3, 8, 8)
        >>> flow(colors).equal(colors), flow.log_determinant(colors).shape
        (True, torch.Size([2, 8, 8]))
    """

    def __init__(self, couplings: int = 4, width: int = 16, affine: bool = False):
        super().__init__()
        if couplings < 1 or width < 1:
            raise ValueError(f"needs couplings and width of at least 1; got {couplings} and {width}")
        turns = (TWO if number % 2 == 0 else ONE for number in range(couplings))
        self.couplings = nn.ModuleList(Coupling(changes, width, affine) for changes in turns)

    def forward(self, colors: Tensor) -> Tensor:
        """Return the colours of pictures ``(..., 3, H, W)`` mapped; they may leave [0, 1]."""
        return self.mapped(colors)[0]

    def inverse(self, colors: Tensor) -> Tensor:
        """Return the colours of pictures ``(..., 3, H, W)`` that are mapped to these."""
        colors = colors.movedim(-3, -1)
        for coupling in reversed(self.couplings):
            colors, _ = coupling(colors, inverse=True)
        return colors.movedim(-1, -3)

    def log_determinant(self, colors: Tensor) -> Tensor:
        """Return the logarithm of the Jacobian's determinant at each pixel, in nats, ``(..., H, W)``.

        By how much volumes grow: 0 for additive couplings.
        """
        return self.mapped(colors)[1]

    def mapped(self, colors: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `forward` and `log_determinant` do."""
        colors = colors.movedim(-3, -1)
        total = torch.zeros_like(colors[..., 0])
        for coupling in self.couplings:
            colors, grown = coupling(colors)
            total = total + grown
        return colors.movedim(-1, -3), total


class TwoSides(nn.Module):
    """A map of colours and two encoders, each of its half of the channels, as one network."""

    def __init__(self, first: Encoder, second: Encoder, flow: ColorMap | None):
        super().__init__()
        self.first, self.second, self.flow = first, second, flow

    def forward(self, images: Tensor) -> Tensor:
        """Return both encoders' features of pictures or clips side by side, ``(N, dim)``."""
        one, two = self.halves(self.mapped(images))
        return torch.cat([self.first(one), self.second(two)], dim=1)

    def mapped(self, images: Tensor) -> Tensor:
        """Return the colours of pictures or clips behind the map."""
        return images if self.flow is None else self.flow(images)

    def halves(self, colors: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each encoder is shown of colours ``(..., 3, H, W)``: see `SplitColors.halves`."""
        one, two = colors[..., ONE, :, :], colors[..., TWO, :, :]
        blank_one = self.second.mean[ONE].to(colors.dtype).expand_as(one)
        blank_two = self.first.mean[TWO].to(colors.dtype).expand_as(two)
        return torch.cat([one, blank_two], dim=-3), torch.cat([blank_one, two], dim=-3)


class SplitColors(Encoder):
    """Two encoders, of the first channel and of the other two, behind a map of colours; their features side by side.

    Each encoder takes three channels, as all do: what is not its half has the mean that it takes off, so is 0 inside.
    Weights of its first layer for these channels do nothing.

    Args:
        first: of the first channel: pictures or clips.
        second: of the second and third; of the same kind.
        flow: maps the colours before they are split (`ColorFlow`, `ColorSpace`); None splits red from green and blue.

    Attributes:
        layers: those that both encoders have; what they give stands side by side, too.

    Raises:
        ValueError: if one takes pictures and the other clips, or they are one object.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> encoder = SplitColors(SmallNet(dim=16, width=4), SmallNet(dim=16, width=4), ColorFlow())
        >>> encoder(torch.rand(2, 3, 32, 32)).shape, encoder.taps(torch.rand(2, 3, 32, 32), ["conv2"])["conv2"].shape
        (torch.Size([2, 32]), torch.Size([2, 16, 8, 8]))
    """

    def __init__(self, first: Encoder, second: Encoder, flow: ColorMap | None = None):
        if first is second or first.takes != second.takes:
            which = "the same one twice" if first is second else f"{first.takes} and {second.takes}"
            raise ValueError(f"needs two encoders, both of pictures or both of clips; got {which}")
        layers = {layer: f"first.trunk.{first.place(layer)}" for layer in first.layers if layer in second.layers}
        nothing, unchanged = (0.0,) * 3, (1.0,) * 3  # the encoders within normalise
        super().__init__(TwoSides(first, second, flow), first.dim + second.dim, layers, nothing, unchanged)
        self.takes = first.takes
        for side in SIDES:
            self._places |= {f"{side}.{layer}": f"{side}.trunk.{self.side(side).place(layer)}" for layer in layers}

    @property
    def flow(self) -> ColorMap | None:
        """The map of colours within."""
        return self.trunk.flow  # pyright: ignore[reportReturnType]

    def side(self, name: str) -> Encoder:
        """Return the encoder ``"first"`` or ``"second"`` within."""
        found = self.trunk.get_submodule(name)
        assert isinstance(found, Encoder)
        return found

    def mapped(self, images: Tensor) -> Tensor:
        """Return the colours of pictures or clips behind the map, ``(..., 3, H, W)``."""
        return self.trunk.mapped(images)  # pyright: ignore[reportCallIssue]

    def halves(self, colors: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each of the encoders is shown of colours behind the map, ``(..., 3, H, W)`` each.

        Its own channels where they are, and of the others the mean that it takes off.
        """
        return self.trunk.halves(colors)  # pyright: ignore[reportCallIssue]

    def taps(self, images: Tensor, layers: Sequence[str], whole: bool = True) -> dict[str, Tensor]:
        """Return what chosen layers of both encoders make of pictures, side by side, see `Encoder.taps`."""
        for layer in layers:
            self.place(layer)  # complains by its own name
        shown = super().taps(images, [f"{side}.{layer}" for layer in layers for side in SIDES], whole)
        return {layer: torch.cat([shown[f"{side}.{layer}"] for side in SIDES], dim=1) for layer in layers}

    def tapped(self, layer: str, output: Tensor, images: Tensor) -> Tensor:
        """Return what a layer of one of the encoders gave as a map or a vector, see `Encoder.tapped`."""
        side, _, name = layer.partition(".")
        return self.side(side).tapped(name, output, images)

    def maps(self, images: Tensor, layer: str) -> FeatureMap:
        """Return what a layer of both encoders makes of pictures, and where its cells look, see `Encoder.maps`.

        Raises:
            ValueError: if there is no such layer, it gives vectors, or cells of both encoders look at other places.
        """
        self.place(layer)
        halves = self.halves(self.mapped(images))
        one, two = (self.side(side).maps(half, layer) for side, half in zip(SIDES, halves, strict=True))
        if (one.stride, one.offset) != (two.stride, two.offset):
            raise ValueError(
                f"cells of layer {layer!r} look at other places in the two encoders of {type(self).__name__}"
            )
        return FeatureMap(torch.cat([one.values, two.values], dim=1), one.stride, one.offset)
