"""What the tests of samplers share."""

import numpy as np
import pytest

from avssl.sampling import Timeline

HOLES = np.array([0.0, 0.04, 0.09, 0.10, 0.21, 0.22, 0.30, 1.50, 1.52, 1.60, 1.61, 1.75, 1.80, 1.95, 2.00, 2.03, 2.10])


@pytest.fixture(scope="session")
def uneven() -> Timeline:
    """A recording of 17 frames with variable rate and a hole of more than a second."""
    return Timeline(times=HOLES, end=2.2, sound=(0.0, 2.2))


@pytest.fixture(scope="session")
def fits():
    """Check counts against the chances they should have, with Pearson's statistic far out in its tail."""

    def check(counts, chances) -> None:
        counts, chances = np.asarray(counts, dtype=float), np.asarray(chances, dtype=float)
        assert (counts[chances == 0] == 0).all(), "something impossible was drawn"
        expected = counts.sum() * chances[chances > 0] / chances.sum()
        assert expected.min() >= 5, "too few draws to tell"
        statistic = ((counts[chances > 0] - expected) ** 2 / expected).sum()
        degrees = len(expected) - 1
        # Wilson and Hilferty's approximation of the quantile at 4 standard deviations, about 3 in 100,000.
        limit = degrees * (1 - 2 / (9 * degrees) + 4 * (2 / (9 * degrees)) ** 0.5) ** 3
        assert statistic < limit, f"{statistic:.1f} is too much for {degrees} degrees of freedom"

    return check
