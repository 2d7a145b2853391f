"""A step that goes far enough down and not too far: the strong Wolfe conditions, by a bracket and cubics in it.

Nocedal and Wright, "Numerical Optimization", 2006, algorithms 3.5 and 3.6.
"""

from collections.abc import Callable
from dataclasses import dataclass

DOWN, LEVEL = 1e-4, 0.9  # shares of the slope at the start: of the gain, and of what may be left of it
EDGE = 0.1  # share of a bracket that a trial keeps from its ends, where the one before came close to them too
STILL = 1e-9  # a bracket whose ends are nearer than this is not searched


@dataclass(frozen=True)
class Point:
    """A trial: how far along the direction, the loss there, and its slope along the direction."""

    at: float
    loss: float
    slope: float


def strong_wolfe(evaluate: Callable[[float], Point], start: Point, at: float, longest: float, trials: int) -> Point:
    """Return a point that meets the strong Wolfe conditions, or the lowest that the trials found.

    Args:
        evaluate: makes the point at a distance.
        start: the point at 0; its slope is below 0.
        at: what is tried first.
        longest: the largest number of the direction.
        trials: how many points may be tried after the first.
    """
    before, point = start, evaluate(at)
    for number in range(trials):
        if _high(point, start) or (number > 1 and point.loss >= before.loss):
            break
        if _level(point, start):
            return point
        if point.slope >= 0:
            break
        least, most = point.at + 0.01 * (point.at - before.at), 10 * point.at
        before, point = point, evaluate(_cubic(before, point, least, most))
    else:
        return _zoom(evaluate, start, (start, point), longest, 0)
    return _zoom(evaluate, start, (before, point), longest, trials - number)


def _zoom(
    evaluate: Callable[[float], Point], start: Point, bracket: tuple[Point, Point], longest: float, trials: int
) -> Point:
    """Return what `strong_wolfe` does, from a bracket that holds such a point."""
    low, high = sorted(bracket, key=lambda point: point.loss)
    close = False
    for _ in range(trials):
        left, right = sorted((low.at, high.at))
        if (right - left) * longest < STILL:
            break
        at, edge = _cubic(low, high, left, right), EDGE * (right - left)
        if min(right - at, at - left) >= edge:
            close = False
        elif close or not left < at < right:
            at, close = (right - edge if right - at < at - left else left + edge), False
        else:
            close = True
        point = evaluate(at)
        if _high(point, start) or point.loss >= low.loss:
            low, high = sorted((low, point), key=lambda one: one.loss)
            continue
        if _level(point, start):
            return point
        low, high = point, low if point.slope * (high.at - low.at) >= 0 else high
    return low


def _high(point: Point, start: Point) -> bool:
    """Tell whether too little was gained for the way."""
    return point.loss > start.loss + DOWN * point.at * start.slope


def _level(point: Point, start: Point) -> bool:
    """Tell whether little is left to gain by going on or back."""
    return abs(point.slope) <= -LEVEL * start.slope


def _cubic(one: Point, other: Point, least: float, most: float) -> float:
    """Return where the cubic through both points, with their slopes, is lowest within bounds, or halfway if nowhere."""
    left, right = sorted((one, other), key=lambda point: point.at)
    mean = left.slope + right.slope - 3 * (left.loss - right.loss) / (left.at - right.at)
    square = mean**2 - left.slope * right.slope
    if square < 0:
        return (least + most) / 2
    turn = right.slope - left.slope + 2 * square**0.5
    if turn == 0:  # straight: the farther the lower
        return most
    lowest = right.at - (right.at - left.at) * (right.slope + square**0.5 - mean) / turn
    return min(max(lowest, least), most)
