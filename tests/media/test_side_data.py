"""What travels beside a frame (EXIF, or what a newer FFmpeg adds) costs no frame; only the way to turn it counts."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from avssl.media import open_video
from avssl.media.headers import display_matrix
from tests.media.filming import draw, read_numbers

FRAMES = 10


def stills(orientation: int | None = None) -> list[bytes]:
    """JPEG pictures of numbers, with EXIF as a camera writes it."""
    about, written = Image.Exif(), []
    about[0x010F] = "Maker"
    if orientation:
        about[0x0112] = orientation
    for number in range(FRAMES):
        file = io.BytesIO()
        Image.fromarray(draw(number, (64, 96))).save(file, "JPEG", exif=about, quality=95)
        written.append(file.getvalue())
    return written


def film(path, orientation: int | None = None):
    """Write the pictures one behind another, or into a container."""
    pictures = stills(orientation)
    if path.suffix == ".mjpeg":
        path.write_bytes(b"".join(pictures))
        return path
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for number, picture in enumerate(pictures):
            packet = av.Packet(picture)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 25)
            out.mux(packet)
    return path


@pytest.mark.parametrize("suffix", ["mjpeg", "avi", "mov", "mkv"])
def test_frames_with_exif_are_all_counted_and_shown(tmp_path, suffix):
    with open_video(film(tmp_path / f"cam.{suffix}")) as video:
        assert len(video) == FRAMES and video.info.rotation == 0
        shown = video.frames(range(FRAMES)).data
    assert read_numbers(shown.movedim(-3, -1).numpy()) == list(range(FRAMES))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_camera_s_frames_is_applied_as_for_a_picture(tmp_path, orientation):
    path = film(tmp_path / "cam.avi", orientation)
    with av.open(str(path)) as container:
        if orientation > 1 and not display_matrix(next(container.decode(video=0))):
            pytest.skip("this FFmpeg does not read the orientation of JPEG frames")
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(stills(orientation)[3]))))
    with open_video(path) as video:
        assert (video.info.height, video.info.width) == expected.shape[:2]
        shown = video.frames([3]).data[0].movedim(0, -1).numpy()
    assert np.abs(shown.astype(int) - expected).mean() < 6


def test_pictures_in_tiff_make_a_film(tmp_path):
    path = tmp_path / "scan.mov"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("tiff", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "rgb24"
        for number in range(FRAMES):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(draw(number, (64, 96)), format="rgb24")))
        out.mux(stream.encode())
    with open_video(path) as video:
        assert len(video) == FRAMES
        assert read_numbers(video.frames(range(FRAMES)).data.movedim(-3, -1).numpy()) == list(range(FRAMES))
