"""The contract of sound encoders: waveforms in, one vector a window out; the front end is part of the encoder."""

from collections.abc import Mapping

from torch import Tensor, nn

from avssl.config import Recorded
from avssl.nets.spectrogram import Spectrogram, SpectrogramSpec


class SoundEncoder(Recorded, nn.Module):
    """Maps windows of sound to feature vectors.

    The spectrogram is made inside, on the device, so that training, evaluation and use cannot differ in it.

    Args:
        trunk: the network, spectrograms ``(N, 1, bands, windows)`` to ``(N, dim)``; its state dict is what is exported.
        dim: length of the feature vectors.
        layers: names of layers that can be tapped, from shallow to deep, and where they are in ``trunk``.
        spec: the windows of the spectrogram.

    Attributes:
        dim: length of the feature vectors.
        layers: names of the layers.
        front: waveforms ``(N, channels, samples)`` to spectrograms.
    """

    def __init__(self, trunk: nn.Module, dim: int, layers: Mapping[str, str], spec: SpectrogramSpec):
        super().__init__()
        self.trunk, self.dim, self.layers = trunk, dim, tuple(layers)
        self._places = dict(layers)
        self.front = Spectrogram(spec)

    @property
    def spec(self) -> SpectrogramSpec:
        """The windows of the spectrogram."""
        return self.front.spec

    def forward(self, sound: Tensor) -> Tensor:
        """Return the features of windows of sound.

        Args:
            sound: float ``(N, channels, samples)`` at ``spec.rate``.

        Returns:
            Features, ``(N, dim)``.
        """
        return self.trunk(self.front(sound))
