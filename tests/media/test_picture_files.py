"""Every picture is turned as its EXIF says and no other way, is one of the kinds meant, and has its true values."""

import ast
import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin, features

from avssl.data import Pictures
from avssl.media import DecodeTimeout, MediaError, OpenError, open_video
from avssl.media.picture_files import FORMATS, _formats, open_picture
from avssl.media.pictures import read_picture
from tests.media.filming import settle

ROOT = Path(__file__).parents[2]
TAG = 0x0112
KINDS = {
    "a.jpg": {"quality": 100, "subsampling": 0},
    "a.png": {},
    "a.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "jpeg.tif": {"compression": "jpeg", "quality": 100},
    "a.webp": {"lossless": True},
}


def corners() -> Image.Image:
    """A picture that no turn and no mirror leaves as it is: 20 rows, 36 columns."""
    rows, columns = np.mgrid[:20, :36]
    return Image.fromarray(np.stack([rows * 12, columns * 7, 250 - rows * 2 - columns * 5], -1).astype(np.uint8))


def turned(orientation: int) -> np.ndarray:
    image = corners()
    image.getexif()[TAG] = orientation
    return np.asarray(ImageOps.exif_transpose(image)).astype(int)


def ways(path: Path) -> dict[str, np.ndarray]:
    """The pixels by each door that leads to a picture, int (height, width, 3)."""
    with open_video(settle(path)) as video:
        assert (video.info.height, video.info.width) == video.frames([0]).data.shape[-2:]
        film = video.frames([0]).data[0].permute(1, 2, 0).numpy()
    with open_video(path.parent) as video:
        folder = video.frames([0]).data[0].permute(1, 2, 0).numpy()
    item = Pictures(path.parent)[0]["frames"][0, 0].permute(1, 2, 0).numpy()
    found = {"film": film, "folder": folder, "file": read_picture(path), "data": item}
    return {name: pixels.astype(int) for name, pixels in found.items()}


def check(path: Path, expected: np.ndarray) -> None:
    for way, pixels in ways(path).items():
        assert pixels.shape == expected.shape, f"{path.name} by {way}"
        assert np.abs(pixels - expected).mean() < 2, f"{path.name} by {way}"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", KINDS)
def test_each_orientation_of_each_kind_is_applied_once(tmp_path, name, orientation):
    if name.endswith("tif") and not features.check("libtiff"):
        pytest.skip("this Pillow has no libtiff")
    exif = Image.Exif()
    exif[TAG] = orientation
    corners().save(tmp_path / name, exif=exif, **KINDS[name])
    check(tmp_path / name, turned(orientation))


def png(path: Path, chunk: bytes, kind: bytes = b"eXIf") -> None:
    """Write a PNG with a chunk behind its pixels."""
    file = io.BytesIO()
    corners().save(file, "PNG")
    PngImagePlugin.putchunk(tail := io.BytesIO(), kind, chunk)
    whole = file.getvalue()
    path.write_bytes(whole[:-12] + tail.getvalue() + whole[-12:])


def test_exif_behind_the_pixels_of_a_png_counts_for_its_size_too(tmp_path):
    exif = Image.Exif()
    exif[TAG] = 6
    png(tmp_path / "late.png", exif.tobytes().removeprefix(b"Exif\0\0"))
    check(tmp_path / "late.png", turned(6))


def jpeg(path: Path, exif: bytes) -> None:
    corners().save(path, exif=b"Exif\0\0" + exif, quality=100, subsampling=0)


def entry(kind: int, count: int, value: bytes) -> bytes:
    """EXIF of one entry: the orientation, of any type."""
    return b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI4s", TAG, kind, count, value) + bytes(4)


ODD = {
    "zero": entry(3, 1, b"\0\0\0\0"),
    "nine": entry(3, 1, b"\x09\0\0\0"),
    "huge": entry(4, 1, b"\xff\xff\xff\xff"),
    "text": entry(2, 2, b"6\0\0\0"),
    "bytes": entry(7, 4, b"\x06\0\0\0"),
    "no type": entry(99, 1, b"\x06\0\0\0"),
    "a hole": entry(5, 1, b"\xff\xff\xff\x0f"),
    "cut": entry(3, 1, b"\x06\0\0\0")[:14],
    "endless": b"II*\0\x08\0\0\0\xff\xff" + bytes(20),
    "elsewhere": b"II*\0\xff\xff\xff\x7f",
    "no EXIF": b"something else",
    "nothing": b"",
}


@pytest.mark.parametrize("about", ODD)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "late.png", "a.webp"])
def test_an_orientation_that_nobody_knows_leaves_the_picture_as_it_is_stored(tmp_path, name, about):
    if name == "a.jpg":
        jpeg(tmp_path / name, ODD[about])
    elif name == "late.png":
        png(tmp_path / name, ODD[about])
    elif name == "a.png":
        corners().save(tmp_path / name, exif=b"Exif\0\0" + ODD[about])
    else:
        corners().save(tmp_path / name, exif=ODD[about], lossless=True)
    check(tmp_path / name, turned(1))


def test_of_several_orientations_the_first_counts_as_in_pillow(tmp_path):
    jpeg(tmp_path / "a.jpg", entry(3, 2, b"\x06\0\x03\0"))
    check(tmp_path / "a.jpg", turned(6))


def tiff(path: Path, pixels: np.ndarray, bits: int, photometric: int, *more: tuple[int, int, int]) -> None:
    """Write a plain grey TIFF; ``more`` are tags of one short: tag, type, value."""
    data = pixels.astype("<u2").tobytes()
    if bits == 12:
        high, low = pixels.reshape(-1, 2).T
        data = np.stack([high >> 4, (high & 15) << 4 | low >> 8, low & 255], 1).astype(np.uint8).tobytes()
    height, width = pixels.shape
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric), (273, 4, 8)]
    tags = sorted([*tags, (277, 3, 1), (278, 4, height), (279, 4, len(data)), *more])
    rows = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + rows + bytes(4)
    )


