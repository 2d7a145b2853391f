"""Pictures of dense results show what they should."""

import numpy as np

from avssl.report.overlays import NOBODY, SIDE, boxed, color_of, directions, regions, sheet, thumbnail


def test_classes_have_colours_of_their_own_and_void_is_white():
    colors = {color_of(number, 21) for number in range(21)}
    assert len(colors) == 21
    painted = regions(np.array([[0, 2, 255]]), 3)
    assert painted[0, 1].tolist() == list(color_of(2, 3)) and painted[0, 2].tolist() == list(NOBODY)


def test_normals_are_red_to_the_right_green_up_and_blue_to_the_camera():
    normals = np.array([[1, 0, 0], [0, -1, 0], [0, 0, -2.0], [0, 0, 0]]).T[:, None]
    assert directions(normals)[0].tolist() == [[255, 128, 128], [128, 255, 128], [128, 128, 255], list(NOBODY)]


def test_a_thumbnail_keeps_the_shape_and_hard_pixels():
    picture = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3) * 10
    small = thumbnail(picture)
    assert small.shape == (SIDE // 2, SIDE, 3) and {tuple(one) for one in small.reshape(-1, 3)} == {
        tuple(one) for one in picture.reshape(-1, 3)
    }


def test_boxes_are_drawn_around_their_pixels_whatever_the_size_of_the_picture():
    for side in (24, 960):
        picture = boxed(
            np.zeros((side, side, 3), np.uint8),
            np.array([[-0.5, side / 2 - 0.5, side - 0.5, side - 0.5]]),
            [0],
            ["a"],
            None,
        )
        assert picture.shape == (SIDE, SIDE, 3)
        assert picture[: SIDE // 2 - 2].max() == 0 and picture[SIDE // 2 + 1, 50].tolist() == list(color_of(1, 2))


def test_a_sheet_holds_every_line_and_picture():
    images = [np.full((10, 20, 3), 200, np.uint8)] * 3
    one, two = sheet({"a": images}, "title"), sheet({"a": images, "b": images}, "title")
    assert two.height > one.height and two.width == one.width
