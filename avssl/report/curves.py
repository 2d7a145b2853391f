"""Charts as inline SVG, coloured by the page's own style so that they follow its light or dark design."""

import math
from html import escape

import numpy as np

from avssl.report.log import Chart, Line

WIDTH, HEIGHT = 340, 220
WIDTH_OF_CURVE = 1.5  # what is nearer cannot be told apart
LEFT, RIGHT, TOP, BOTTOM = 40, 18, 10, 28
COLORS = {"training": 0, "held-out": 1, "batches": 2}  # number of the style's class; others follow in order


def svg(chart: Chart) -> str:
    """Return a chart as an SVG element."""
    across, up = axes(chart)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)} by step">',
        *(grid_line(up(value), show(value)) for value in up.ticks(5)),
        *(
            f'<text class="tick" x="{across(step):.1f}" y="{HEIGHT - 10}" text-anchor="middle">{show(step)}</text>'
            for step in across.ticks(5)
        ),
    ]
    if chart.chance is not None:
        parts.append(
            f'<line class="chance" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(chart.chance):.1f}" '
            f'y2="{up(chart.chance):.1f}"><title>chance {chart.chance:g}</title></line>'
        )
    for line, color in zip(chart.lines.values(), colors(chart), strict=True):
        parts.append(curve(line, color, across, up))
    return "".join([*parts, "</svg>"])


def axes(chart: Chart) -> tuple["Axis", "Axis"]:
    """Return the axes of steps and of values that a chart is drawn in."""
    points = [point for line in chart.lines.values() for point in line.points]
    heights = [value for _, value in points] + ([] if chart.chance is None else [chart.chance])
    across = Axis(min(step for step, _ in points), max(step for step, _ in points), LEFT, WIDTH - RIGHT)
    return across, Axis(min(heights), max(heights), HEIGHT - BOTTOM, TOP, room=0.06)


def colors(chart: Chart) -> list[int]:
    """Return the colour number of each line: that of its side, which is the same in all charts."""
    sides = list(dict.fromkeys([*COLORS, *(line.side for line in chart.lines.values())]))
    return [sides.index(line.side) for line in chart.lines.values()]


def overlaid(chart: Chart) -> list[str]:
    """Return a sentence for each curve that covers one before it, so that a person does not look for it in vain."""
    up = axes(chart)[1]
    found: list[str] = []
    lines = list(chart.lines.values())
    for number, line in enumerate(lines):
        below = next((other for other in lines[:number] if covers(line, other, up)), None)
        if below is not None:
            found.append(f"{line.name} lies on {below.name}.")
    return found


def covers(line: Line, other: Line, up: "Axis") -> bool:
    """Tell whether a curve is nowhere a pixel and a half away from another, over the steps that both have."""
    steps, values = np.array(line.points).T
    theirs, heights = np.array(other.points).T
    common = (steps >= theirs.min()) & (steps <= theirs.max())
    if not common.any() or steps[common].min() > theirs.min() or steps[common].max() < theirs.max():
        return False
    away = [abs(up(one) - up(two)) for one, two in zip(values, np.interp(steps, theirs, heights), strict=True)]
    return max(np.array(away)[common]) < WIDTH_OF_CURVE


def curve(line: Line, color: int, across: "Axis", up: "Axis") -> str:
    places = [(across(step), up(value)) for step, value in line.points]
    kind = f"curve c{color % 6}{' dashed' if line.dashed else ''}{' faint' if line.faint else ''}"
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    step, value = line.points[-1]
    x, y = places[-1]
    return (
        f'<polyline class="{kind}" points="{path}"/>'
        f'<circle class="end c{color % 6}" cx="{x:.1f}" cy="{y:.1f}" r="3">'
        f"<title>{escape(line.name)}: {value:.4g} at step {step:g}</title></circle>"
    )


def grid_line(y: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{text}</text>'
    )


class Axis:
    """Maps values to places in the picture.

    Args:
        low: least value.
        high: greatest value.
        start: place of the least.
        stop: place of the greatest.
        room: share of the range left free at both ends.
    """

    def __init__(self, low: float, high: float, start: float, stop: float, room: float = 0.0):
        if high <= low:
            low, high = low - (abs(low) * 0.5 or 0.5), high + (abs(high) * 0.5 or 0.5)
        free = (high - low) * room
        self.low, self.high, self.start, self.stop = low - free, high + free, start, stop

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def ticks(self, about: int) -> list[float]:
        """Return round values within the range, about so many."""
        raw = (self.high - self.low) / about
        unit = 10 ** math.floor(math.log10(raw))
        step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw)
        first = math.ceil(self.low / step)
        return [i * step for i in range(first, math.floor(self.high / step) + 1)]


def show(value: float) -> str:
    """Return a number short enough for an axis.

    Examples:
        >>> show(0.30000000000000004), show(1500.0), show(25000.0)
        ('0.3', '1500', '25k')
    """
    return f"{value / 1000:g}k" if abs(value) >= 10000 else f"{value:.4g}"
