"""Arrays beside recordings: files that are damaged, lack an array or do not fit are named in one line."""

import re
import zipfile

import av
import numpy as np
import pytest
from PIL import Image

from avssl.data import DataError, Scenes, Videos
from avssl.evaluation.sound.boxes import read_boxes
from avssl.sampling import Segments

FRAMES = 12


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 32, 32, "yuv420p"
        for grey in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 20 * grey, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def points(frames=FRAMES, joints=5, kind=np.float32):
    return np.zeros((frames, joints, 2), kind)


def seen(frames=FRAMES, joints=5, kind=bool):
    return np.ones((frames, joints), kind)


def item(folder, film, on_bad="error", **arrays):
    if arrays:
        np.savez(folder / "a.npz", **arrays)
    (folder / "m.csv").write_text(f"path,keypoints\n{film},a.npz\n")
    return Videos(folder / "m.csv", Segments(count=4), on_bad=on_bad)[0]


GONE = points()
GONE[3, 2] = np.nan
HIDDEN = seen()
HIDDEN[3, 2] = False


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"keypoints": points(58), "visible": seen(58)}, "has key points of 58 frames, but the recording has 12"),
        ({"keypoints": points(11), "visible": seen(11)}, "has key points of 11 frames, but the recording has 12"),
        ({"keypoints": points(13), "visible": seen(13)}, "has key points of 13 frames, but the recording has 12"),
        ({"keypoints": points(0), "visible": seen(0)}, "has key points of 0 frames, but the recording has 12"),
        ({"keypoints": points()}, "an array 'visible' is needed; it has keypoints"),
        ({"points": points()}, "an array 'keypoints' is needed; it has points"),
        ({"keypoints": points()[..., :1], "visible": seen()}, "got (12, 5, 1) and (12, 5)"),
        ({"keypoints": points(), "visible": seen(joints=4)}, "got (12, 5, 2) and (12, 4)"),
        ({"keypoints": points(), "visible": seen().all(1)}, "got (12, 5, 2) and (12,)"),
        ({"keypoints": points().astype(str), "visible": seen()}, "'keypoints' should hold numbers; it is of type <U"),
        ({"keypoints": points(kind=complex), "visible": seen()}, "should hold numbers; it is of type complex128"),
        ({"keypoints": points(), "visible": 2 * seen(kind=int)}, "visible should be true or false, 1 or 0"),
        ({"keypoints": points().astype(object), "visible": seen()}, "cannot be read as an .npz (Object arrays cannot"),
        ({"keypoints": GONE, "visible": seen()}, "joint 2 of frame 3 is visible but has no place"),
    ],
)
def test_key_points_that_do_not_fit_are_named_and_may_be_skipped(film, tmp_path, arrays, complaint):
    with pytest.raises(DataError, match=re.escape(complaint)) as error:
        item(tmp_path, film, **arrays)
    assert str(tmp_path / "a.npz") in str(error.value) and "\n" not in str(error.value)
    failure = item(tmp_path, film, on_bad="skip", **arrays)["failure"]
    assert failure["path"] == str(film) and complaint in failure["error"]


def test_a_joint_that_cannot_be_seen_needs_no_place(film, tmp_path):
    found = item(tmp_path, film, keypoints=GONE.astype(np.float64), visible=HIDDEN.astype(np.uint8))
    assert found["visible"].dtype.is_floating_point is False and found["keypoints"].shape == (4, 1, 5, 2)


@pytest.mark.parametrize("damage", ["gone", "empty", "text", "cut", "flipped", "npy", "huge"])
def test_a_damaged_file_of_arrays_is_named(film, tmp_path, damage):
    np.savez(path := tmp_path / "a.npz", keypoints=points(), visible=seen())
    data = path.read_bytes()
    changed = bytearray(data)
    changed[200] ^= 255
    path.write_bytes({"text": b"no arrays", "cut": data[:-60], "flipped": bytes(changed)}.get(damage, b""))
    if damage == "gone":
        path.unlink()
    if damage == "npy":
        with open(path, "wb") as file:
            np.save(file, points())
    if damage == "huge":
        with zipfile.ZipFile(path, "w") as file:
            for name in ("keypoints.npy", "visible.npy"):
                head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**15},), }}".ljust(117) + "\n"
                file.writestr(name, b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
    with pytest.raises(DataError, match=r"a\.npz (cannot be read as an \.npz|does not exist)") as error:
        item(tmp_path, film)
    assert "\n" not in str(error.value)
    assert "failure" in item(tmp_path, film, on_bad="skip")


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"boxes": np.zeros((1, 4))}, "an array 'classes' is needed"),
        ({"boxes": np.zeros(4), "classes": np.zeros(1)}, "boxes should be (boxes, 4)"),
        ({"boxes": np.zeros((2, 4)), "classes": np.zeros(1)}, "got (2, 4) and (1,)"),
        ({"boxes": np.array([[0, 0, np.nan, 1]]), "classes": np.zeros(1)}, "left < right"),
        ({"boxes": np.array([[5, 0, 4, 1]]), "classes": np.zeros(1)}, "left < right"),
    ],
)
def test_boxes_that_are_none_are_named(tmp_path, arrays, complaint):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=re.escape(complaint)):
        read_boxes(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("column", "content"),
    [
        ("mask", b"no mask"),
        ("mask", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xff\xff\x00\x00\xff\xff\x08\x00\x00\x00\x00"),
        ("normals", b"no normals"),
        ("normals", b"PK\x03\x04" + bytes(60)),
    ],
)
def test_annotations_of_a_picture_that_cannot_be_read_are_named(tmp_path, column, content):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "truth").write_bytes(content)
    (tmp_path / "manifest.csv").write_text(f"path,{column}\na.png,truth\n")
    with pytest.raises(DataError, match="truth"):
        Scenes(tmp_path)[0]
    assert "failure" in Scenes(tmp_path, on_bad="skip")[0]
