"""Labels carried through small films: what moves is followed, floors stand beside, and results are files."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from avssl.config import ConfigError
from avssl.evaluation import LabelPropagation
from avssl.evaluation.propagation.clips import Clip, read_clip
from avssl.evaluation.propagation.maps import LayerMaps, Windows, features_of, receptive_field, seen_by
from avssl.evaluation.propagation.results import write_masks
from avssl.evaluation.propagation.rows import Member, carry
from avssl.evaluation.propagation.scoring import class_tables, point_scores, region_scores
from avssl.features.propagation.settings import OWN, PRESETS
from avssl.metrics.masks import boundary, jaccard
from avssl.metrics.regions import mean_iou
from avssl.nets import MapNet, SmallClips, SmallNet
from tests.evaluation.propagation.squares import FRAMES, SIDE, Squares


def small(**settings):
    torch.manual_seed(0)
    return MapNet(dim=8, width=4, **settings).eval()


def evaluator(data=None, **settings):
    wanted = {
        "initialisations": 1,
        "num_shown": 1,
        "quiet": True,
        "windows": [4, 8],
        "context": 3,
        "radius": 20,
        "k": 3,
    }
    return LabelPropagation(data or Squares(), **wanted | settings)


def clip(**settings):
    found = read_clip(Squares(**settings), 0, None)
    assert isinstance(found, Clip)
    return found


@pytest.fixture(scope="module")
def scores():
    return evaluator(horizons=[1, 3, 16])(small())


def test_what_moves_is_followed_by_its_pixels_and_not_by_a_copy(scores):
    numbers = scores.numbers
    assert [row["row"] for row in scores.table] == ["copy", "colour", "pixels 4x4", "pixels 8x8", "random", "trained"]
    assert numbers["pixels 8x8/j"] > 0.75 > numbers["copy/j"] and numbers["pixels 8x8/pck@0.1"] > 0.8
    assert numbers["copy/pck@0.1"] == 0.5  # one of the points stands still
    assert numbers["copy/j 1-2"] > numbers["copy/j 3-15"] and np.isnan(numbers["copy/j 16+"])


def test_differences_curves_strips_and_tables_stand_beside(scores):
    assert {"trained-copy/j", "trained-random/f/low", "trained-pixels 8x8/pck@0.1/high"} <= set(scores.numbers)
    assert sorted(scores.pictures) == ["over_time", "strip_0"] and set(scores.tables) == {"scores", "videos"}
    assert any("points of J" in note and "pixels" in note for note in scores.notes)
    assert len(scores.tables["videos"]) == 2 * 6 and scores.protocol["propagation"]["radius"] == 20


def test_differences_of_the_last_stretch_are_those_of_its_frames_alone():
    numbers = evaluator(horizons=[1, 3], num_shown=0)(small()).numbers
    for metric in ("j 3+", "pck@0.1 3+"):
        found = numbers[f"trained-copy/{metric}"]
        assert found == pytest.approx(numbers[f"trained/{metric}"] - numbers[f"copy/{metric}"])
        assert numbers[f"trained-copy/{metric}/low"] <= found <= numbers[f"trained-copy/{metric}/high"]
        assert found != pytest.approx(numbers[f"trained-copy/{metric.split()[0]}"])


def test_copying_scores_what_the_masks_say():
    one = clip()
    masks = carry(Member(maps=None, about=""), one, OWN, 2, 4, 1).masks
    assert masks is not None and one.masks is not None
    scores = region_scores(masks, one.masks, 2)
    assert np.isnan(scores[:, :, [0, -1]]).all() and not np.isnan(scores[:, :, 1:-1]).any()
    for time in range(1, FRAMES - 1):
        assert scores[0, 0, time] == jaccard(one.masks[0] == 1, one.masks[time] == 1)
        assert scores[1, 2, time] == boundary(one.masks[0] > 0, one.masks[time] > 0)
    assert (scores[:, 1, 1:-1] == 1).all()


def test_frames_of_480_by_1152_keep_their_shape_and_what_moves_in_them_is_found():
    """The widest frames of DAVIS; a mix-up of rows and columns shows."""
    height, width, stride = 480, 1152, 8
    scene = torch.randint(256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    frames = torch.stack([scene.roll((stride * time, -2 * stride * time), (1, 2)) for time in range(3)])
    masks = np.zeros((3, height, width), np.uint8)
    for time in range(3):
        masks[time, 80 + stride * time : 240 + stride * time, 800 - 2 * stride * time : 1040 - 2 * stride * time] = 1
    one = Clip(frames=frames, masks=masks, points=None, path="wide.mp4", group="", names=())
    window = Member(maps=Windows(stride, stride), about="")
    found = carry(window, one, replace(OWN, k=1, radius=32), 1, 4, 1).masks
    assert found is not None and found.shape == masks.shape
    assert jaccard(found[2:] == 1, masks[2:] == 1)[0] > 0.95


def test_objects_of_one_pixel_masks_that_vanish_and_void_are_scored():
    one = clip(vanish=3)
    masks = np.copy(one.masks)
    masks[:, 21:28], masks[:, 20, 5:] = 0, 0  # what stands still keeps one pixel
    masks[3] = 255
    scores = region_scores(masks, masks, 2)
    assert np.isnan(scores[:, :, 3]).all() and (scores[:, :, [1, 2, 4]] == 1).all()
    found = carry(Member(maps=Windows(4, 4), about=""), replace(one, masks=masks), OWN, 2, 4, 1)
    assert found.masks is not None and found.masks.shape == masks.shape


@pytest.mark.parametrize("frames", [1, 2])
def test_films_of_one_and_two_frames_count_nothing_for_j_and_f(frames):
    scores = evaluator(Squares(frames=frames))(small())
    assert np.isnan(scores.numbers["trained/j"]) and any("fewer than three frames" in note for note in scores.notes)
    assert ("trained/pck@0.1" in scores.numbers) == (frames == 2)


def test_lost_points_are_wrong_and_authors_leave_them_out():
    truth = np.zeros((3, 4, 2))
    truth[:, 1:3] = [[10, 0], [0, 10]]
    truth[:, 3] = np.nan  # unknown in the first frame
    truth[1:, 3] = 5
    found = np.copy(truth)
    found[1, 1] = np.nan
    found[2, 0] = [1, 0]
    far, without = point_scores(found, truth)
    assert np.isnan(far[0]).all() and np.isnan(far[:, 3]).all()
    assert np.isinf(far[1, 1]) and np.isnan(without[1, 1]) and far[2, 0] == pytest.approx(1 / (0.6 * 200**0.5))


def test_classes_are_scored_by_one_table_and_not_by_the_mean_of_frames():
    truth, found = np.zeros((3, 2, 2), np.uint8), np.zeros((3, 2, 2), np.uint8)
    truth[1], truth[2, 0], found[1, 0], found[2] = 1, 1, 1, 2
    later, first = class_tables(found, truth, 4)
    assert later.sum() == 8 and first.sum() == 4 and first[0, 0] == 4
    assert mean_iou(later) == pytest.approx((0 / 2 + 2 / 6 + 0 / 4) / 3)
    scores = evaluator(Squares(points=False), classes=3)(small())
    assert {"trained/miou", "trained/miou with the first"} <= set(scores.numbers) and "trained/j" not in scores.numbers
    assert scores.numbers["copy/miou with the first"] > scores.numbers["copy/miou"]


def test_numbers_of_masks_can_be_joined_to_objects():
    scores = evaluator(Squares(points=False), objects=[[1, 2]])(small())
    assert scores.numbers["copy/j"] == scores.numbers["copy/j whole"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_runs_and_says_so(preset):
    data = Squares(videos=1, points=False, frames=4)
    short = {} if PRESETS[preset].short is None else {"short": 64}
    scores = evaluator(data, preset=preset, context=None, radius=None, k=None, **short)(small())
    assert scores.protocol["propagation"]["name"] == preset and 0 <= scores.numbers["trained/j"] <= 1
    assert (preset == "ours") != any(f"evaluator of {preset} does" in note for note in scores.notes)


def test_palette_pictures_hold_the_numbers_and_are_as_large_as_the_annotation(tmp_path):
    evaluator(results=tmp_path, num_shown=0)(small())
    names = sorted(path.name for path in (tmp_path / "trained/video1").iterdir())
    assert names == [f"{number:05d}.png" for number in range(FRAMES)]
    with Image.open(tmp_path / "trained/video1/00000.png") as picture:
        assert picture.mode == "P" and picture.size == (SIDE, SIDE) and set(np.unique(picture)) <= {0, 1, 2}
        assert picture.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
    mask = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    write_masks(tmp_path, mask, ["odd"])
    with Image.open(tmp_path / "odd.png") as picture:
        assert np.array(picture).tolist() == mask[0].tolist()


def test_what_was_computed_is_read_back_and_equals_itself(tmp_path, monkeypatch):
    ours = evaluator(num_shown=0)
    first = ours(small(), folder=tmp_path)
    monkeypatch.setattr("avssl.evaluation.propagation.evaluator.carry", None)  # nothing is computed again
    again = ours(small(), folder=tmp_path)
    assert {name: str(value) for name, value in first.numbers.items()} == {
        name: str(value) for name, value in again.numbers.items()
    }


def test_further_rows_have_layers_of_their_own():
    scores = evaluator(others={"small": SmallNet(dim=4, width=2)}, layers={"small": "conv1", "random": "conv2"})(
        small()
    )
    assert "small/j" in scores.numbers
    with pytest.raises(ConfigError, match=r"there is no row 'smal'; there is random, trained"):
        evaluator(layers={"smal": "conv1"})(small())
    with pytest.raises(ConfigError, match="there is a row of that name already"):
        evaluator(others={"trained": small()})(small())


@pytest.mark.parametrize("name", ["copy", "colour", "pixels 4x4"])
def test_a_further_row_never_takes_the_place_of_a_floor(name):
    with pytest.raises(ConfigError, match=rf"{name}: there is a row of that name already"):
        evaluator(others={name: small()})(small())


def test_pictures_are_seen_at_another_size_and_labels_stay_where_they_were():
    one = clip()
    grid, stride, features = features_of(Windows(4, 4), one.frames, replace(OWN, short=64), 3)
    assert stride == (4, 4) and grid.stride == (2, 2) and grid.pixels == (SIDE, SIDE) and grid.cells == (16, 16)
    assert len(list(features)) == FRAMES
    pictures, size = seen_by(one.frames[:1, :, :, :30], OWN, multiple=16)
    assert pictures.shape[-2:] == (32, 32) and size == (32, 30)


def test_frames_that_pass_through_the_encoder_one_by_one_give_the_same():
    one, maps = clip(), Member(maps=LayerMaps(small(), "conv3"), about="")
    single, whole = (carry(maps, one, OWN, 2, batch, 1) for batch in (1, 16))
    assert single.masks is not None and whole.masks is not None and (single.masks == whole.masks).mean() > 0.999
    np.testing.assert_allclose(single.points, whole.points, atol=1e-3)


def test_the_receptive_field_of_maps_is_measured():
    assert receptive_field(LayerMaps(small(), "conv3"), 64) == 15
    assert receptive_field(LayerMaps(small(), "conv3"), 12) is None


def test_windows_of_pixels_lie_around_the_squares_of_one_stride():
    pictures = torch.rand(1, 3, 16, 24)
    plain, wide, mean = (maps(pictures) for maps in (Windows(4, 4), Windows(8, 4), Windows(4, 4, mean=True)))
    assert plain.values.shape == (1, 48, 4, 6) and wide.values.shape == (1, 192, 4, 6) and mean.values.shape[1] == 3
    assert plain.offset == wide.offset == mean.offset == (1.5, 1.5)
    middle = wide.values.view(1, 3, 8, 8, 4, 6)[0, :, 2:6, 2:6, 1, 2]
    torch.testing.assert_close(middle, (pictures[0, :, 4:8, 8:12] - 0.5) / 0.25)


def test_what_cannot_be_is_answered_in_one_line():
    with pytest.raises(
        ConfigError,
        match=r"none of the 2 videos can be scored; the first: video0.mp4 \(it has neither masks \(set masks: true\)",
    ):
        evaluator(Squares(masks=False, points=False))(small())
    with pytest.raises(ConfigError, match="needs an encoder of pictures"):
        evaluator()(SmallClips())
    with pytest.raises(ConfigError, match=r"sides are at least the stride of the maps, 4 px"):
        evaluator(windows=[2])(small())
    with pytest.raises(ConfigError, match="no layer 'conv9'"):
        evaluator(layer="conv9")(small())
    with pytest.raises(ConfigError, match="horizons: frames from 1 on"):
        evaluator(horizons=[6, 1])
    with pytest.raises(ConfigError, match="none of the 1 videos can be scored"):
        evaluator(Squares(videos=1, bad=0), pool=Squares())(small())
    scores = evaluator(Squares(videos=3, bad=1))(small())
    assert any("1 videos could not be scored" in note for note in scores.notes)


def test_cells_that_are_told_apart_carry_masks_as_well_as_cells_can():
    one = clip()
    found = carry(Member(maps=Windows(2, 2), about=""), one, replace(OWN, k=1), 2, 4, 1)
    assert found.masks is not None and one.masks is not None
    assert region_scores(found.masks, one.masks, 2)[0, :, 1:-1].min() > 0.7
