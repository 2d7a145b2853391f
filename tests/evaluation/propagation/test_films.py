"""Colours carried through grey films: the error is what it says, nobody sees colours, and no labels are asked for."""

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation import ColourPropagation
from avssl.evaluation.propagation.clips import Clip, read_clip
from avssl.evaluation.propagation.colours import carry_colours, grey, opponents, recoloured, with_colours
from avssl.evaluation.propagation.maps import LayerMaps, Windows
from avssl.evaluation.propagation.rows import Member
from avssl.features.propagation.settings import OWN
from avssl.nets import MapNet
from avssl.nets.map_net import grey_pictures
from tests.evaluation.propagation.squares import Squares

SMALL = {"initialisations": 1, "num_shown": 1, "quiet": True, "windows": [4, 8], "context": 3, "radius": 20}


def film(**settings):
    return Squares(masks=False, points=False, **settings)


def small():
    torch.manual_seed(0)
    return MapNet(dim=8, width=4).eval()


def frames_of(data, index=0):
    clip = read_clip(data, index, None, labelled=False)
    assert isinstance(clip, Clip)
    return clip.frames


@pytest.fixture(scope="module")
def scores():
    return ColourPropagation(film(), horizons=[1, 3, 16], **SMALL)(small())


def test_grey_windows_find_the_colours_of_what_moves_and_copying_does_not(scores):
    numbers = scores.numbers
    assert [row["row"] for row in scores.table] == ["copy", "pixels 4x4", "pixels 8x8", "random", "trained"]
    assert numbers["pixels 4x4/error"] < 0.5 * numbers["copy/error"]
    assert numbers["copy/error all"] < numbers["copy/error"]  # the ground stands still
    assert np.isnan(numbers["copy/error 16+"]) and numbers["trained-copy/error/low"] < numbers["trained-copy/error"]


def test_the_error_of_copying_is_that_of_a_slow_writing():
    frames, change = frames_of(film()), 0.06
    net = LayerMaps(small(), "conv3")
    (_, grid), sums = carry_colours(Member(maps=None, about=""), net, frames, OWN, 4, change)
    pixels = frames.numpy().astype(float) / 255
    wanted = []
    for picture in pixels:
        red, green, blue = picture
        light = np.round((0.299 * red + 0.587 * green + 0.114 * blue) * 255) / 255
        planes = [red - green, (red + green) / 2 - blue, light]
        cells = np.zeros((3, *grid.cells))
        for row in range(grid.cells[0]):
            for column in range(grid.cells[1]):
                cells[:, row, column] = [cell_mean(plane, grid, row, column) for plane in planes]
        wanted.append(cells)
    for time in range(1, len(wanted)):
        first, later = wanted[0], wanted[time]
        apart = (np.abs(first[0] - later[0]) + np.abs(first[1] - later[1])) / 2
        moved = np.abs(first[2] - later[2]) > change
        assert sums[time - 1] == pytest.approx(
            np.array([[apart[moved].sum(), apart.sum()], [moved.sum(), moved.size]]), abs=1e-4
        )


def cell_mean(plane, grid, row, column):
    """Return the mean of the pixels of a cell, each weighted by how much of it lies in the cell."""
    total = weight = 0.0
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            inside = overlap(y, grid.offset[0] + grid.stride[0] * row, grid.stride[0]) * overlap(
                x, grid.offset[1] + grid.stride[1] * column, grid.stride[1]
            )
            total, weight = total + inside * plane[y, x], weight + inside
    return total / weight


def overlap(place, centre, stride):
    return max(0.0, min(place + 0.5, centre + stride / 2) - max(place - 0.5, centre - stride / 2))


def test_nobody_sees_colours(monkeypatch):
    seen = []
    plain = MapNet.maps
    monkeypatch.setattr(MapNet, "maps", lambda net, images, layer: seen.append(images) or plain(net, images, layer))
    ColourPropagation(film(videos=1), **SMALL)(small())
    assert seen and all(torch.equal(images[:, 0], images[:, other]) for images in seen for other in (1, 2))


def test_grey_windows_that_match_a_film_without_motion_carry_its_colours_exactly():
    frames = frames_of(film())[:1].expand(3, -1, -1, -1)
    window = Member(maps=Windows(8, 4), about="")
    _, sums = carry_colours(window, LayerMaps(small(), "conv3"), frames, OWN.__class__(k=1), 4, 0.06)
    assert sums[:, 1, 0].sum() == 0 and sums[:, 0, 1].sum() == pytest.approx(0, abs=1e-4)


def test_brightness_and_opponent_colours_make_the_picture_again():
    pictures = torch.rand(2, 3, 4, 5)
    again = with_colours(grey_pictures(pictures)[:, 0], opponents(pictures))
    assert torch.allclose(again, pictures, atol=1e-5)


def test_a_drawn_frame_has_its_own_brightness():
    frames = (torch.rand(2, 3, 8, 8) * 100 + 80).to(torch.uint8)
    coloured, _ = carry_colours(Member(maps=Windows(4, 4), about=""), LayerMaps(small(), "conv3"), frames, OWN, 4, 0.0)
    drawn = recoloured(frames, coloured)
    assert (grey(drawn).float() - grey(frames).float()).abs().max() <= 2


def test_films_that_stand_still_or_have_one_frame_are_told(scores):
    still = ColourPropagation(film(videos=1, frames=2), change=0.99, **SMALL)(small())
    assert any("lower evaluator.change" in note for note in still.notes) and np.isnan(still.numbers["trained/error"])
    with pytest.raises(ConfigError, match=r"none of the 1 videos.*video0\.mp4 \(it has a single frame"):
        ColourPropagation(film(videos=1, frames=1), **SMALL)(small())
    told = ColourPropagation(film(bad=1), **SMALL)(small())
    assert any("1 videos could not be scored; the first: bad.mp4 (empty)" in note for note in told.notes)
    with pytest.raises(ConfigError, match="change in"):
        ColourPropagation(film(), change=1.0)


def test_what_was_computed_is_kept(tmp_path, monkeypatch, scores):
    settings = SMALL | {"num_shown": 0}
    first = ColourPropagation(film(), horizons=[1, 3, 16], **settings)(small(), folder=tmp_path)
    monkeypatch.setattr("avssl.evaluation.propagation.films.carry_colours", None)
    again = ColourPropagation(film(), horizons=[1, 3, 16], **settings)(small(), folder=tmp_path)
    assert first.table == again.table == scores.table


def test_curves_and_strips_are_drawn(scores):
    assert sorted(scores.pictures) == ["over_time", "strip_0"]
    assert {row["row"] for row in scores.tables["videos"]} == {row["row"] for row in scores.table}
