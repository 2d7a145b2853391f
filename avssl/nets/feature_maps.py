"""Maps of features, and where in the picture each of their cells looks.

Cell i of an axis looks at pixel ``offset + stride * i``: the centre of its receptive field, counted in centres of
pixels, as convolutions and poolings set it. Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
Networks", Distill 2019, https://distill.pub/2019/computing-receptive-fields.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Features in cells.

    Args:
        values: ``(N, channels, height, width)``, of clips ``(N, channels, frames, height, width)``.
        stride: pixels (or frames) from one cell to the next, for each axis after the channels.
        offset: the pixel (or frame) that the first cell looks at, for each of these axes; between pixels it is no whole
            number.
    """

    values: Tensor
    stride: tuple[float, ...]
    offset: tuple[float, ...]

    def pixels(self, axis: int) -> Tensor:
        """Return the pixels that the cells look at, ``(cells,)``.

        Args:
            axis: which of the axes after the channels: 0 for height of pictures; -1 for width.
        """
        cells = self.values.shape[2:][axis]
        return self.offset[axis] + self.stride[axis] * torch.arange(cells, device=self.values.device)


class Grid(NamedTuple):
    """Stride and offset of each axis."""

    stride: tuple[float, ...]
    offset: tuple[float, ...]


class Unknown(NamedTuple):
    """Cells whose places cannot be known, since something without fixed places came before."""

    after: str


def start(values: Tensor) -> None:
    """Mark ``(N, channels, ...)`` as what cells are counted in: stride 1, offset 0."""
    axes = values.ndim - 2
    mark(values, Grid((1.0,) * axes, (0.0,) * axes))


def mark(values: Tensor, grid: Grid | Unknown) -> None:
    values._grid = grid  # pyright: ignore[reportAttributeAccessIssue]


def grid_of(values: Tensor) -> Grid | Unknown | None:
    """Return where the cells of a tensor look; None where it was not made of a marked one."""
    return getattr(values, "_grid", None)


class Following(TorchFunctionMode):
    """While it is entered, what is made of marked tensors is marked with its own grid."""

    def __torch_function__(self, func: Callable, types: Any, args: Sequence = (), kwargs: dict | None = None) -> Any:
        """Run a function of torch and mark what it returns."""
        kwargs = kwargs or {}
        marked = [value for value in tensors_in([*args, *kwargs.values()]) if grid_of(value) is not None]
        before, shapes = [grid_of(value) for value in marked], [value.shape for value in marked]  # it may work in place
        found = func(*args, **kwargs)
        if marked and any(True for _ in tensors_in([found])):
            grid = following(getattr(func, "__name__", str(func)), args, kwargs, before, shapes, found)
            for value in tensors_in([found]):
                mark(value, grid)
        return found


def tensors_in(values: Sequence) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from tensors_in(value)
        elif isinstance(value, Tensor):
            yield value


def following(name: str, args: Sequence, kwargs: dict, before: list, shapes: list, found: Any) -> Grid | Unknown:
    """Return the grid of what a function returned.

    Args:
        name: of the function.
        args: of the call.
        kwargs: of the call.
        before: grids of the marked tensors that went in.
        shapes: of these tensors.
        found: what came out.
    """
    cells = next(iter(tensors_in([found]))).shape[2:]
    if name in POINTWISE:
        return pointwise(name, before, shapes, cells)
    grid = before[0]
    if isinstance(grid, Unknown):
        return grid
    axes = len(grid.stride)
    if name in WINDOWS and len(before) == 1:
        return windowed(grid, *WINDOWS[name](axes, args, kwargs))
    if name.startswith("adaptive_"):
        return adaptive(grid, shapes[0][2:], cells, name)
    if name == "pad":
        padding = list(kwargs["pad"] if "pad" in kwargs else args[1])  # of the last axis first: low, high
        low = padding[::2][::-1]
        if len(low) <= axes:
            return windowed(grid, [1] * axes, [1] * axes, [0] * (axes - len(low)) + low, [1] * axes)
    return Unknown(name)


def pointwise(name: str, before: list, shapes: list, cells: torch.Size) -> Grid | Unknown:
    """Return the grid of what was made cell by cell; maps of a single cell, such as gates of channels, do not count."""
    same = {grid for grid, shape in zip(before, shapes, strict=True) if shape[2:] == cells}
    others = [shape for shape in shapes if shape[2:] != cells and any(size != 1 for size in shape[2:])]
    return same.pop() if len(same) == 1 and not others else Unknown(name)


