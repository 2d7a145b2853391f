"""Colorization: tell the colour of each place of a grey picture, among 313 colours.

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016. https://arxiv.org/abs/1603.08511
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.data.transforms import Draws, Transform
from avssl.data.transforms.lab import BINS, derive_bins, grey_of, lab_from_rgb, rgb_from_lab
from avssl.methods.base import Batch, Method
from avssl.methods.pretext.pictures import pictures_of, seen
from avssl.methods.sound.gathering import gathered
from avssl.nets import Encoder
from avssl.nets.dense import Maps

NEAREST = 5  # bins that share a colour (section 2.1)
SPREAD = 5.0  # deviation of their weights, in units of a and b (section 2.1)
UNIFORM = 0.5  # share of the uniform distribution in the smoothed prior, lambda (section 2.2)
TEMPERATURE = 0.38  # of the annealed mean (section 2.3)


class Colorization(Method):
    """Classification of the colour of places among 313 bins, rare colours weighing more.

    The encoder sees the lightness alone, as three equal channels, so that it stays an encoder of common pictures. The
    true colours are brought to the size of its map. How frequent colours are is counted once, on all training pictures
    as they come, before the first step; it is kept with the run and never counted again.

    Departures from the paper: any encoder with maps in place of dilated convolutions (section 2 and its supplement), so
    that its last map and its output vector, which knows the whole picture, together stand for their wide view; the
    lightness comes as a grey RGB picture; the prior is counted on pictures brought to the size of the map, and smoothed
    over bins by the weights of soft encoding; the loss is a mean over places, not a sum (eq. 2).

    Args:
        encoder: shows maps.
        layers: what the colours are read from; vectors stand at every place. None for the deepest map and the output.
        hidden: width of the hidden layer between them and the bins.
        rebalanced: weigh places by how rare their colour is (section 2.2); False counts all alike.
        temperature: of the distribution whose mean is drawn: 1 for the mean, towards 0 for the most likely colour.
        views: transforms of the pictures before their colour is taken, in order.

    Raises:
        ValueError: for a temperature or a hidden layer of nothing, or layers that are not there.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = Colorization(SmallNet(dim=16, width=4), hidden=8)
        >>> batch = {"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(method(batch))
        ['accuracy', 'constant_accuracy', 'constant_loss', 'error', 'grey_error', 'loss']
    """

    bins: Tensor
    prior: Tensor

    def __init__(
        self,
        encoder: Encoder,
        layers: Sequence[str] | None = None,
        hidden: int = 128,
        rebalanced: bool = True,
        temperature: float = TEMPERATURE,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        if temperature <= 0 or hidden < 1:
            raise ValueError(f"needs a temperature above 0 and hidden of at least 1; got {temperature=}, {hidden=}")
        self.encoder, self.rebalanced, self.temperature, self.views = encoder, rebalanced, temperature, tuple(views)
        self.maps = Maps(encoder, layers)
        self.head = nn.Sequential(
            nn.Conv2d(self.maps.channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, BINS, 1),
        )
        self.register_buffer("bins", derive_bins())
        self.register_buffer("prior", torch.zeros(BINS))  # sums to 1 once it is known

    def before_epoch(self, extract: Callable[[], Iterable[Batch]]) -> None:
        """Count the colours of all training pictures, unless that has been done."""
        if self.prior.sum() > 0:
            return
        counts = torch.zeros(BINS, dtype=torch.float64, device=self.bins.device)
        for batch in extract():
            counts += self._truth(lab_from_rgb(pictures_of(batch)[0])).sum((0, 2, 3)).double()
        counts = gathered(counts[None]).sum(0)
        self.prior.copy_(counts / counts.sum())

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Judge the colours of all places of every picture.

        Args:
            batch: pictures, as `avssl.methods.pretext.pictures.pictures_of` takes them.

        Returns:
            ``loss``, the weighted cross-entropy in nats (of an undecided head: log 313 = 5.746, but for the mean of the
            weights, which is 1 over the training pictures); ``constant_loss``, the least that one distribution for all
            places of this batch has: what lies below knows something of the picture; ``accuracy``, how often the most
            likely bin is the nearest to the truth, and ``constant_accuracy``, for the batch's commonest bin;
            ``error``, the distance of the drawn colours from the true ones in the plane of a and b, and
            ``grey_error``, that of no colour.
        """
        pictures, key = pictures_of(batch)
        lab = lab_from_rgb(seen(pictures, Draws(key), self.views, self.training))
        scores = self.head(self.maps(grey_of(lab))).float()
        truth = self._truth(lab, scores.shape[-2:])
        return self.losses(scores, truth) | self._errors(scores.detach(), lab)

    def losses(self, scores: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Return losses and accuracies of scores against soft labels, both ``(N, 313, h, w)``."""
        nearest = truth.argmax(1)
        weights = self.weights()[nearest]
        loss = (weights * F.cross_entropy(scores, truth, reduction="none")).mean()
        mean = (weights[:, None] * truth).mean((0, 2, 3))
        constant = -(mean * (mean / mean.sum()).clamp(min=1e-12).log()).sum()
        commonest = torch.bincount(nearest.flatten(), minlength=BINS).max() / nearest.numel()
        right = (scores.argmax(1) == nearest).float().mean()
        return {"loss": loss, "constant_loss": constant, "accuracy": right, "constant_accuracy": commonest}

    def weights(self) -> Tensor:
        """Return the weight of each bin, ``(313,)``: rare colours more, 1 on average over the prior (eq. 4)."""
        if not self.rebalanced or self.prior.sum() == 0:
            return torch.ones_like(self.prior)
        raw = 1 / ((1 - UNIFORM) * self.prior + UNIFORM / BINS)
        return raw / (self.prior * raw).sum()

    @torch.no_grad()
    def colorize(self, pictures: Tensor) -> Tensor:
        """Return pictures with the colours that the lightness of pictures suggests, on that lightness.

        Args:
            pictures: float RGB in [0, 1], ``(N, 3, H, W)``; their own colours are not looked at.

        Returns:
            The same shape; colours that no screen can show are clipped.
        """
        lab = lab_from_rgb(pictures)
        colour = self._drawn(self.head(self.maps(grey_of(lab))).float())
        colour = F.interpolate(colour, lab.shape[-2:], mode="bilinear", align_corners=False)
        return rgb_from_lab(torch.cat([lab[:, :1], colour], 1))

    def _drawn(self, scores: Tensor) -> Tensor:
        """Return the annealed mean of scores, a and b, ``(N, 2, h, w)`` (eq. 5)."""
        return torch.einsum("nqhw,qc->nchw", (scores / self.temperature).softmax(1), self.bins)

    @torch.no_grad()
    def _truth(self, lab: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """Return soft labels of pictures in Lab at the size of the map, ``(N, 313, h, w)``."""
        size = self.maps.size(lab.shape[-2:]) if size is None else size
        return soft_labels(F.interpolate(lab[:, 1:], tuple(size), mode="area"), self.bins)

    @torch.no_grad()
    def _errors(self, scores: Tensor, lab: Tensor) -> dict[str, Tensor]:
        true = F.interpolate(lab[:, 1:], scores.shape[-2:], mode="area")
        drawn = self._drawn(scores)
        return {"error": (drawn - true).norm(dim=1).mean(), "grey_error": true.norm(dim=1).mean()}


def soft_labels(colour: Tensor, bins: Tensor) -> Tensor:
    """Share each colour among its five nearest bins, by a Gaussian of their distance (section 2.1).

    Args:
        colour: a and b, ``(N, 2, h, w)``.
        bins: centres, ``(bins, 2)``.

    Returns:
        Distributions, ``(N, bins, h, w)``.
    """
    places = colour.movedim(1, -1).reshape(-1, 2)
    distance, which = torch.cdist(places, bins, compute_mode="donot_use_mm_for_euclid_dist").topk(
        NEAREST, largest=False
    )
    shares = (-distance.square() / (2 * SPREAD**2)).softmax(1)
    labels = shares.new_zeros(len(places), len(bins)).scatter_(1, which, shares)
    return labels.view(len(colour), *colour.shape[-2:], len(bins)).movedim(-1, 1)
