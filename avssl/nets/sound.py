"""The contract of sound encoders: waveforms in, one vector a window out; the front end is part of the encoder."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from avssl.config import Recorded
from avssl.nets.spectrogram import Spectrogram, SpectrogramSpec


class SoundEncoder(Recorded, nn.Module):
    """Maps windows of sound to feature vectors.

    The spectrogram is made inside, on the device, so that training, evaluation and use cannot differ in it.

    Args:
        trunk: the network, spectrograms ``(N, 1, bands, windows)``, or what ``front`` makes, to ``(N, dim)``; its state
            dict is what is exported.
        dim: length of the feature vectors.
        layers: names of layers that can be tapped, from shallow to deep, and where they are in ``trunk``.
        spec: the windows of the spectrogram.
        front: what comes before the trunk in place of the spectrogram, if anything.

    Attributes:
        takes: ``"sound"``.
        dim: length of the feature vectors.
        layers: names of the layers.
        front: waveforms ``(N, channels, samples)`` to spectrograms, or to what else the trunk takes.
    """

    takes: ClassVar[Literal["sound"]] = "sound"

    def __init__(
        self,
        trunk: nn.Module,
        dim: int,
        layers: Mapping[str, str],
        spec: SpectrogramSpec,
        front: nn.Module | None = None,
    ):
        super().__init__()
        self.trunk, self.dim, self.layers = trunk, dim, tuple(layers)
        self._places = dict(layers)
        self.front = Spectrogram(spec) if front is None else front
        self._spec = spec

    @property
    def spec(self) -> SpectrogramSpec:
        """The windows of the spectrogram, and the rate of the waveforms."""
        return self._spec

    def forward(self, sound: Tensor, alter: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return the features of windows of sound.

        Args:
            sound: float ``(N, channels, samples)`` at ``spec.rate``.
            alter: what is done to spectrograms in training, such as hiding strips.

        Returns:
            Features, ``(N, dim)``.
        """
        spectrograms = self.front(sound)
        return self.trunk(spectrograms if alter is None else alter(spectrograms))

    def taps(self, sound: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return what chosen layers make of windows of sound, from one pass, as `avssl.nets.Encoder.taps` does.

        Raises:
            ValueError: if a name is not one of ``self.layers``.
        """
        unknown = [name for name in layers if name not in self._places]
        if unknown:
            raise ValueError(f"{type(self).__name__} has no layer {unknown[0]!r}; it has {', '.join(self.layers)}")
        seen: dict[str, Tensor] = {}

        def keep(name: str):
            return lambda _module, _inputs, output: seen.__setitem__(name, output)

        handles = [self.trunk.get_submodule(self._places[name]).register_forward_hook(keep(name)) for name in layers]
        try:
            self(sound)
        finally:
            for handle in handles:
                handle.remove()
        return seen


class LogMel(SoundEncoder):
    """No network: the mean and the deviation over time of each band of a logarithmic mel spectrogram.

    The cheap baseline for sounds, as pixels are for pictures.

    Args:
        spec: the windows; None for 64 mel bands at 16 kHz.
    """

    def __init__(self, spec: SpectrogramSpec | None = None):
        spec = spec or SpectrogramSpec()
        super().__init__(Statistics(), 2 * (spec.bands // spec.shrink), {}, spec)


class Statistics(nn.Module):
    """Spectrograms ``(N, 1, bands, windows)`` to means and deviations over time, ``(N, 2 * bands)``."""

    def forward(self, spectrograms: Tensor) -> Tensor:
        bands = spectrograms.flatten(1, 2)
        return torch.cat([bands.mean(2), bands.std(2, correction=0)], 1)