def windowed(grid: Grid, kernel: Sequence, stride: Sequence, padding: Sequence, dilation: Sequence) -> Grid:
    """Return the grid behind windows of ``kernel`` cells that lie ``dilation`` apart."""
    middle = [(size - 1) * wide / 2 - pad for size, wide, pad in zip(kernel, dilation, padding, strict=True)]
    offset = [first + step * by for first, step, by in zip(grid.offset, grid.stride, middle, strict=True)]
    return Grid(tuple(a * b for a, b in zip(grid.stride, stride, strict=True)), tuple(offset))


def adaptive(grid: Grid, cells: Sequence[int], wanted: Sequence[int], name: str) -> Grid | Unknown:
    """Return the grid behind a pooling to a given number of cells, which is one of windows where that divides them."""
    if any(have % want for have, want in zip(cells, wanted, strict=True)):
        return Unknown(f"{name} of {tuple(cells)} cells to {tuple(wanted)}")
    kernel = [have // want for have, want in zip(cells, wanted, strict=True)]
    return windowed(grid, kernel, kernel, [0] * len(kernel), [1] * len(kernel))


def each(value: Any, axes: int) -> list:
    """Return a setting for each axis."""
    values = list(value) if isinstance(value, tuple | list) else [value]
    return values if len(values) == axes else values * axes


def convolution(axes: int, args: Sequence, kwargs: dict) -> tuple[list, list, list, list]:
    """Return kernel, stride, padding and dilation of a convolution."""
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    given = dict(zip(names, args, strict=False)) | kwargs
    kernel, dilation = list(given["weight"].shape[2:]), each(given.get("dilation", 1), axes)
    padding = given.get("padding", 0)
    if padding == "same":
        padding = [(size - 1) * wide // 2 for size, wide in zip(kernel, dilation, strict=True)]
    elif padding == "valid":
        padding = 0
    return kernel, each(given.get("stride", 1), axes), each(padding, axes), dilation


def maximum(axes: int, args: Sequence, kwargs: dict) -> tuple[list, list, list, list]:
    """Return kernel, stride, padding and dilation of a pooling by the maximum."""
    given = dict(zip(("input", "kernel_size", "stride", "padding", "dilation"), args, strict=False)) | kwargs
    kernel, stride = each(given["kernel_size"], axes), given.get("stride")
    stride = each(stride, axes) if stride else kernel
    return kernel, stride, each(given.get("padding", 0), axes), each(given.get("dilation", 1), axes)


def mean(axes: int, args: Sequence, kwargs: dict) -> tuple[list, list, list, list]:
    """Return kernel, stride, padding and dilation of a pooling by the mean."""
    return maximum(axes, args[:4], {name: value for name, value in kwargs.items() if name != "dilation"})


WINDOWS = {f"conv{axes}d": convolution for axes in (1, 2, 3)}
WINDOWS |= {f"max_pool{axes}d": maximum for axes in (1, 2, 3)} | {f"avg_pool{axes}d": mean for axes in (1, 2, 3)}

POINTWISE = {  # cells stay where they are
    *("relu", "relu_", "relu6", "leaky_relu", "elu", "gelu", "silu", "hardswish", "hardsigmoid", "hardtanh", "sigmoid"),
    *("tanh", "softmax", "dropout", "dropout2d", "dropout3d", "batch_norm", "group_norm", "instance_norm"),
    *("local_response_norm", "normalize", "add", "add_", "__add__", "__iadd__", "sub", "__sub__", "mul", "mul_"),
    *("__mul__", "div", "__truediv__", "cat", "clone", "contiguous", "detach", "to", "float", "half", "clamp", "abs"),
}


def map_of(values: Tensor, layer: str) -> FeatureMap:
    """Return tapped values as a map; their mark is taken off.

    Raises:
        ValueError: if they are vectors, or the places of their cells cannot be known.
    """
    if values.ndim not in (4, 5):
        raise ValueError(f"layer {layer!r} gives vectors, which look at no place; choose one that gives a map")
    grid = grid_of(values)
    if not isinstance(grid, Grid):
        after = "functions that are not torch's" if grid is None else grid.after
        raise ValueError(
            f"where the cells of layer {layer!r} look cannot be known behind {after}; choose a layer before it"
        )
    del values._grid  # pyright: ignore[reportAttributeAccessIssue]
    return FeatureMap(values, grid.stride, grid.offset)
