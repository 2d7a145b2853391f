"""An encoder of waveforms: strided convolutions and a recurrent summary of what was heard so far.

Van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018, section 3.1,
https://arxiv.org/abs/1807.03748. Kernels, strides, paddings and the normalisation of channels were read in Riviere et
al.'s code (``CPC_audio``, ``cpc/model.py``; https://arxiv.org/abs/2002.02848).
"""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from avssl.nets.sound import SoundEncoder
from avssl.nets.spectrogram import SpectrogramSpec

KERNELS, STRIDES, PADDINGS = (10, 8, 4, 4, 4), (5, 4, 2, 2, 2), (3, 2, 1, 1, 1)  # 160 samples a vector: 10 ms
EVERY = 160


class WaveEncoder(SoundEncoder):
    """Five convolutions make a vector of every 160 samples, and a GRU sums up those so far; its mean is the feature.

    No vector of the GRU depends on later ones. Neighbouring vectors share samples: each sees 465 of them. Layers are
    ``(N, channels, vectors)``: ``"conv1"`` to ``"conv5"`` and ``"context"``.

    Args:
        channels: of the convolutions (512).
        dim: of the GRU (256), and of the features.
        norm: ``"channel"`` brings the channels of each vector to one mean and deviation, as the code named above does
            (there behind convolutions with biases), and no vector tells of another; ``"none"``, as the paper. Never the
            statistics of a batch.
        spec: its ``rate`` is that of the waveforms (16 kHz); its windows are those of the baseline of log-mel bands
            alone, which stands beside in probes. None for the usual ones.

    Raises:
        ValueError: if a number cannot be.

    Examples:
        >>> import torch
        >>> WaveEncoder(channels=8, dim=4)(torch.randn(2, 1, 16000)).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        channels: int = 512,
        dim: int = 256,
        norm: Literal["channel", "none"] = "channel",
        spec: SpectrogramSpec | None = None,
    ):
        if min(channels, dim) < 1 or norm not in ("channel", "none"):
            raise ValueError(
                f"needs channels and dim of at least 1 and norm 'channel' or 'none'; got {channels}, {dim}, {norm!r}"
            )
        trunk, inputs = nn.Sequential(), 1
        for number, (kernel, stride, padding) in enumerate(zip(KERNELS, STRIDES, PADDINGS, strict=True), start=1):
            # with an offset of its own before the norm, quiet sound would vanish beside it
            layer = nn.Conv1d(inputs, channels, kernel, stride, padding, bias=norm == "none")
            between = ChannelNorm(channels) if norm == "channel" else nn.Identity()
            trunk.add_module(f"conv{number}", nn.Sequential(layer, between, nn.ReLU()))
            inputs = channels
        trunk.add_module("context", Recurrent(channels, dim))
        trunk.add_module("pool", Mean())
        layers = {name: name for name in (*(f"conv{number}" for number in range(1, 6)), "context")}
        spec = spec or SpectrogramSpec()
        super().__init__(trunk, dim, layers, spec, Waveform())
        self.channels = channels

    def forward(self, sound: Tensor, alter: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return the features of windows of sound ``(N, channels, samples)``, ``(N, dim)``.

        Raises:
            ValueError: for windows of less than 160 samples, or strips to hide, which waveforms do not have.
        """
        if alter is not None:
            raise ValueError("WaveEncoder hears waveforms, which have no strips to hide: set masks to null")
        return super().forward(sound)

    def sequences(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vectors of windows of sound, ``(N, vectors, channels)``, and the GRU's, ``(N, vectors, dim)``."""
        latents = self.front(sound)
        for number in range(1, 6):
            latents = self.trunk.get_submodule(f"conv{number}")(latents)
        return latents.transpose(1, 2), self.trunk.get_submodule("context")(latents).transpose(1, 2)


class Waveform(nn.Module):
    """Sounds as waveforms of one channel, with nothing made of them."""

    def forward(self, sound: Tensor) -> Tensor:
        """Return the mean over channels of ``(N, channels, samples)``, ``(N, 1, samples)``."""
        if sound.shape[-1] < EVERY:
            raise ValueError(
                f"{sound.shape[-1]} samples of sound are less than a vector's {EVERY}; ask for more seconds"
            )
        return sound.mean(1, keepdim=True)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of the channels of each vector, ``(N, channels, vectors)``."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


class Recurrent(nn.GRU):
    """A GRU from vectors ``(N, channels, vectors)`` to ``(N, dim, vectors)``, each of those so far."""

    def __init__(self, channels: int, dim: int):
        super().__init__(channels, dim, batch_first=True)

    def forward(self, vectors: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(vectors.transpose(1, 2))[0].transpose(1, 2)


class Mean(nn.Module):
    """The mean over vectors ``(N, dim, vectors)``, ``(N, dim)``."""

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors.mean(2)
