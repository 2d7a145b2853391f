"""Strips of a spectrogram hidden in training, in time and in frequency.

Park et al., "SpecAugment", Interspeech 2019, section 2, https://arxiv.org/abs/1904.08779; without its time warping,
which the paper found to matter least (section 5).
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SpectrogramMask:
    """Hides strips of spectrograms; hidden cells get the spectrogram's mean, as the paper's zero is after normalising.

    Args:
        time: windows that a strip covers at most (the paper's T).
        frequency: bands that a strip covers at most (F).
        strips: how many of each.

    Raises:
        ValueError: if a number is negative.
    """

    time: int = 20
    frequency: int = 8
    strips: int = 1

    def __post_init__(self):
        if min(self.time, self.frequency, self.strips) < 0:
            raise ValueError(f"time, frequency and strips must be at least 0; got {self}")

    def __call__(self, spectrograms: Tensor, chance: Tensor) -> Tensor:
        """Return spectrograms with strips hidden.

        Args:
            spectrograms: ``(N, 1, bands, windows)``.
            chance: numbers in [0, 1), ``(N, draws)``, that fix the strips; see ``draws``.
        """
        bands, windows = spectrograms.shape[-2:]
        hidden = torch.zeros_like(spectrograms[:, 0], dtype=torch.bool)
        for strip in range(self.strips):
            one = chance[:, 4 * strip : 4 * strip + 4]
            hidden |= strips(one[:, 0], one[:, 1], min(self.frequency, bands), bands)[:, :, None]
            hidden |= strips(one[:, 2], one[:, 3], min(self.time, windows), windows)[:, None]
        mean = spectrograms.mean((-2, -1), keepdim=True)
        return torch.where(hidden[:, None], mean, spectrograms)

    @property
    def draws(self) -> int:
        """How many numbers fix the strips of a spectrogram."""
        return 4 * self.strips


def strips(long: Tensor, place: Tensor, most: int, size: int) -> Tensor:
    """Return which of ``size`` cells a strip covers, bool ``(N, size)``.

    Its length is uniform over 0 to ``most``, its start over all that leave it whole (section 2).

    Args:
        long: decides the length, in [0, 1), ``(N,)``.
        place: decides the start, likewise.
        most: longest strip.
        size: cells.

    Examples:
        >>> strips(torch.tensor([0.99]), torch.tensor([0.0]), most=2, size=5)
        tensor([[ True,  True, False, False, False]])
    """
    length = (long * (most + 1)).long()
    start = (place * (size - length + 1)).long()
    cells = torch.arange(size, device=long.device)
    return (cells >= start[:, None]) & (cells < (start + length)[:, None])
