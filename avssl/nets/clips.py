"""The contract of encoders that look at several frames at once, and one way to look that fits every encoder."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.nets.encoders import Encoder, Takes, outputs_of


class ClipEncoder(Encoder):
    """Maps clips to feature vectors; everything else is as with pictures.

    The trunk takes ``(N, 3, frames, H, W)``, normalised; tapped layers are ``(N, channels, frames, height, width)``
    or vectors.
    """

    takes: Takes = "clips"

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of clips.

        Args:
            images: RGB, float in [0, 1], ``(N, frames, 3, H, W)``.

        Returns:
            Features, ``(N, dim)``.

        Raises:
            ValueError: if these are pictures.
        """
        return self.trunk(self.normalized(images).transpose(1, 2))


def encode_clips(encoder: Encoder, pictures: Tensor) -> Tensor:
    """Return the features of clips ``(N, frames, 3, H, W)``, ``(N, dim)``: of the whole, or the mean over frames.

    Examples:
        >>> import torch
        >>> from avssl.nets import SmallVision
        >>> encode_clips(SmallVision(), torch.rand(2, 3, 3, 48, 48)).shape
        torch.Size([2, 64])
    """
    if encoder.takes == "clips":
        return encoder(pictures)
    count, frames = pictures.shape[:2]
    return encoder(pictures.flatten(0, 1)).unflatten(0, (count, frames)).mean(1)


def encode_maps(encoder: Encoder, pictures: Tensor, layers: Sequence[str]) -> tuple[Tensor, list[Tensor]]:
    """Return the features of clips, as `encode_clips` does, and what layers make of them, from one pass.

    Each frame has its map with an encoder of pictures, and the clip one of several frames with an encoder of clips:
    either way maps are averaged over the frames.

    Args:
        encoder: of pictures or of clips.
        pictures: ``(N, frames, 3, H, W)``; one frame of pictures.
        layers: names out of ``encoder.layers``.

    Returns:
        Features ``(N, dim)``, and a map ``(N, channels, height, width)`` for each layer, of one cell where it gives
        vectors.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> features, (values,) = encode_maps(SmallNet(), torch.rand(2, 3, 3, 32, 32), ["conv2"])
        >>> features.shape, values.shape
        (torch.Size([2, 128]), torch.Size([2, 48, 8, 8]))
    """
    clips = encoder.takes == "clips"
    with outputs_of(encoder) as features:
        shown = encoder.taps(pictures if clips else pictures.flatten(0, 1), layers)
    found = [features[0], *(shown[layer] for layer in layers)]
    if clips:
        found = [each.mean(2) if each.ndim == 5 else each for each in found]
    else:
        found = [each.unflatten(0, pictures.shape[:2]).mean(1) for each in found]
    return found[0], [each if each.ndim == 4 else each[:, :, None, None] for each in found[1:]]


@torch.no_grad()
def channels_of_maps(encoder: Encoder, layers: Sequence[str], who: str, size: int = 64, frames: int = 8) -> list[int]:
    """Return how many channels layers have, as one blank clip shows; the encoder stays as it was.

    Args:
        encoder: of pictures or of clips.
        layers: names out of ``encoder.layers``.
        who: what needs their maps, for the message; empty where vectors will do as well.
        size: side of the blank frames, in pixels.
        frames: how many an encoder of clips sees.

    Raises:
        ValueError: if a layer is not the encoder's, or gives vectors where maps are needed.
    """
    training = encoder.training
    blank = encoder.mean.expand(*((1, frames) if encoder.takes == "clips" else (1,)), 3, size, size)
    shown = encoder.eval().taps(blank, layers)
    encoder.train(training)
    for layer, values in shown.items():
        if who and values.ndim == 2:
            raise ValueError(
                f"{who} compares the cells of a map, and layer {layer!r} of {type(encoder).__name__} gives vectors; "
                f"choose one that gives a map, out of {', '.join(encoder.layers)}"
            )
    return [shown[layer].shape[1] for layer in layers]


class StillClips(Encoder):
    """An encoder of clips that looks at pictures: each as a clip of so many equal frames.

    Maps are averaged over the frames.

    Args:
        encoder: of clips; it is not copied.
        frames: of a clip.

    Raises:
        ValueError: for an encoder of pictures, or no frames.

    Examples:
        >>> from avssl.nets import SmallClips
        >>> encoder = StillClips(SmallClips(), frames=4)
        >>> encoder(torch.rand(2, 3, 32, 32)).shape, encoder.taps(torch.rand(2, 3, 32, 32), ["conv2"])["conv2"].shape
        (torch.Size([2, 64]), torch.Size([2, 24, 8, 8]))
    """

    def __init__(self, encoder: Encoder, frames: int = 8):
        if encoder.takes != "clips" or frames < 1:
            raise ValueError(f"needs an encoder of clips and frames of at least 1; got {encoder.takes}, {frames}")
        places = {layer: f"clips.trunk.{encoder.place(layer)}" for layer in encoder.layers}
        trunk = nn.Sequential(OrderedDict(still=Repeated(frames), clips=encoder))
        super().__init__(trunk, encoder.dim, places, (0.0,) * 3, (1.0,) * 3)  # the encoder within normalises
        self.inner, self.frames = encoder, frames

    def tapped(self, layer: str, output: Tensor, images: Tensor) -> Tensor:
        """Return what a layer gave as a vector, or a map, its mean over the frames."""
        shown = self.inner.tapped(layer, output, images[:, None].expand(-1, self.frames, -1, -1, -1))
        return shown.mean(2) if shown.ndim == 5 else shown


class Repeated(nn.Module):
    """Pictures ``(N, 3, H, W)`` as clips ``(N, frames, 3, H, W)``."""

    def __init__(self, frames: int):
        super().__init__()
        self.frames = frames

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures[:, None].expand(-1, self.frames, -1, -1, -1)