@pytest.mark.parametrize("orientation", [0, 9, 1])
def test_an_odd_orientation_of_a_tiff_leaves_it_as_it_is_stored(tmp_path, orientation):
    pixels = np.arange(24).reshape(4, 6) * 257
    tiff(tmp_path / "a.tif", pixels, 16, 1, (TAG, 3, orientation))
    check(tmp_path / "a.tif", np.arange(24).reshape(4, 6, 1).repeat(3, 2))


@pytest.mark.parametrize(
    ("bits", "photometric", "expected"),
    [(16, 1, [0, 64, 128, 255]), (16, 0, [255, 191, 127, 0]), (12, 1, [0, 64, 128, 255])],
)
def test_white_of_a_deep_tiff_is_what_its_header_says(tmp_path, bits, photometric, expected):
    steps = np.array([[0, 64, 128, 255]]) * (257 if bits == 16 else 4095 / 255)
    tiff(tmp_path / "a.tif", np.round(steps).astype(int), bits, photometric)
    assert read_picture(tmp_path / "a.tif")[0, :, 0].tolist() == expected


def test_the_clear_shade_of_a_deep_png_shows_the_ground(tmp_path):
    Image.fromarray(np.array([[0, 30000, 65535]], np.uint16)).save(tmp_path / "a.png", transparency=30000)
    assert read_picture(tmp_path / "a.png", ground=(9, 8, 7))[0].tolist() == [[0] * 3, [9, 8, 7], [255] * 3]


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n%%EOF\n"


@pytest.mark.parametrize(
    "content",
    [EPS, b"\xd7\xcd\xc6\x9a" + bytes(40), b"8BPS\0\1" + bytes(40), b"\n" * 99],
    ids=["EPS", "WMF", "Photoshop", "text"],
)
def test_what_programs_or_other_kinds_would_draw_is_no_picture(tmp_path, content, monkeypatch):
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program was started"))
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for read in (read_picture, lambda path: Pictures(path.parent)[0], lambda path: open_video(path.parent)):
        with pytest.raises(OpenError, match=r"a\.png.*not a picture of a kind that is read here \(.*PNG.*TIFF"):
            read(path)


def test_pillow_opens_the_same_kinds_everywhere():
    assert {"BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF"} <= set(_formats()) <= set(FORMATS)
    bare = []
    for path in (path for part in ("avssl", "tools", "datasets") for path in (ROOT / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Image.open", "PIL.Image.open"):
                bare += [str(path)] * ("formats" not in [word.arg for word in node.keywords])
    assert not bare


def test_a_picture_larger_than_is_honest_is_one_line_and_a_large_one_is_read_in_silence(tmp_path, monkeypatch):
    corners().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert read_picture(tmp_path / "a.png").shape == (20, 36, 3)
    assert not told
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(OpenError, match=r"a\.png: the picture cannot be read: .* make it smaller first"):
        read_picture(tmp_path / "a.png")


def test_a_folder_named_like_a_picture_is_none_of_the_frames(tmp_path):
    (tmp_path / "0.png").mkdir()
    corners().save(tmp_path / "1.png")
    assert len(open_video(tmp_path)) == 1


def test_a_file_that_may_not_be_opened_is_named(tmp_path):
    with (
        pytest.raises(OpenError, match=r"gone\.png: the picture cannot be read: No such file"),
        open_picture(tmp_path / "gone.png", str(tmp_path / "gone.png")),
    ):
        pass


def test_an_animation_that_takes_too_long_to_list_is_stopped(tmp_path):
    shades = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in range(0, 250, 5)]
    shades[0].save(tmp_path / "a.gif", save_all=True, append_images=shades[1:])
    with pytest.raises(DecodeTimeout):
        open_video(tmp_path / "a.gif", timeout=1e-9)


def test_an_animation_that_pillow_trips_over_while_it_counts_is_one_line(tmp_path, monkeypatch):
    corners().save(tmp_path / "a.gif", save_all=True, append_images=[corners().rotate(180)])
    monkeypatch.setattr("PIL.GifImagePlugin.GifImageFile.is_animated", property(lambda _: [][0]))
    with pytest.raises(MediaError, match=r"a\.gif: the picture cannot be read: list index out of range"):
        open_video(tmp_path / "a.gif")


def test_damage_of_every_byte_is_a_picture_or_one_line(tmp_path):
    """Seeded: one byte after another changed, cut, doubled; nothing but our own errors, whatever Pillow trips over."""
    chance, lines = np.random.default_rng(1), []
    exif = Image.Exif()
    exif[TAG], exif[0x010F] = 6, "Maker"
    for kind, options in {"JPEG": {}, "PNG": {}, "TIFF": {"compression": "tiff_lzw"}, "WEBP": {}, "GIF": {}}.items():
        file = io.BytesIO()
        about = {} if kind == "GIF" else {"exif": exif}
        corners().save(file, kind, **options, **about)
        for number in range(30):
            path, content = tmp_path / f"{kind}_{number}_a.png", bytearray(file.getvalue())
            for place in chance.integers(0, len(content), chance.integers(1, 6)):
                content[place] = chance.integers(256)
            path.write_bytes(content[: int(chance.integers(1, len(content) + 1)) if chance.random() < 0.3 else None])
            settle(path)
            for read in (read_picture, lambda path: open_video(path).frames([0])):
                try:
                    read(path)
                except MediaError as error:
                    lines.append(str(error))
    assert len(lines) > 50 and all("a.png" in line and "\n" not in line for line in lines)
