"""Times as the fractions that files hold: in floating point the last bit may decide about a frame."""

from fractions import Fraction

import numpy as np

from avssl.sampling.base import Timeline

UNITS = 1_000_000  # no common container has a finer time base than a microsecond


def fraction_of(seconds: float) -> Fraction:
    """Return the fraction with a denominator of at most a million that floating point rounded.

    Examples:
        >>> fraction_of(7 / 30), fraction_of(123 * (1001 / 30000))
        (Fraction(7, 30), Fraction(41041, 10000))
    """
    return Fraction(seconds).limit_denominator(UNITS)


def first_from(timeline: Timeline, bound: Fraction) -> int:
    """Return the first frame that does not appear before ``bound``, exactly; ``len(timeline)`` if all do."""
    frame = int(np.searchsorted(timeline.times, float(bound) - 1 / UNITS))
    while frame < len(timeline) and fraction_of(timeline.times[frame]) < bound:
        frame += 1
    return frame
