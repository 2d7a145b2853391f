"""Colorization as classification: tell which colours the places of a grey picture have.

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016. https://arxiv.org/abs/1603.08511
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.methods.base import Batch, Features, Method, Rows
from avssl.methods.inputs import pictures_of, view_pictures
from avssl.nets import Encoder
from avssl.nets.columns import channels_of, grey_and_lab, side_by_side
from avssl.transforms import Draws, Transform
from avssl.transforms.lab import bins, lab_from_rgb, rgb_from_lab

NEAREST, SIGMA = 5, 5.0  # bins that share a colour, and the width of their Gaussian in a and b (section 2.1)
UNIFORM = 0.5  # lambda, the share of the uniform distribution in what rarity is measured by (section 2.2)
TEMPERATURE = 0.38  # of the annealed mean (section 2.3)
CHUNK = 1 << 16  # colours compared with all bins at a time, to bound memory


class Colorization(Method):
    """Classification of the colour of each place of a grey picture among 313 bins, rare colours weighing more.

    Departures from the paper: lightness comes as three equal channels, so that encoders are those of colour pictures;
    the head is two layers of 1 x 1 on the maps of any encoder, beside which vectors of the whole picture may stand; the
    truth is the mean colour of each cell; the loss is the weighted mean over the cells of a batch, not the sum; the
    prior is that of all training data, pixel by pixel before the views, and not of ImageNet. Before the first pass (the
    measure of the random start) no prior is known, and all colours weigh the same.

    Args:
        encoder: its layers are tapped.
        layers: which; the finest map sets the grid, others are brought to it, vectors are spread over it. None for all.
        hidden: width of the head's hidden layer.
        rebalance: weigh rare colours more (section 2.2); off, all weigh the same.
        temperature: of the annealed mean when colours are drawn, above 0 (towards 0 the mode, 1 the mean).
        views: transforms of the pictures before their colour is taken, in order.

    Raises:
        ValueError: for a hidden width below 1, a temperature not above 0, or a layer that the encoder does not have.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = Colorization(SmallNet(dim=16, width=4), layers=["conv3", "fc"])
        >>> batch = {"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(method(batch))
        ['accuracy', 'constant_accuracy', 'constant_loss', 'error', 'grey_error', 'loss']
        >>> method.eval().colorize(torch.rand(2, 3, 20, 30)).shape
        torch.Size([2, 3, 20, 30])
    """

    bins: Tensor
    prior: Tensor
    floors: ClassVar = {"constant_loss": "loss", "constant_accuracy": "accuracy", "grey_error": "error"}

    def __init__(
        self,
        encoder: Encoder,
        layers: Sequence[str] | None = None,
        hidden: int = 128,
        rebalance: bool = True,
        temperature: float = TEMPERATURE,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        if hidden < 1 or not temperature > 0:
            raise ValueError(f"needs hidden >= 1 and temperature > 0; got {hidden=}, {temperature=}")
        self.layers = encoder.layers if layers is None else tuple(layers)
        self.encoder, self.views = encoder, tuple(views)
        self.rebalance, self.temperature = rebalance, temperature
        self.register_buffer("bins", bins(), persistent=False)
        self.register_buffer("prior", torch.zeros(len(self.bins)))  # of the data; zeros: not known yet
        wide = sum(channels_of(encoder, self.layers))
        self.head = nn.Sequential(
            nn.Conv2d(wide, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, len(self.bins), 1),
        )

    @torch.no_grad()
    def before_epoch(self, features: Features) -> None:
        """Look once at all data, and keep how frequent each bin is; a checkpoint holds it from then on."""
        if not self.rebalance or self.prior.any():
            return
        count = torch.zeros_like(self.prior, dtype=torch.float64)

        def add(batch: Batch) -> Rows:
            colours = lab_from_rgb(pictures_of(batch)[0])[:, 1:].movedim(1, -1).reshape(-1, 2)
            count.add_(torch.bincount(self.nearest(colours), minlength=len(count)))
            return {}  # no row for each picture: a sum is all that is wanted

        features(add)
        count = all_gather(count[None]).sum(0)
        if not count.any():
            raise ValueError("no picture could be read, so the data's colours are not known; look at failures.jsonl")
        self.prior.copy_(count / count.sum())

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Judge every cell of every picture.

        Args:
            batch: pictures, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, the rebalanced cross-entropy in nats (log 313 = 5.746 for a head that cannot decide), and
            ``constant_loss``, the least that one distribution for all cells of this batch can have: what lies below
            knows something of the picture; ``accuracy``, the share of cells whose likeliest bin is the nearest to their
            colour, and ``constant_accuracy``, that of the batch's commonest bin; ``error``, the root mean square
            distance of drawn colours from true ones in a and b, and ``grey_error``, that of no colour.
        """
        pictures, key = pictures_of(batch)
        grey, lab = grey_and_lab(view_pictures(pictures, Draws(key), self.views, self.training))
        scores = self.scores(grey)
        height, width = scores.shape[-2:]
        colours = F.adaptive_avg_pool2d(lab[:, 1:], (height, width)).movedim(1, -1).reshape(-1, 2)
        rows = scores.movedim(1, -1).reshape(-1, len(self.bins))
        nearest = self.nearest(colours)
        truth = soft(colours, self.bins)
        each = -(truth * rows.log_softmax(1)).sum(1)
        weight = self.weights()[nearest]
        constant = (weight / weight.sum()) @ truth
        drawn = annealed(rows.detach(), self.bins, self.temperature)
        return {
            "loss": (each * weight).sum() / weight.sum(),
            "constant_loss": -torch.xlogy(constant, constant).sum(),
            "accuracy": (rows.argmax(1) == nearest).float().mean(),
            "constant_accuracy": torch.bincount(nearest).max() / len(nearest),
            "error": (drawn - colours).square().sum(1).mean().sqrt(),
            "grey_error": colours.square().sum(1).mean().sqrt(),
        }

    def scores(self, grey: Tensor) -> Tensor:
        """Return a score for each bin and cell of grey pictures ``(N, 3, H, W)``, ``(N, 313, h, w)``."""
        maps = self.encoder.taps(grey, self.layers, whole=False)
        return self.head(side_by_side([maps[layer] for layer in self.layers])).float()

    def nearest(self, colours: Tensor) -> Tensor:
        """Return the bin nearest to each colour ``(N, 2)``."""
        return torch.cat([torch.cdist(part.float(), self.bins).argmin(1) for part in colours.split(CHUNK)])

    def weights(self) -> Tensor:
        """Return what a colour of each bin weighs, ``(313,)``; 1 on average over the data (section 2.2)."""
        if not self.rebalance or not self.prior.any():
            return torch.ones_like(self.prior)
        return rebalanced(self.prior, self.bins)

    @torch.no_grad()
    def colorize(self, pictures: Tensor) -> Tensor:
        """Return pictures with the colours that the method gives them, and their own lightness.

        Args:
            pictures: RGB in [0, 1], ``(N, 3, H, W)``; only their lightness is looked at.

        Returns:
            RGB in [0, 1] of the same shape: the annealed mean of each cell (section 2.3), brought to that size.
        """
        grey, lab = grey_and_lab(pictures)
        scores = self.scores(grey)
        colours = annealed(scores.movedim(1, -1), self.bins, self.temperature).movedim(-1, 1)
        fine = F.interpolate(colours, pictures.shape[-2:], mode="bilinear", align_corners=False)
        return rgb_from_lab(torch.cat([lab[:, :1], fine], 1))


def soft(colours: Tensor, centres: Tensor) -> Tensor:
    """Return colours ``(N, 2)`` as distributions over their five nearest bins, by a Gaussian (section 2.1)."""
    distance, place = torch.cdist(colours.float(), centres).topk(NEAREST, largest=False)
    share = (-distance.square() / (2 * SIGMA**2)).softmax(1)
    return share.new_zeros(len(colours), len(centres)).scatter(1, place, share)


def rebalanced(prior: Tensor, centres: Tensor, uniform: float = UNIFORM) -> Tensor:
    """Return weights of bins from how frequent they are, so that their mean over the data is 1 (section 2.2).

    Args:
        prior: share of each bin, ``(bins,)``.
        centres: of the bins, ``(bins, 2)``; shares are smoothed over neighbours by a Gaussian.
        uniform: lambda; 1 makes all weigh the same.
    """
    kernel = (-torch.cdist(centres, centres).square() / (2 * SIGMA**2)).softmax(1)  # each bin gives its share away
    smooth = prior @ kernel
    weight = 1 / ((1 - uniform) * smooth + uniform / len(prior))
    return weight / (smooth * weight).sum()


def annealed(scores: Tensor, centres: Tensor, temperature: float) -> Tensor:
    """Return the mean colour of distributions sharpened by a temperature (section 2.3), ``(..., 2)``.

    Args:
        scores: of bins, before the softmax, ``(..., bins)``.
        centres: of the bins, ``(bins, 2)``.
        temperature: towards 0 gives the mode, 1 the mean.
    """
    return (scores / temperature).softmax(-1) @ centres
