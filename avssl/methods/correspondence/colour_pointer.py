"""Tracking by colorizing: a grey frame copies its colours from other frames, by pointing at what looks alike.

Vondrick, Shrivastava, Fathi, Guadarrama and Murphy, "Tracking Emerges by Colorizing Videos", ECCV 2018, section 3,
https://arxiv.org/abs/1806.09594.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.losses import copied_classes, copying_loss, pointers
from avssl.methods.base import Batch, Features, Method, Rows
from avssl.methods.correspondence.moving import grey_notes, moving_clips, weighted_mean
from avssl.methods.inputs import as_batch, to_float
from avssl.methods.rows import of_first_process
from avssl.nets import Encoder, fit_kmeans
from avssl.nets.clips import channels_of_maps
from avssl.nets.columns import grey_and_lab
from avssl.nets.encoders import require_takes
from avssl.nets.kmeans import nearest
from avssl.nets.map_net import grey_pictures
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import stream_of
from avssl.transforms.lab import bins

PIXELS = 64  # of each item, that colours are clustered by
STREAM = -13  # last number of the key that they are drawn by
UNIFORM = 0.5  # share of the uniform distribution in what rarity is measured by


class ColourPointer(Method):
    """The last frame of a clip is grey, and each of its cells takes the mean colour of the cells it points at.

    Colours are clusters of a and b of Lab, by k-means over the data before the first pass (until then, of all colours
    that screens show). All three channels that the encoder sees hold the brightness. An encoder that does not take the
    colour out itself, as ``MapNet(grey=True)`` does, is another one on coloured pictures afterwards; a line says so.

    Departures: the encoder is of pictures, with a linear head on each cell, where the paper has five 3-D convolutions
    over the frames, and gives them the place of each cell, which we do not; inner products are divided by the root of
    their length; rare colours weigh more, or the background decides (``balance``); padded clips do not count.

    Args:
        encoder: of pictures.
        layer: whose cells are compared, out of ``encoder.layers``.
        clusters: of colours (16).
        dim: numbers of a cell that are compared (64*; a star: from memory).
        temperature: inner products are divided by it; None for the root of ``dim``.
        balance: weigh rare colours more.
        views: transforms of whole clips, such as a common crop.

    Raises:
        ValueError: if the layer gives vectors, or a number cannot be.

    Examples:
        >>> from avssl.nets import MapNet
        >>> method = ColourPointer(MapNet(dim=8, width=4, grey=True), layer="conv3", dim=8)
        >>> sorted(method(torch.rand(2, 4, 3, 32, 32)))
        ['accuracy', 'loss', 'still_accuracy']
    """

    centres: Tensor
    shares: Tensor
    floors: ClassVar = {"still_accuracy": "accuracy"}

    def __init__(
        self,
        encoder: Encoder,
        layer: str,
        clusters: int = 16,
        dim: int = 64,
        temperature: float | None = None,
        balance: bool = True,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        require_takes(encoder, "pictures", "ColourPointer")
        if clusters < 2 or dim < 1 or not (temperature is None or temperature > 0):
            raise ValueError(
                f"needs 2 clusters, dim 1 and temperature above 0 at least; got {clusters}, {dim} and {temperature}"
            )
        self.encoder, self.layer, self.temperature, self.balance = encoder, layer, temperature, balance
        self.views = tuple(views)
        (channels,) = channels_of_maps(encoder, [layer], who="ColourPointer")
        self.head = nn.Conv2d(channels, dim, 1)
        self.register_buffer("centres", fit_kmeans(bins(), clusters, start="k-means++").centres)
        self.register_buffer("shares", torch.zeros(clusters))  # of the data; zeros: not known yet

    @torch.no_grad()
    def before_epoch(self, features: Features) -> None:
        """Look once at all data, and cluster its colours; a checkpoint holds them from then on."""
        if self.shares.any():
            return

        def drawn(batch: Batch) -> Rows:
            batch = as_batch(batch)
            _, lab = grey_and_lab(to_float(batch["frames"][:, 0, 0]))
            colours = lab[:, 1:].flatten(2).mT
            places = Draws(stream_of(batch["key"], STREAM)).integers(PIXELS, low=0, high=colours.shape[1] - 1)
            return {"colours": colours.gather(1, places[..., None].expand(-1, -1, 2))}

        rows = features(drawn)
        if not rows:
            raise ValueError("no frame could be read, so the data's colours are not known; look at failures.jsonl")
        found = fit_kmeans(rows["colours"].flatten(0, 1), len(self.centres), start="k-means++")
        self.centres.copy_(of_first_process(found.centres))
        self.shares.copy_(of_first_process(found.sizes / found.sizes.sum()))

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Copy the colours of the last frame of each clip from the frames before it.

        Args:
            batch: clips, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss`` in nats (`avssl.losses.copying_loss`); ``accuracy``, the share of cells whose likeliest colour is
            the true one, and ``still_accuracy``, that of the colour that the place had one frame earlier.

        Raises:
            ValueError: for clips of one frame.
        """
        clips, keys, whole = moving_clips(batch, 2, "ColourPointer")
        clips = apply_views(self.views, clips, Draws(keys), self.training)
        maps = self.maps(clips.flatten(0, 1))
        cells = maps.flatten(2).mT.unflatten(0, clips.shape[:2])
        colours = self.colours(clips.flatten(0, 1), maps.shape[-2:]).unflatten(0, clips.shape[:2])
        pointing = pointers(cells[:, -1], cells[:, :-1].flatten(1, 2), self.temperature)
        copied = copied_classes(pointing, colours[:, :-1].flatten(1, 2), len(self.centres))
        truth = colours[:, -1]
        cost, weight = copying_loss(copied, truth, self.weights())
        return {
            "loss": weighted_mean(cost / weight.clamp(min=1e-12), weight * whole),
            "accuracy": weighted_mean((copied.argmax(2) == truth).float().mean(1), whole),
            "still_accuracy": weighted_mean((colours[:, -2] == truth).float().mean(1), whole),
        }

    def maps(self, frames: Tensor) -> Tensor:
        """Return what the cells of frames ``(N, 3, H, W)`` point by, ``(N, dim, h, w)``; their colour is not seen."""
        return self.head(self.encoder.taps(grey_pictures(frames), [self.layer], whole=False)[self.layer])

    def nodes(self, clips: Tensor, keys: Tensor) -> Tensor:
        """Return the cells of clips ``(clips, frames, 3, H, W)``, ``(clips, frames, cells, dim)``."""
        return self.maps(clips.flatten(0, 1)).flatten(2).mT.unflatten(0, clips.shape[:2])

    def colours(self, frames: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the cluster of the mean colour of each cell, int64 ``(N, cells)``."""
        _, lab = grey_and_lab(frames)
        means = F.adaptive_avg_pool2d(lab[:, 1:], (shape[0], shape[1])).flatten(2).mT
        return nearest(means.flatten(0, 1), self.centres)[0].view(means.shape[:2])

    def weights(self) -> Tensor:
        """Return what a colour of each cluster weighs, ``(clusters,)``; 1 on average over the data."""
        if not self.balance or not self.shares.any():
            return torch.ones_like(self.shares)
        rarity = 1 / ((1 - UNIFORM) * self.shares + UNIFORM / len(self.shares))
        return rarity / (self.shares * rarity).sum()

    def facts(self) -> list[str]:
        """Return a line where the encoder would see colours in use that it never saw in training."""
        return grey_notes(self.encoder)
