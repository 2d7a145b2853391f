"""Strips of spectrograms that are hidden in training."""

import pytest
import torch

from avssl.nets import SpectrogramMask
from avssl.transforms.spectrogram_mask import strips


def hidden(mask, count=400, bands=16, windows=40):
    spectrograms = torch.rand(count, 1, bands, windows, generator=torch.Generator().manual_seed(0))
    chance = torch.rand(count, mask.draws, generator=torch.Generator().manual_seed(1))
    found = mask(spectrograms, chance)
    return spectrograms, found, found != spectrograms


def test_strips_are_no_longer_than_asked_and_lie_anywhere():
    long, place = torch.rand(2, 5000, generator=torch.Generator().manual_seed(0))
    found = strips(long, place, most=3, size=10)
    lengths = found.sum(1)
    assert torch.bincount(lengths, minlength=4).min() > 1100 and lengths.max() == 3  # 0 to 3, each a quarter
    assert (found[:, 1:].int() - found[:, :-1].int()).abs().sum(1).max() <= 2  # in one piece
    assert found[:, 0].any() and found[:, -1].any()


def test_whole_bands_and_whole_windows_are_hidden_by_the_mean():
    spectrograms, found, changed = hidden(SpectrogramMask(time=8, frequency=4))
    rows, columns = changed[:, 0].all(2), changed[:, 0].all(1)
    assert torch.equal(changed[:, 0], rows[:, :, None] | columns[:, None]) and rows.any() and columns.any()
    assert rows.sum(1).max() <= 4 and columns.sum(1).max() <= 8
    one = int(changed.flatten(1).any(1).nonzero()[0])
    assert found[one][changed[one]].unique().item() == pytest.approx(spectrograms[one].mean().item(), rel=1e-5)


def test_nothing_asked_hides_nothing_and_a_negative_length_is_refused():
    assert not hidden(SpectrogramMask(time=0, frequency=0))[2].any()
    with pytest.raises(ValueError, match="must be at least 0"):
        SpectrogramMask(time=-1)
