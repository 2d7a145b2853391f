"""Pixel propagation against loops, and what it keeps."""

import math

import pytest
import torch
from torch.nn import functional as F

from avssl.nets.propagation import PixelPropagation


def slow(module, cells):
    """Return what section 3.2 writes, cell by cell, of one item."""
    values = [F.normalize(module.transform(cell[None])[0], dim=0) for cell in cells]
    out = []
    for one in cells:
        total = torch.zeros_like(one)
        for other, value in zip(cells, values, strict=True):
            alike = max(0.0, float(one @ other) / math.sqrt(float(one @ one) * float(other @ other)))
            total = total + alike**module.gamma * value
        out.append(total)
    return torch.stack(out)


@pytest.mark.parametrize(("layers", "gamma"), [(0, 1.0), (1, 2.0), (2, 3.0)])
def test_propagation_is_that_of_a_slow_writing(layers, gamma):
    torch.manual_seed(0)
    module = PixelPropagation(5, layers, gamma).eval()
    cells = torch.randn(2, 6, 5)
    torch.testing.assert_close(module(cells), torch.stack([slow(module, each) for each in cells]))


def test_cells_that_point_apart_do_not_hear_each_other():
    cells = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0]]])
    assert PixelPropagation(2, layers=0)(cells).tolist() == [[[1, 0], [-1, 0], [0, 1]]]


def test_a_root_of_the_likeness_has_a_finite_slope_at_zero():
    cells = torch.eye(3)[None].clone().requires_grad_()
    PixelPropagation(3, layers=0, gamma=0.5)(cells).sum().backward()
    assert cells.grad is not None and cells.grad.isfinite().all()


def test_numbers_that_cannot_be_are_refused_in_one_line():
    with pytest.raises(ValueError, match="0, 1 or 2 layers and gamma above 0; got 3"):
        PixelPropagation(4, layers=3)
