"""Pictures of results: skeletons on frames, curves, and sheets of neighbours."""

import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from avssl.text import printable

ROW_COLORS = {
    "trained": "#2a6fdb",
    "random": "#e4572e",
    "pixels": "#8a8f98",
    "hog": "#3d405b",
    "chance": "#c0c0c0",
    "mean pose": "#b9a44c",
}
RIGHT_COLOR, WRONG_COLOR = "#2a9d4b", "#d62839"
MORE_COLORS = ("#7b2cbf", "#2a9d8f", "#d81159", "#5f7470")
LINES = ("-", "--", ":", "-.")
SHAPES: dict[str, str] = dict(zip(LINES, "os^D", strict=True))  # of lone points
ROOM = 7  # names that a panel has room for


class Curve(NamedTuple):
    """One line of a plot."""

    name: str
    across: np.ndarray
    up: np.ndarray


def picture_table(lines: Mapping[str, np.ndarray], title: str) -> Image.Image:
    """Draw pictures in lines that have a name: a column for each picture.

    Args:
        lines: from a name to uint8 ``(pictures, 3, H, W)``, as many in each line.
        title: a line over the table.
    """
    first = next(iter(lines.values()))
    tall = 1.5 * first.shape[2] / first.shape[3]
    figure = Figure(figsize=(1.5 * len(first) + 0.4, tall * len(lines) + 0.4), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=10)
    panels = figure.subplots(len(lines), len(first), squeeze=False)
    for line, (name, images) in zip(panels, lines.items(), strict=True):
        line[0].set_ylabel(name, fontsize=9)
        for panel, image in zip(line, images, strict=True):
            show(panel, image)
    return rendered(figure)


def show(panel: Axes, image: np.ndarray) -> None:
    """Show a uint8 picture ``(3, H, W)`` with hard pixels and no axes."""
    panel.imshow(image.transpose(1, 2, 0), interpolation="nearest")
    panel.set(xticks=[], yticks=[], xlim=(-0.5, image.shape[2] - 0.5), ylim=(image.shape[1] - 0.5, -0.5))
    for side in panel.spines.values():
        side.set_visible(False)


def curve_picture(
    panels: Mapping[str, Sequence[Curve]], across: str, up: str, marks: Sequence[str] = ()
) -> Image.Image:
    """Draw a panel of curves for each title; equal names have equal colours and lines. Curves of one point are dots.

    More names than a panel has room for are told once, beside all panels.

    Args:
        panels: from a title to its curves.
        across: label of the horizontal axis.
        up: label of the vertical axis.
        marks: names of the places 0, 1, ... of the horizontal axis, where they are no numbers.
    """
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.1 * rows), dpi=110, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for spare in axes[len(panels) :]:
        spare.set_visible(False)
    styles = line_styles([name for curves in panels.values() for name, *_ in curves])
    crowded = max(len(curves) for curves in panels.values()) > ROOM
    handles = {}
    for panel, (title, curves) in zip(axes, panels.items(), strict=False):
        for curve in curves:
            dot = SHAPES[styles[curve.name]["linestyle"]] if len(curve.across) == 1 else None
            (handles[curve.name],) = panel.plot(
                curve.across, curve.up, label=curve.name, linewidth=1.8, marker=dot, markersize=5, **styles[curve.name]
            )
        panel.set_title(title, fontsize=10)
        panel.grid(alpha=0.25)
        if not crowded:
            panel.legend(fontsize=8, frameon=False)
        panel.set(xlabel=across, ylabel=up)
        if marks:
            panel.set_xticks(range(len(marks)), marks)
        panel.label_outer()
    if crowded:
        figure.legend(handles.values(), handles, fontsize=8, frameon=False, loc="outside right upper")
    return rendered(figure)


