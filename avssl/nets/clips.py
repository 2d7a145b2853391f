"""The contract of encoders that look at several frames at once, and one way to look that fits every encoder."""

from torch import Tensor

from avssl.nets.encoders import Encoder, Takes


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
