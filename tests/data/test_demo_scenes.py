"""The demo worlds of pictures: what is told of them is true."""

import numpy as np
import pytest

from avssl.data.demo import PARTS, draw_figure, prepare
from avssl.data.demo.crowd import boxes_of, draw_crowd
from avssl.data.demo.scenes import FRAMES, LOOKS
from avssl.data.demo.solids import draw_solids
from avssl.data.scenes import Scenes


@pytest.fixture(scope="module")
def stills(tmp_path_factory):
    return prepare("stills", tmp_path_factory.mktemp("stills"), train=3, heldout=2, progress=False)


def test_stills_are_frames_of_the_demo_figures_with_their_parts(stills):
    train, heldout = Scenes(stills, "train"), Scenes(stills, "heldout")
    assert (len(train), len(heldout)) == (3, 2 * LOOKS["heldout"])
    drawing = draw_figure((1, 1), style="mirrored", frames=FRAMES)
    item = heldout[LOOKS["heldout"]]  # the second figure's first look
    same = [frame for frame in range(FRAMES) if np.array_equal(drawing.parts[frame], item["mask"].numpy())]
    assert len(same) == 1
    assert np.array_equal(item["frames"][0, 0].permute(1, 2, 0).numpy(), drawing.frames[same[0]])
    assert heldout[4]["group"] == heldout[7]["group"] != heldout[3]["group"]


def test_boxes_are_tight_around_the_parts_that_are_seen(stills):
    item = Scenes(stills, "train")[0]
    names = [name for name, *_ in PARTS]
    mask = item["mask"].numpy()
    for box, kind in zip(item["boxes"].tolist(), item["kinds"].tolist(), strict=True):
        name = Scenes(stills).classes[kind]
        rows, columns = np.nonzero(mask > 0 if name == "figure" else mask == 1 + names.index(name))
        assert box == [columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]


def test_an_object_that_is_hardly_seen_has_no_box():
    parts = np.zeros((20, 20), np.uint8)
    parts[0, :8] = 1 + [name for name, *_ in PARTS].index("torso")
    assert boxes_of(parts) == []
    parts[1, :8] = parts[0, :8]
    assert [box.name for box in boxes_of(parts)] == ["torso", "figure"]


def test_a_crowd_has_figures_at_any_place_whose_boxes_are_tight_where_nobody_hides_them(tmp_path):
    places, counts = [], []
    for seed in range(30):
        crowd = draw_crowd((9, seed))
        figures = [box for box in crowd.boxes if box.name == "figure"]
        counts.append(len(figures))
        places += [box.edges[:2] for box in figures]
        if len(figures) == 1:
            rows, columns = np.nonzero(crowd.parts)
            assert figures[0].edges == (columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5)
    assert set(counts) == {1, 2, 3}
    assert np.std(places, axis=0).min() > 5  # pixels: they are not all in one place
    item = Scenes(prepare("crowd", tmp_path, train=1, heldout=0, progress=False))[0]
    assert item["frames"].shape[-2:] == item["mask"].shape == (96, 96)
    assert len(item["boxes"]) == len(draw_crowd((20, 0)).boxes)


def test_an_interrupted_world_is_finished_and_a_finished_one_is_left_alone(stills):
    (stills / "train" / "00001_0.png").unlink()
    before = (stills / "train" / "00000_0.png").stat().st_mtime_ns
    prepare("stills", stills, train=3, heldout=2, progress=False)
    assert (stills / "train" / "00001_0.png").exists()
    assert (stills / "train" / "00000_0.png").stat().st_mtime_ns == before
    prepare("stills", stills, train=4, heldout=2, progress=False)
    assert len(Scenes(stills, "train")) == 4


def test_the_normals_of_solids_are_of_length_one_and_face_the_camera():
    for seed in range(4):
        solids = draw_solids(seed, size=48)
        place = (np.arange(48) + 0.5) / 48 * 2 - 1
        rays = np.stack([*np.meshgrid(place, place), np.full((48, 48), 1.5)], -1)
        assert np.allclose(np.linalg.norm(solids.normals, axis=-1), 1, atol=1e-6)
        assert ((rays * solids.normals).sum(-1) < 0).all()


def test_no_wall_tells_its_direction_by_its_colour():
    """The mean colour of a picture's surfaces does not correlate with how they face: lights and colours are new."""
    images, facing = zip(
        *((s.image.mean((0, 1)), s.normals.mean((0, 1))) for s in map(draw_solids, range(60))), strict=True
    )
    both = np.corrcoef(np.array(images).T, np.array(facing).T)[:3, 3:]
    assert np.abs(both).max() < 0.45


def test_solids_come_with_their_normals(tmp_path):
    folder = prepare("solids", tmp_path, train=1, heldout=1, progress=False)
    item = Scenes(folder, "heldout")[2]
    assert np.array_equal(item["normals"].permute(1, 2, 0).numpy(), draw_solids((11, 2)).normals)


def test_an_unknown_world_is_told_the_known_ones():
    with pytest.raises(ValueError, match=r"the demo has the worlds figures, figures-arrow .*, stills, crowd, solids"):
        prepare("clouds")
