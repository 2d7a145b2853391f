import pytest
import torch

from avssl.nets import MapNet


@pytest.mark.parametrize(("size", "cells"), [((72, 72), (18, 18)), ((33, 46), (9, 12))])
def test_cells_of_four_pixels_say_where_they_look(size, cells):
    encoder = MapNet(dim=8, width=4).eval()
    found = encoder.maps(torch.rand(2, 3, *size), "conv3")
    assert found.values.shape == (2, 8, *cells) and found.stride == (4, 4) and found.offset == (0, 0)
    torch.testing.assert_close(encoder(torch.rand(2, 3, *size)).shape, torch.Size([2, 8]))


def test_a_cell_sees_fifteen_pixels_around_the_one_it_looks_at():
    encoder = MapNet(dim=8, width=8).eval()
    pictures = torch.rand(1, 3, 48, 48, requires_grad=True)
    encoder.maps(pictures, "conv3").values[0, :, 6, 5].sum().backward()
    assert pictures.grad is not None
    rows, columns = pictures.grad[0].abs().sum(0).nonzero().T
    assert (rows.min(), rows.max()) == (24 - 7, 24 + 7) and (columns.min(), columns.max()) == (20 - 7, 20 + 7)


def test_a_grey_encoder_knows_no_colour_and_a_plain_one_does():
    pictures = torch.rand(2, 3, 16, 16)
    grey = (pictures * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True).expand_as(pictures)
    blind, plain = MapNet(8, 4, grey=True).eval(), MapNet(8, 4).eval()
    torch.testing.assert_close(blind(pictures), blind(grey))
    assert not torch.allclose(plain(pictures), plain(grey))


def test_reflected_borders_make_a_plain_picture_plain_and_zeros_do_not():
    for padding, alike in (("reflect", True), ("zeros", False)):
        torch.manual_seed(0)
        values = MapNet(8, 4, padding=padding).eval().maps(torch.full((1, 3, 32, 32), 0.7), "conv3").values
        assert torch.allclose(values, values[..., 4:5, 4:5].expand_as(values), atol=1e-5) == alike


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="padding 'reflect' or 'zeros'; got 64, 32, 'same'"):
        MapNet(padding="same")
