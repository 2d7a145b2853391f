"""Windows of maps and pictures: they show what lies there, and distances are those of their points."""

import math

import pytest
import torch

from avssl.losses import cut_windows, window_distance, windows_at


def at(x, y, degrees=0.0):
    return torch.tensor([[x, y, math.radians(degrees)]])


def test_a_window_shows_what_lies_there():
    picture = torch.arange(64.0).view(1, 1, 8, 8)
    # 4 of 8 px around pixel edge (6, 4): x = 0.5, y = 0
    assert cut_windows(picture, windows_at(at(0.5, 0.0), 0.5), 4)[0, 0].equal(picture[0, 0, 2:6, 4:8])
    whole = cut_windows(picture, windows_at(at(0.0, 0.0), 1.0), 8)
    torch.testing.assert_close(whole, picture)


def test_a_quarter_turn_turns_and_the_border_is_repeated():
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    turned = cut_windows(picture, windows_at(at(0.0, 0.0, 90), 1.0), 4)
    torch.testing.assert_close(turned[0, 0], torch.rot90(picture[0, 0], 1), rtol=1e-4, atol=1e-4)
    beyond = cut_windows(picture, windows_at(at(3.0, 3.0), 0.5), 2)
    assert (beyond == 15).all()


@pytest.mark.parametrize(("place", "wanted"), [((0.5, 0, 0), 0.25), ((0.3, 0.4, 0), 0.25), ((0, 0, 180), None)])
def test_the_distance_of_windows_is_that_of_their_points(place, wanted):
    scale, points = 0.5, [(2 * i + 1) / 20 - 1 for i in range(20)]
    if wanted is None:  # half a turn moves each point to its opposite
        wanted = sum(4 * scale**2 * (a * a + b * b) for a in points for b in points) / 400
    found = window_distance(windows_at(at(0.0, 0.0), scale), windows_at(at(*place), scale))
    assert float(found) == pytest.approx(wanted, rel=1e-4)


def test_places_of_windows_have_a_gradient():
    place = at(0.1, 0.2, 10).requires_grad_()
    cut_windows(torch.rand(1, 2, 9, 9), windows_at(place, 0.4), 3).sum().backward()
    assert (place.grad != 0).all()
