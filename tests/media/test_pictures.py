"""Pictures come through the same door as video, in their true colours, in order, and on time."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from avssl.media import DecodeError, OpenError, TooShort, open_video
from avssl.media.pictures import natural
from avssl.sampling import Clips

RED, GREEN = (220, 30, 40), (20, 200, 60)


def halves(height: int = 24, width: int = 32, left=RED, right=GREEN) -> np.ndarray:
    """Two colours side by side, uint8 (height, width, 3)."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:, : width // 2], picture[:, width // 2 :] = left, right
    return picture


def read(path, **options) -> np.ndarray:
    with open_video(path, **options) as video:
        return video.frames([0]).data[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_a_lossless_picture_is_read_as_it_was_written(tmp_path, suffix):
    path = tmp_path / f"one.{suffix}"
    Image.fromarray(halves()).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert (read(path) == halves()).all()


def test_a_picture_is_a_video_of_one_frame(tmp_path):
    path = tmp_path / "one.jpg"
    Image.fromarray(halves()).save(path, quality=95)
    with open_video(path) as video:
        assert len(video) == 1 and video.info.container == "pictures" and video.info.codec == "jpeg"
        assert (video.info.height, video.info.width) == (24, 32) and video.info.sound is None
        assert np.abs(video.at([0.0, 9.0]).data[1, :, 12, 4].numpy() - np.array(RED)).max() < 8
        with pytest.raises(OpenError, match="no sound stream"):
            video.sound([[0.0, 1.0]], 16000)


def test_bytes_files_and_openers_of_a_picture_give_the_same_pixels(tmp_path):
    path = tmp_path / "one.png"
    Image.fromarray(halves()).save(path)
    with path.open("rb") as file:
        for source in (path.read_bytes(), file, lambda: path.open("rb")):
            assert (read(source) == halves()).all()
        assert not file.closed


@pytest.mark.parametrize(
    ("name", "picture", "expected"),
    [
        ("grey.png", Image.new("L", (8, 6), 90), (90, 90, 90)),
        ("one_bit.png", Image.new("1", (8, 6), 1), (255, 255, 255)),
        ("palette.png", Image.new("RGB", (8, 6), RED).convert("P", palette=Image.Palette.ADAPTIVE), RED),
        ("half_clear.png", Image.new("RGBA", (8, 6), (200, 100, 50, 128)), (100, 50, 25)),
        ("clear.png", Image.new("RGBA", (8, 6), (200, 100, 50, 0)), (0, 0, 0)),
        ("grey_alpha.png", Image.new("LA", (8, 6), (200, 128)), (100, 100, 100)),
        ("cmyk.tiff", Image.new("CMYK", (8, 6), (0, 255, 255, 0)), (255, 0, 0)),
        ("deep.png", Image.fromarray(np.full((6, 8), 257 * 130, np.uint16)), (130, 130, 130)),
        ("deep.tiff", Image.fromarray(np.full((6, 8), 65535, np.uint16)), (255, 255, 255)),
    ],
)
def test_every_kind_of_picture_becomes_rgb_with_alpha_on_black(tmp_path, name, picture, expected):
    picture.save(tmp_path / name)
    pixels = read(tmp_path / name)
    assert pixels.shape == (6, 8, 3) and np.abs(pixels.astype(int) - expected).max() <= 1


def test_a_cmyk_jpeg_is_not_inverted(tmp_path):
    Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(tmp_path / "cyan.jpg", quality=95)
    assert np.abs(read(tmp_path / "cyan.jpg").astype(int) - (0, 255, 255)).max() <= 4


def test_orientation_in_exif_is_applied_to_pixels_and_to_the_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to display
    Image.fromarray(halves()).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    with open_video(tmp_path / "turned.jpg") as video:
        assert (video.info.height, video.info.width) == (32, 24)
        pixels = video.frames([0]).data[0]
    assert np.abs(pixels[:, 2, 12].numpy() - np.array(RED)).max() < 8  # left has become top
    assert np.abs(pixels[:, 29, 12].numpy() - np.array(GREEN)).max() < 8


def test_pictures_are_resized_by_area_like_video(tmp_path):
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    Image.fromarray(checks.astype(np.uint8)).save(tmp_path / "checks.png")
    small = read(tmp_path / "checks.png", size=(8, 16))
    assert small.shape == (8, 16, 3) and np.abs(small.astype(int) - 127).max() <= 2  # no aliasing
    assert read(tmp_path / "checks.png", size=16).shape == (16, 16, 3)


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 9, 10, 11):
        Image.new("RGB", (20, 16), (number * 20, 0, 0)).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes(b"not a picture either")
    return tmp_path


def test_a_folder_of_pictures_is_a_video_in_natural_order(folder):
    with open_video(folder) as video:
        assert len(video) == 5 and video.info.constant_rate and not video.info.sound
        np.testing.assert_allclose(video.timeline.times, np.arange(5) / 25)
        assert video.timeline.end == pytest.approx(0.2)
        assert video.frames([4, 0, 2, 2]).data[:, 0, 8, 8].tolist() == [220, 20, 180, 180]
        assert video.report.decoded == 3
        assert video.at([0.0, 0.13, 7.0]).index.tolist() == [0, 3, 4]
        index = np.array([[0, 1], [3, 4]])
        clips = Clips(index=index, times=index / 25, valid=np.array([[True, True], [True, False]]))
        frames = video.read(clips)
        assert frames.data.shape == (2, 2, 3, 16, 20) and frames.valid.tolist() == [[True, True], [True, False]]
        with pytest.raises(TooShort):
            video.frames([5])


