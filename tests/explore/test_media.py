"""What rows are of: played from the file where a browser can, drawn by this machine where not."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avssl.explore.media import Medium, kind_of, media_of, picture_of
from avssl.media.errors import MediaError
from tests.explore.asking import rows_of
from tests.media.filming import Sheet, film, read_numbers, settle


def medium(path, start=0.0, end=0.0, kind="drawn"):
    return Medium(kind=kind, path=Path(path), start=start, end=end, item=0)


def shown(data):
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("name", "kind", "moment"),
    [
        ("a.mp4", "film", "drawn"),
        ("A.MOV", "film", "drawn"),
        ("a.avi", "drawn", "drawn"),
        ("a.wav", "sound", "sound"),
        ("a.aif", "nothing", "nothing"),
        ("a.jpg", "picture", "picture"),
        ("a.tif", "drawn", "drawn"),
        ("a.txt", "nothing", "nothing"),
    ],
)
def test_what_browsers_play_is_played_and_a_moment_of_a_film_is_drawn(name, kind, moment):
    assert (kind_of(Path(name), lasts=True), kind_of(Path(name), lasts=False)) == (kind, moment)


def test_a_row_in_no_file_of_its_own_is_drawn_where_its_data_is_at_hand(tmp_path):
    (tmp_path / "a.mp4").touch()
    rows = rows_of([tmp_path / "a.mp4", tmp_path / "packed/00012"], start=1.0, end=2.5)
    film, drawn = media_of(rows, drawable=True)
    assert (film.kind, film.start, film.end, film.item) == ("film", 1.0, 2.5, 0)
    assert (drawn.kind, drawn.item) == ("drawn", 1)
    assert media_of(rows, drawable=False)[1].kind == "nothing"


@pytest.mark.parametrize(("start", "end", "frame"), [(0.4, 0.8, 15), (0.0, 0.0, 0), (0.36, 0.36, 9), (99.0, 99.0, 23)])
def test_the_picture_of_a_part_is_the_frame_in_its_middle(tmp_path, start, end, frame):
    film(tmp_path / "a.mp4", Sheet(frames=24))
    settle(tmp_path / "a.mp4")
    assert read_numbers(shown(picture_of(medium(tmp_path / "a.mp4", start, end)))[None]) == [frame]


def test_a_picture_that_browsers_do_not_show_is_turned_into_one(tmp_path):
    Image.new("RGB", (30, 20), (200, 10, 30)).save(tmp_path / "a.tif")
    picture = shown(picture_of(medium(tmp_path / "a.tif")))
    assert picture.shape == (20, 30, 3) and picture[0, 0].tolist() == [200, 10, 30]


def test_what_lies_in_no_file_is_what_the_data_set_draws():
    def draw(one):
        return np.full((3, 4, 5), 10 + one.item, np.uint8)

    assert (shown(picture_of(medium("packed/3"), draw)) == 10).all()
    assert picture_of(medium("packed/3")) is None


def test_a_sound_has_no_picture_and_a_broken_film_is_told(tmp_path):
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.avi").write_bytes(b"no film")
    settle(tmp_path / "a.avi")
    assert picture_of(medium(tmp_path / "a.wav")) is None
    with pytest.raises(MediaError, match=r"a\.avi"):
        picture_of(medium(tmp_path / "a.avi"))
