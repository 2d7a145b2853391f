"""What losses compute in: float32 at least, also where the network runs in half precision."""

import torch
from torch import Tensor


def wide(values: Tensor) -> Tensor:
    """Return values as float32; float64 stays."""
    return values if values.dtype == torch.float64 else values.float()


def product(first: Tensor, second: Tensor) -> Tensor:
    """Return the matrix product in float32 or float64, under mixed precision too.

    A cosine in bfloat16 has two to three digits, and a low temperature multiplies what is lost.
    """
    with torch.autocast(first.device.type, enabled=False):
        return wide(first) @ wide(second)


def check_rows(**named: Tensor) -> None:
    """Complain unless all are tables ``(N, dim)`` of one shape with at least one row.

    Raises:
        ValueError: says which shapes came.
    """
    shapes = {name: tuple(rows.shape) for name, rows in named.items()}
    first = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1 or len(first) != 2 or not first[0]:
        came = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"needs rows of one shape (N, dim), N at least 1; got {came}")
