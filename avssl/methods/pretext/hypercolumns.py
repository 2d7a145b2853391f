"""Colorization with hypercolumns: tell hue and chroma of pixels from what many layers say of them.

Larsson, Maire and Shakhnarovich, "Learning Representations for Automatic Colorization", ECCV 2016.
https://arxiv.org/abs/1603.06668
"""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.methods.base import Batch, Method
from avssl.methods.inputs import pictures_of, view_pictures
from avssl.nets import Encoder
from avssl.nets.columns import channels_of, grey_and_lab, sample_at
from avssl.transforms import Draws, Transform
from avssl.transforms.lab import rgb_from_lab

BINS = 32  # of hue, and of chroma (section 3.2)
POINTS = 128  # of a picture, in a step (section 3, "Neural network architecture and training")
HIDDEN = 1024  # (the same)
HUE_WEIGHT = 5.0  # lambda_H (section 3.2)
FADING = 0.03  # eta, the length of the mean hue below which chroma fades (section 3.3)
CHROMA = 134.0  # the largest that sRGB has in a and b (its blue, 133.8)
CHUNK = 1 << 14  # columns at a time when whole pictures are drawn, to bound memory


class HypercolumnColorization(Method):
    """Histograms of hue and chroma at sparse pixels of a grey picture, from a column through an encoder's layers.

    Departures from the paper: hue and chroma are angle and radius in the plane of a and b of CIE Lab, not those of the
    HSL bicone, so that drawn pictures keep the lightness that the encoder saw, and that is L, not the mean of R, G and
    B; it comes as three equal channels, so that encoders are those of colour pictures. Encoders start from chance, not
    from ImageNet's classes; batch normalisation balances the columns, where the paper scales layers to a second moment
    of 1. The mean hue is a mean (the paper's formula divides by the bins once more), and fading takes the lesser of two
    factors (it prints the greater, which would brighten).

    Args:
        encoder: its layers are tapped, and the grey picture itself is the first of a column.
        layers: which; vectors are the same at all pixels. None for all.
        hidden: width of the head's hidden layer.
        points: pixels of each picture that a step looks at; drawing looks at all.
        hue_weight: of the hue's loss beside that of chroma (lambda_H), at least 0.
        fading: chroma fades where the mean hue is shorter than this (eta), in [0, 1]; 0 never.
        views: transforms of the pictures before their colour is taken, in order.

    Raises:
        ValueError: for a setting out of its range, or a layer that the encoder does not have.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = HypercolumnColorization(SmallNet(dim=16, width=4), hidden=32)
        >>> batch = {"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(method(batch))
        ['chroma_loss', 'error', 'grey_error', 'hue_loss', 'loss']
        >>> method.eval().colorize(torch.rand(2, 3, 20, 30)).shape
        torch.Size([2, 3, 20, 30])
    """

    floors: ClassVar = {"grey_error": "error"}

    def __init__(
        self,
        encoder: Encoder,
        layers: Sequence[str] | None = None,
        hidden: int = HIDDEN,
        points: int = POINTS,
        hue_weight: float = HUE_WEIGHT,
        fading: float = FADING,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        if hidden < 1 or points < 1 or not hue_weight >= 0 or not 0 <= fading <= 1:
            raise ValueError(
                "needs hidden >= 1, points >= 1, hue_weight >= 0 and fading in [0, 1]; "
                f"got {hidden=}, {points=}, {hue_weight=}, {fading=}"
            )
        self.layers = encoder.layers if layers is None else tuple(layers)
        self.encoder, self.views = encoder, tuple(views)
        self.points, self.hue_weight, self.fading = points, hue_weight, fading
        wide = 1 + sum(channels_of(encoder, self.layers))
        self.head = nn.Sequential(
            nn.BatchNorm1d(wide, affine=False), nn.Linear(wide, hidden), nn.ReLU(), nn.Linear(hidden, 2 * BINS)
        )

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Judge some pixels of every picture, drawn by its key.

        Args:
            batch: pictures, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, in nats; its parts ``chroma_loss`` and ``hue_loss``, the mean over pixels and that weighted by
            chroma (log 32 = 3.466 each for a head that cannot decide); ``error``, the root mean square distance of
            drawn colours from true ones in a and b, and ``grey_error``, that of no colour.
        """
        pictures, key = pictures_of(batch)
        draws = Draws(key)
        grey, lab = grey_and_lab(view_pictures(pictures, draws, self.views, self.training))
        height, width = grey.shape[-2:]
        place = draws.integers(self.points, low=0, high=height * width - 1)
        hues, chromas = self.scores(self.maps(grey), centres(place, height, width))
        colours = lab[:, 1:].flatten(2).gather(2, place[:, None].expand(-1, 2, -1)).movedim(1, 2)
        hue, chroma = polar(colours)
        each = divergence(chromas, chroma), divergence(hues, hue)
        drawn = self.drawn(hues.detach(), chromas.detach())
        return {
            "loss": (each[0] + self.hue_weight * chroma * each[1]).mean(),
            "chroma_loss": each[0].mean(),
            "hue_loss": (chroma * each[1]).sum() / chroma.sum().clamp(min=1e-6),
            "error": (drawn - colours).square().sum(-1).mean().sqrt(),
            "grey_error": colours.square().sum(-1).mean().sqrt(),
        }

    def maps(self, grey: Tensor) -> list[Tensor]:
        """Return what columns go through: a grey picture ``(N, 3, H, W)``, and the layers' maps and vectors."""
        shown = self.encoder.taps(grey, self.layers, whole=False)
        return [grey[:, :1], *(shown[layer] for layer in self.layers)]

    def scores(self, maps: Sequence[Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores for the bins of hue and of chroma at points ``(N, points, 2)``, ``(N, points, 32)`` each."""
        columns = sample_at([each.to(points.dtype) for each in maps], points)
        hues, chromas = self.head(columns.flatten(0, 1)).float().unflatten(0, points.shape[:2]).chunk(2, -1)
        return hues, chromas

    def drawn(self, hues: Tensor, chromas: Tensor) -> Tensor:
        """Return a and b ``(..., 2)`` of scores ``(..., 32)``: mean hue, median chroma, faded (section 3.3)."""
        mean = mean_hue(hues.softmax(-1))
        length = mean.norm(dim=-1, keepdim=True)
        chroma = median(chromas.softmax(-1))[..., None] * CHROMA
        faded = chroma if self.fading == 0 else chroma * (length / self.fading).clamp(max=1)
        return faded * mean / length.clamp(min=1e-12)

    @torch.no_grad()
    def colorize(self, pictures: Tensor) -> Tensor:
        """Return pictures with the colours that the method gives each pixel, and their own lightness.

        Args:
            pictures: RGB in [0, 1], ``(N, 3, H, W)``; only their lightness is looked at.

        Returns:
            RGB in [0, 1] of the same shape.
        """
        grey, lab = grey_and_lab(pictures)
        count, _, height, width = grey.shape
        maps, found = self.maps(grey), []
        for place in torch.arange(height * width, device=grey.device).split(max(1, CHUNK // count)):
            found.append(self.drawn(*self.scores(maps, centres(place, height, width).expand(count, -1, -1))))
        colours = torch.cat(found, 1).movedim(2, 1).unflatten(2, (height, width))
        return rgb_from_lab(torch.cat([lab[:, :1], colours], 1))


def centres(place: Tensor, height: int, width: int) -> Tensor:
    """Return x and y in [-1, 1] ``(..., 2)`` of the centres of pixels numbered row by row."""
    row, column = place // width, place % width
    return torch.stack([(2 * column + 1) / width - 1, (2 * row + 1) / height - 1], -1)


def polar(colours: Tensor) -> tuple[Tensor, Tensor]:
    """Return hue in [0, 1) of a turn, and chroma in [0, 1] of the largest, of a and b ``(..., 2)``."""
    hue = torch.atan2(colours[..., 1], colours[..., 0]) / (2 * math.pi) % 1
    return hue, (colours.norm(dim=-1) / CHROMA).clamp(max=1)


def divergence(scores: Tensor, values: Tensor) -> Tensor:
    """Return KL(truth || scores) of values in [0, 1] as histograms of one pixel, in nats (R = 1, section 3.2).

    Such a histogram is one bin, so this is the cross-entropy.

    Args:
        scores: of bins that are even in [0, 1], before the softmax, ``(..., bins)``.
        values: ``(...)``.
    """
    bins = scores.shape[-1]
    chosen = (values * bins).long().clamp(max=bins - 1)
    return F.cross_entropy(scores.movedim(-1, 1), chosen, reduction="none")


def mean_hue(shares: Tensor) -> Tensor:
    """Return the mean of hues as points on the circle, ``(..., 2)``; shorter than 1 as they differ (section 3.3)."""
    bins = shares.shape[-1]
    angle = 2 * math.pi * (torch.arange(bins, device=shares.device) + 0.5) / bins
    return shares @ torch.stack([angle.cos(), angle.sin()], -1)


def median(shares: Tensor) -> Tensor:
    """Return medians of histograms over [0, 1], ``(...)``; even within a bin (section 3.3)."""
    bins = shares.shape[-1]
    upto = shares.cumsum(-1)
    middle = (upto < 0.5).sum(-1, keepdim=True).clamp(max=bins - 1)
    inside = shares.gather(-1, middle)
    before = upto.gather(-1, middle) - inside
    return ((middle + ((0.5 - before) / inside.clamp(min=1e-12)).clamp(0, 1)) / bins)[..., 0]