def test_a_folder_is_shown_at_the_rate_asked_for(folder):
    with open_video(folder, rate=30000 / 1001) as video:
        for reader in (video, pickle.loads(pickle.dumps(video))):
            np.testing.assert_allclose(reader.timeline.times, np.arange(5) * 1001 / 30000)
            assert reader.timeline.end == pytest.approx(5 * 1001 / 30000)
            assert reader.info.duration == pytest.approx(reader.timeline.end)
    with open_video(folder) as video:  # the rate is not kept for others
        assert video.timeline.end == pytest.approx(0.2)


def test_a_rate_that_makes_no_sense_is_refused(folder, tmp_path_factory):
    with pytest.raises(ValueError, match="above 0"):
        open_video(folder, rate=0)
    path = tmp_path_factory.mktemp("moving") / "moving.gif"
    pictures = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 200)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=50)
    with pytest.raises(ValueError, match=r"moving\.gif: rate is for folders"):
        open_video(path, rate=30)


def test_a_reader_of_a_folder_pickles_and_sees_what_is_added(folder):
    with open_video(folder, size=8) as video:
        again = pickle.loads(pickle.dumps(video))
        assert torch.equal(again.frames([3]).data, video.frames([3]).data)
    Image.new("RGB", (20, 16)).save(folder / "frame12.png")
    assert len(open_video(folder)) == 6


def test_mixed_sizes_are_refused_by_name_or_resized_on_request(folder):
    Image.new("RGB", (10, 10), (9, 0, 0)).save(folder / "frame12.png")
    with open_video(folder) as video, pytest.raises(DecodeError, match=r"frame12\.png.*10x10.*20x16.*size=") as caught:
        video.frames([0, 5])
    assert "frame12.png" in str(pickle.loads(pickle.dumps(caught.value)))
    with open_video(folder, size=(8, 12)) as video:
        assert video.frames([0, 5]).data[:, 0, 4, 4].tolist() == [20, 9]


def test_an_empty_folder_is_one_clear_error(tmp_path):
    with pytest.raises(OpenError, match="holds no pictures"):
        open_video(tmp_path)


def test_a_truncated_picture_names_the_file_and_the_rest_can_be_read(folder):
    whole = (folder / "frame9.png").read_bytes()
    noise = np.random.default_rng(0).integers(0, 255, (16, 20, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "frame9.png")
    broken = (folder / "frame9.png").read_bytes()
    (folder / "frame9.png").write_bytes(broken[: len(broken) // 2])
    assert len(whole) < len(broken)
    with open_video(folder) as video, pytest.raises(DecodeError, match=r"frame9\.png.*cannot be read"):
        video.frames([1, 2, 3])
    with open_video(folder, on_error="truncate") as video:
        frames = video.frames([1, 2, 3])
        assert frames.valid.tolist() == [True, False, True] and not frames.data[1].any()
        assert frames.data[[0, 2], 0, 8, 8].tolist() == [40, 200]


def test_a_file_that_only_looks_like_a_picture_is_one_clear_error(tmp_path):
    (tmp_path / "fake.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    with pytest.raises(OpenError, match=r"fake\.png.*picture"):
        open_video(tmp_path / "fake.png").frames([0])


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_an_animation_keeps_its_frames_and_their_times(tmp_path, suffix):
    shades = [10, 90, 170, 250]
    pictures = [Image.new("RGB", (24, 18), (shade, shade, shade)) for shade in shades]
    path = tmp_path / f"moving.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 40, 200, 60], loop=0, **options)
    with open_video(path) as video:
        assert len(video) == 4 and not video.info.constant_rate
        np.testing.assert_allclose(video.timeline.times, [0, 0.1, 0.14, 0.34])
        assert video.timeline.end == pytest.approx(0.4)
        for wanted in ([3], [2, 0], [1, 3, 1]):
            assert video.frames(wanted).data[:, 1, 9, 9].tolist() == [shades[frame] for frame in wanted]
        assert video.report.decoded == 4
        assert video.at([0.12, 0.3]).index.tolist() == [1, 2]


def test_gif_frames_that_claim_no_time_last_as_long_as_in_a_browser(tmp_path):
    pictures = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 100, 200)]
    pictures[0].save(tmp_path / "fast.gif", save_all=True, append_images=pictures[1:], duration=0)
    with open_video(tmp_path / "fast.gif") as video:
        np.testing.assert_allclose(video.timeline.times, [0, 0.1, 0.2])


def test_transparent_parts_of_a_gif_keep_the_picture_before(tmp_path):
    first = Image.new("P", (8, 8), 1)
    first.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10])
    second = Image.new("P", (8, 8), 0)
    second.putpalette(first.getpalette())
    second.paste(2, (0, 0, 4, 8))
    first.save(tmp_path / "over.gif", save_all=True, append_images=[second], transparency=0, disposal=1, duration=50)
    with open_video(tmp_path / "over.gif") as video:
        shown = video.frames([1]).data[0]
    assert shown[:, 4, 1].tolist() == [10, 200, 10] and shown[:, 4, 6].tolist() == [200, 10, 10]


def test_names_sort_as_people_count():
    names = ["img2.png", "img10.png", "Img1.png", "10.png", "9.png", "a1b10", "a1b9"]
    assert sorted(names, key=natural) == ["a1b9", "a1b10", "Img1.png", "img2.png", "img10.png", "9.png", "10.png"]
