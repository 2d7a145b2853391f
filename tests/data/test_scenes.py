"""Annotated pictures: boxes, masks and normals come along with their picture, and slips are told."""

import numpy as np
import pytest
import torch
from PIL import Image

from avssl.data import DataError
from avssl.data.boxes import Box, read_boxes, write_boxes
from avssl.data.scenes import Scenes, nearest

MANIFEST = """path,split,group,boxes,mask,normals
a.png,train val,one,-0.5 -0.5 3.5 1.5 dog | 1.5 0.5 5.5 3.5 ?cat,a_mask.png,a.npz
b.png,val,,,,
"""


@pytest.fixture
def root(tmp_path):
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[:, 3:] = 200
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(picture).save(tmp_path / "b.png")
    mask = Image.fromarray((picture[..., 0] > 100).astype(np.uint8) * 7).convert("P")
    mask.putpalette([255, 0, 0] * 256)
    mask.save(tmp_path / "a_mask.png")
    normals = np.zeros((4, 6, 3), np.float32)
    normals[:, :3] = (1, 0, 0)
    np.savez(tmp_path / "a.npz", normals=normals)
    (tmp_path / "manifest.csv").write_text(MANIFEST)
    return tmp_path


def test_annotations_come_with_their_picture(root):
    scenes = Scenes(root, split="train")
    item = scenes[0]
    assert len(scenes) == 1 and scenes.classes == ["cat", "dog"]
    assert item["frames"].shape == (1, 1, 3, 4, 6) and item["group"] == "one"
    assert item["boxes"].tolist() == [[-0.5, -0.5, 3.5, 1.5], [1.5, 0.5, 5.5, 3.5]]
    assert item["kinds"].tolist() == [1, 0] and item["ignored"].tolist() == [False, True]
    assert item["mask"].tolist() == [[0, 0, 0, 7, 7, 7]] * 4
    assert item["normals"][0, 0].tolist() == [1, 1, 1, 0, 0, 0]


def test_another_size_moves_boxes_and_picks_the_nearest_pixels(root):
    item = Scenes(root, split="train", size=(8, 3))[0]
    assert item["frames"].shape[-2:] == (8, 3)
    assert item["boxes"][0].tolist() == [-0.5, -0.5, 1.5, 3.5]  # the same pixels: edges at the picture's stay there
    assert item["mask"].tolist() == [[0, 7, 7]] * 8
    assert item["normals"][:, 0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_a_picture_may_lack_what_others_have(root):
    scenes = Scenes(root, split="val")
    assert len(scenes) == 2
    bare = scenes[1]
    assert bare["boxes"].shape == (0, 4) and "mask" not in bare and "normals" not in bare
    assert bare["group"] == "b.png"


def test_boxes_survive_writing_and_reading():
    boxes = (
        Box(edges=(-0.5, 0.25, 7.5, 9.5), name="potted plant", ignored=True),
        Box(edges=(0, 0, 1000.5, 3), name="dog"),
    )
    assert read_boxes(write_boxes(boxes)) == boxes
    assert read_boxes("") == () and write_boxes(()) == ""


def test_nearest_keeps_every_value_and_equals_pixels_repeated():
    values = torch.arange(6).reshape(2, 3)
    assert nearest(values, (4, 6)).tolist() == values.repeat_interleave(2, 0).repeat_interleave(2, 1).tolist()
    assert nearest(values, (2, 3)) is values


def test_the_fingerprint_changes_with_an_annotation(root):
    scenes = Scenes(root, split="train")
    before = scenes.fingerprint(0)
    np.savez(root / "a.npz", normals=np.ones((4, 6, 3)), more=np.zeros(9))
    assert scenes.fingerprint(0) != before


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1 2 3 dog", "'1 2 3 dog' is no box; write: left top right bottom name"),
        ("1 2 x 4 dog", "is no box"),
        ("5 2 5 4 dog", "has no extent; left < right and top < bottom"),
    ],
)
def test_a_box_written_wrongly_is_told(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_boxes(text)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda root: (root / "a.png").unlink(), "there is no such picture"),
        (lambda root: (root / "a_mask.png").unlink(), "the mask cannot be read"),
        (lambda root: Image.new("RGB", (6, 4)).save(root / "a_mask.png"), "a mask of mode RGB; classes are the values"),
        (lambda root: Image.new("L", (5, 4)).save(root / "a_mask.png"), "the mask is 5x4, its picture 6x4"),
        (lambda root: np.savez(root / "a.npz", other=1), "an .npz with an array 'normals' is needed"),
        (lambda root: np.savez(root / "a.npz", normals=np.zeros((2, 2, 3))), r"normals are \(2, 2, 3\), the picture"),
    ],
)
def test_a_bad_picture_or_annotation_is_told_or_left_out(root, spoil, complaint):
    spoil(root)
    with pytest.raises(ValueError, match=complaint):
        Scenes(root, split="train")[0]
    failure = Scenes(root, split="train", on_bad="skip")[0]["failure"]
    assert failure["path"].endswith("a.png")


def test_a_source_that_is_none_is_told(root, tmp_path):
    with pytest.raises(ValueError, match="no row has split 'test'; there is 'train', 'val'"):
        Scenes(root, split="test")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no manifest\.csv; annotated pictures come from a manifest"):
        Scenes(tmp_path / "empty")
    with pytest.raises(ValueError, match="nowhere does not exist"):
        Scenes(tmp_path / "nowhere")
    (root / "manifest.csv").write_text("file\na.png\n")
    with pytest.raises(ValueError, match="needs a header with a column 'path'"):
        Scenes(root)


def test_data_errors_are_those_of_data(root):
    Image.new("L", (5, 4)).save(root / "a_mask.png")
    with pytest.raises(DataError):
        Scenes(root, split="train")[0]