def line_styles(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return colour and line of each name; names beside the usual rows that share a colour differ in their line.

    Examples:
        >>> styles = line_styles(["trained", *(f"run {number}" for number in range(9))])
        >>> len({tuple(style.values()) for style in styles.values()})
        10
    """
    others = dict.fromkeys(name for name in names if name not in ROW_COLORS)
    more = {
        name: {
            "color": MORE_COLORS[number % len(MORE_COLORS)],
            "linestyle": LINES[number // len(MORE_COLORS) % len(LINES)],
        }
        for number, name in enumerate(others)
    }
    return {name: {"color": color, "linestyle": "-"} for name, color in ROW_COLORS.items() if name in names} | more


def confusion_picture(counts: np.ndarray, classes: Sequence[str], title: str) -> Image.Image:
    """Draw how often each class (a line) was taken for each (a column), as shares of the line.

    Args:
        counts: ``(classes, classes)``.
        classes: names.
        title: a line over the picture.
    """
    side = min(11.0, 2.2 + 0.28 * len(classes))
    figure = Figure(figsize=(side + 0.6, side), dpi=100, layout="constrained")
    panel = figure.subplots()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    drawn = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = 9 if len(classes) <= 20 else 6
    names = [printable(name) for name in classes]
    panel.set_xticks(range(len(classes)), names, rotation=90, fontsize=size)
    panel.set_yticks(range(len(classes)), names, fontsize=size)
    panel.set(xlabel="found", ylabel="truth")
    panel.set_title(title, fontsize=10)
    figure.colorbar(drawn, ax=panel, shrink=0.7, label="share of the class")
    return rendered(figure)


class Strip(NamedTuple):
    """A query's neighbours by one way of comparing."""

    name: str
    images: np.ndarray  # uint8 (k, 3, H, W)
    captions: Sequence[str]
    right: Sequence[bool] | None = None  # draws a frame in the colour of right or wrong round each


def contact_sheet(
    queries: np.ndarray,
    strips: Sequence[Sequence[Strip]],
    title: str,
    across: int = 2,
    captions: Sequence[str] | None = None,
) -> Image.Image:
    """Draw queries and their neighbours: a block a query, in it a line a way of comparing.

    Args:
        queries: uint8 ``(queries, 3, H, W)``.
        strips: the lines of each query, the same names for each.
        title: a line over the sheet.
        across: blocks side by side.
        captions: what stands under each query; None for the word itself.
    """
    lines, neighbours, high = len(strips[0]), len(strips[0][0].images), 1.12  # inches a line: a picture, its caption
    wide, tall, head = 2.15 + 0.98 * neighbours + 0.35, high * lines + 0.25, 0.4
    width, height = wide * min(across, len(queries)), tall * -(-len(queries) // across) + head
    figure = Figure(figsize=(width, height), dpi=100)
    figure.text(0.1 / width, 1 - 0.27 / height, title, fontsize=11)
    below = captions or ["query"] * len(queries)

    def place(left: float, top: float, side: float) -> Axes:
        """Return a square panel, its left upper corner and side in inches."""
        return figure.add_axes((left / width, 1 - (top + side) / height, side / width, side / height))

    for number, (query, lines_of_query) in enumerate(zip(queries, strips, strict=True)):
        left, top = wide * (number % across) + 0.1, tall * (number // across) + head
        show(place(left, top, 1.4), query)
        figure.text((left + 0.7) / width, 1 - (top + 1.57) / height, below[number], fontsize=9, ha="center")
        for line, strip in enumerate(lines_of_query):
            down = top + high * line
            figure.text((left + 2.0) / width, 1 - (down + 0.5) / height, strip.name, fontsize=9, ha="right")
            for column, (image, caption) in enumerate(zip(strip.images, strip.captions, strict=True)):
                panel = place(left + 2.08 + 0.98 * column, down, 0.92)
                show(panel, image)
                panel.set_xlabel(caption, fontsize=8, labelpad=1)
                if strip.right is not None:
                    frame_panel(panel, strip.right[column])
    return rendered(figure)


def frame_panel(panel: Axes, right: bool) -> None:
    """Draw a frame round a picture: green where it answers rightly, red where not."""
    for side in panel.spines.values():
        side.set(visible=True, color=RIGHT_COLOR if right else WRONG_COLOR, linewidth=2.5)


def rendered(figure: Figure) -> Image.Image:
    """Return a figure as a picture."""
    for text in figure.findobj(Text):  # names of files and classes that are not UTF-8
        text.set_text(printable(text.get_text()))
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    stream.seek(0)
    return Image.open(stream, formats=["PNG"]).convert("RGB")
