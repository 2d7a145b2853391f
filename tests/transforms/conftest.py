"""What the tests of transforms share."""

import pytest
import torch


@pytest.fixture(scope="session")
def keys():
    """Return a function that gives so many keys, int64 ``(count, 3)``."""
    return lambda count, epoch=0: torch.tensor([[7, epoch, index] for index in range(count)])


@pytest.fixture(scope="session")
def noise():
    """Return a function that gives frames of noise in [0, 1], ``(tuples, frames, 3, height, width)``."""

    def make(tuples, count=1, height=24, width=32, seed=0):
        return torch.rand(tuples, count, 3, height, width, generator=torch.Generator().manual_seed(seed))

    return make
