"""Labels of pixels and points on cells, and back."""

from dataclasses import replace

import pytest
import torch

from avssl.features.propagation.labels import (
    cells_to_mask,
    cells_to_points,
    mask_to_cells,
    points_to_cells,
    stretched,
)
from avssl.features.propagation.settings import OWN, PRESETS
from avssl.nets import ResNet
from avssl.nets.cells import CellGrid, reading

GRID = CellGrid(cells=(9, 12), stride=(8, 8), offset=(0, 0), pixels=(72, 96))
HALF = replace(GRID, offset=(3.5, 3.5))


def box(size=(72, 96)):
    mask = torch.zeros(size, dtype=torch.uint8)
    mask[16:48, 24:64] = 2
    return mask


def test_a_cell_holds_the_area_average_around_where_it_looks():
    mask = torch.zeros(72, 96, dtype=torch.uint8)
    mask[:, 4:] = 1
    assert mask_to_cells(mask, 1, HALF)[1, 0, :3].tolist() == [0.5, 1, 1]
    at_zero = mask_to_cells(mask, 1, GRID)[1, 0, :3]  # cell 1 looks at pixel 8 and averages [4, 12)
    assert at_zero[1:].tolist() == [1, 1] and at_zero[0] == pytest.approx(1 / 9)  # pixel 4 is halfway to cell 1


@pytest.mark.parametrize("how", ["area", "bilinear", "nearest", "corner"])
@pytest.mark.parametrize("grid", [GRID, HALF, replace(GRID, stride=(8, 7.3), offset=(-2, 1.2))])
def test_shares_of_a_cell_sum_to_one_whatever_it_looks_at(how, grid):
    torch.testing.assert_close(mask_to_cells(box(), 3, grid, how).sum(0), torch.ones(9, 12))
    assert (reading(how, grid, 1) >= 0).all()


def test_void_and_numbers_beyond_the_objects_are_background():
    mask = box()
    mask[0] = 255
    shares = mask_to_cells(mask, 2, HALF)
    assert shares.shape == (3, 9, 12) and shares[0, 0].min() == 1


@pytest.mark.parametrize("grid", [GRID, HALF])
def test_what_is_read_in_and_out_with_one_centre_comes_back(grid):
    found = cells_to_mask(mask_to_cells(box(), 2, grid), grid, OWN)
    both = ((found == 2) & (box() == 2)).sum() / ((found == 2) | (box() == 2)).sum()
    assert both > 0.9 and set(found.unique().tolist()) == {0, 2}


def test_reading_out_with_another_centre_shifts_every_point():
    points = torch.tensor([[40.0, 31.0], [20.3, 50.6]])
    heat = points_to_cells(points, GRID, 0.5)
    torch.testing.assert_close(cells_to_points(heat, GRID, 5)[0], points, atol=1.6, rtol=0)
    other, _ = cells_to_points(heat, HALF, 5)
    torch.testing.assert_close(other - cells_to_points(heat, GRID, 5)[0], torch.full((2, 2), 3.5))


def test_wide_gaussians_come_back_to_a_fraction_of_a_pixel():
    points = torch.tensor([[40.3, 31.7], [50.2, 36.6]])
    found, sure = cells_to_points(points_to_cells(points, GRID, 1.0), GRID, 81)
    torch.testing.assert_close(found, points, atol=0.2, rtol=0)
    assert (sure > 0.8).all()


def test_points_that_are_unknown_or_lost_are_nan_and_have_no_weight():
    heat = points_to_cells(torch.tensor([[float("nan"), 3.0], [8.0, 8.0]]), GRID, 0.5)
    found, sure = cells_to_points(heat, GRID, 5)
    assert heat[0].sum() == 0 and found[0].isnan().all() and sure[0] == 0 and sure[1] == 1


def test_a_lost_object_stays_lost_unless_labels_are_stretched():
    soft = torch.stack([torch.full((9, 12), 0.95), torch.full((9, 12), 0.05)])
    soft[:, 4, 6] = torch.tensor([0.9, 0.1])
    assert cells_to_mask(soft, GRID, OWN).max() == 0
    for when in ("cells", "pixels"):
        assert cells_to_mask(soft, GRID, replace(OWN, minmax=when)).max() == 1


def test_an_object_that_vanished_is_zero_rather_than_nan_when_labels_are_stretched():
    gone = torch.stack([torch.rand(9, 12), torch.zeros(9, 12)])
    assert stretched(gone)[1].abs().max() == 0
    assert cells_to_mask(gone, GRID, PRESETS["timecycle"]).max() == 0


def test_grids_follow_a_picture_to_another_size():
    twice = GRID.on((144, 192))
    assert twice.stride == (16, 16) and twice.offset == (0.5, 0.5)  # pixel 0 becomes pixels 0 and 1
    soft = mask_to_cells(box(), 2, GRID)
    large = cells_to_mask(soft, twice, OWN)
    assert large.shape == (144, 192) and (large[::2, ::2] == cells_to_mask(soft, GRID, OWN)).float().mean() > 0.95


def test_the_largest_may_be_chosen_at_the_size_that_the_encoder_saw():
    grid = GRID.on((144, 192))
    coarse = cells_to_mask(mask_to_cells(box(), 2, GRID), grid, replace(OWN, coarse=True), seen=(72, 96))
    assert coarse.shape == (144, 192) and (coarse[::2] == coarse[1::2]).all()


def test_a_cell_of_a_residual_network_at_stride_eight_looks_at_pixel_eight_i():
    encoder = ResNet(18, stride=8).eval()
    pictures = torch.rand(1, 3, 64, 64, requires_grad=True)
    found = encoder.maps(pictures, "layer2")
    assert found.stride == (8.0, 8.0) and found.offset == (0.0, 0.0)
