"""The key-point evaluator: who knows all scores all, who knows nothing scores the mean pose."""

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation import KeyPoints
from avssl.evaluation.keypoints.heads import HeatMaps, Regression, Ridge
from avssl.evaluation.keypoints.people import collect
from avssl.nets import SmallNet, TubeletViT
from avssl.nets.clips import StillClips
from tests.evaluation.worlds import Blind, Dots, Planted

MAIN = "pck@0.2/torso"


def evaluator(**settings):
    known = {"labels": (6, 30), "draws": 2, "heads": [Ridge()], "num_shown": 2, "quiet": True}
    return KeyPoints(**({"train": Dots(40), "test": Dots(10, seed=1)} | known | settings))


def test_an_encoder_that_reveals_the_joints_scores_nearly_all():
    numbers = evaluator()(Planted()).numbers
    assert numbers[f"trained/ridge/30/{MAIN}"] > 0.97
    assert numbers[f"mean pose/30/{MAIN}"] < 0.9


def test_an_encoder_that_says_the_same_of_everything_scores_the_mean_pose():
    scores = evaluator()(Blind())
    for labels in (6, 30):
        for metric in (MAIN, "pck@0.1/torso", "nme/torso", "auc@0.01-0.5x50/torso"):
            blind = scores.numbers[f"trained/ridge/{labels}/{metric}"]
            assert blind == pytest.approx(scores.numbers[f"mean pose/{labels}/{metric}"], abs=1e-6)


def test_the_random_row_the_pixels_and_the_mean_pose_are_always_there():
    scores = evaluator(heads=[Ridge(), Regression(steps=2, batch=4)])(SmallNet(width=4, dim=8))
    rows = {(row["head"], row["row"]) for row in scores.table}
    fine = "fine-tuned"
    both = {(head, row) for head in ("ridge", fine) for row in ("trained", "random")}
    assert rows == both | {("none", "mean pose"), ("ridge", "pixels"), ("ridge", "hog")}
    assert len({tuple(row) for row in scores.table}) == 1  # the same columns everywhere
    assert any("trained − random, ridge, 30 labels" in note for note in scores.notes)
    assert f"trained-random/ridge/30/{MAIN}/low" in scores.numbers


def test_two_ridge_heads_may_read_different_layers_and_pixels_stand_beside_the_first():
    scores = evaluator(heads=[Ridge(), Ridge("output")])(SmallNet(width=4, dim=8))
    rows = {(row["head"], row["row"]) for row in scores.table}
    assert ("ridge, output", "trained") in rows and ("ridge", "pixels") in rows
    assert ("ridge, output", "pixels") not in rows


def test_the_random_row_is_another_initialisation_in_each_draw():
    seeds = []

    def fresh(seed):
        seeds.append(seed)
        return SmallNet(width=4, dim=8)

    evaluator(draws=3, seed=7)(SmallNet(width=4, dim=8), fresh=fresh)
    assert seeds == [7, 8, 9]


def test_label_draws_are_nested_differ_and_take_one_frame_of_a_video():
    judge = evaluator()
    train = collect(judge.train, "training", quiet=True)
    few, many, other = judge.label(train, 6, 0), judge.label(train, 30, 0), judge.label(train, 6, 1)
    assert np.array_equal(few.points, many.points[:6]) and not np.array_equal(few.points, other.points)
    whole = many.points + judge.margin
    owners = {int(train.video[np.flatnonzero((train.points == pose).all((1, 2)))[0]]) for pose in whole}
    assert len(owners) == 30


def test_an_interrupted_evaluation_goes_on_with_what_it_had(tmp_path):
    heads, fits = [Ridge()], []
    call = Ridge.__call__

    class Breaks(Ridge):
        def __call__(self, *arguments):
            fits.append(1)
            if len(fits) == 5:
                raise KeyboardInterrupt
            return call(self, *arguments)

    encoder = SmallNet(width=4, dim=8)
    expected = evaluator(heads=heads)(encoder).numbers
    with pytest.raises(KeyboardInterrupt):
        evaluator(heads=[Breaks()])(encoder, folder=tmp_path)
    before = len(fits)
    numbers = evaluator(heads=[Breaks()])(encoder, folder=tmp_path).numbers
    assert numbers == pytest.approx(expected)
    assert len(fits) - before == 4 + 4 - 4  # random and trained, two numbers of labels, two draws, less those kept


@pytest.mark.parametrize("workers", [1, 2])
def test_heads_that_train_find_the_same_to_the_bit_in_any_number_of_processes(tmp_path, workers):
    heads = [Ridge(), Regression(steps=3, batch=4), HeatMaps(steps=3, batch=4, width=4)]
    encoder = SmallNet(width=2, dim=8)
    alone, beside = (
        evaluator(heads=heads, labels=(6,), workers=count)(encoder, folder=tmp_path / str(count))
        for count in (0, workers)
    )
    assert alone.numbers.keys() == beside.numbers.keys() and alone.table == beside.table
    kept = sorted(path.name for path in (tmp_path / "0").iterdir())
    assert len(kept) > 8 and kept == sorted(path.name for path in (tmp_path / str(workers)).iterdir())
    for name in kept:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / str(workers) / name).read_bytes()


def test_fits_that_are_kept_are_not_trained_again(tmp_path, monkeypatch):
    encoder, settings = SmallNet(width=2, dim=8), {"heads": [Regression(steps=2, batch=4)], "labels": (6,)}
    first = evaluator(**settings)(encoder, folder=tmp_path)
    monkeypatch.delattr(Regression, "__call__")
    assert evaluator(**settings)(encoder, folder=tmp_path).table == first.table


def test_each_video_is_read_once_and_the_bad_ones_are_told():
    train, test = Dots(40, bad=3), Dots(10, seed=1)
    scores = evaluator(train=train, test=test)(Planted())
    assert (train.looks, test.looks) == (40, 10)
    assert scores.protocol["unreadable items"] == ["0-3.mp4"]


def test_tables_hold_every_item_joint_and_threshold():
    scores = evaluator()(Planted())
    tables = {name: list(rows) for name, rows in scores.tables.items()}
    groups = 2 * 5  # numbers of labels; trained, random, pixels, hog, mean pose
    assert len(tables["items"]) == groups * 2 * 20
    assert len(tables["joints"]) == groups * 14 and len(tables["curves"]) == groups * 50
    assert {"row", "head", "labels", "draw", "path", "time", MAIN, "nme/torso"} == set(tables["items"][0])
    assert set(scores.pictures) == {"skeletons", "pck_by_threshold"}


def test_the_protocol_names_all_that_a_score_depends_on():
    protocol = evaluator()(Planted()).protocol
    assert protocol["comparison"] == "<=" and protocol["lost joints"] == "wrong"
    assert protocol["normaliser"] == "torso: neck and right hip + left hip"
    assert protocol["labels"] == [6, 30] and protocol["label draws"] == 2
    assert protocol["heads"]["ridge"] | {"held_out": 0.25, "layer": "map"} == protocol["heads"]["ridge"]
    assert protocol["groups in training and test"] == 0


def test_all_labels_every_item_and_a_second_call_finds_the_same():
    judge = evaluator(labels=(6, "all"), draws=1)
    numbers = judge(Planted()).numbers
    assert f"trained/ridge/40/{MAIN}" in numbers
    assert judge(Planted()).numbers == pytest.approx(numbers, nan_ok=True)


def test_a_preset_is_named_in_every_score_and_told_in_the_notes():
    scores = evaluator(protocol="jhmdb-crw", labels=(6,), draws=1)(Planted())
    plain = {name for name in scores.numbers if "jhmdb-crw:" not in name}
    assert not plain and any(note.startswith("jhmdb-crw: Divides by 0.6") for note in scores.notes)
    assert "pck@0.1" in scores.table[0] and "jhmdb-crw" in scores.title


class Named(Dots):
    """Says what convention its joints follow."""

    def __init__(self, count, skeleton, seed=0):
        super().__init__(count, seed=seed)
        self.skeleton = skeleton


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"labels": (60,)}, r"evaluator\.labels: 60 labels are more than the 40 training items"),
        ({"test": Dots(10)}, r"10 files are in training and in test"),
        ({"skeleton": "flic"}, r"the training items have 14 joints, the skeleton 'flic' has 11: .*; set skeleton: to"),
        ({"train": Dots(40, keypoints=False)}, r"0-0\.mp4 \(training\) has no key points; they come from a manifest"),
        (
            {"train": Named(40, "mpii"), "test": Named(20, "figure", seed=1)},
            r"those of 'mpii', of the test data those of",
        ),
        ({"margin": 10}, r"margin=10 leaves nothing of pictures of 20x20"),
    ],
)
def test_data_that_cannot_be_used_are_one_clear_line(settings, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        evaluator(**settings)(Planted())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"labels": ()}, "needs at least 4 labels"),
        ({"draws": 0}, "needs at least 4 labels"),
        ({"skeleton": "fish"}, "unknown skeleton 'fish'; there is figure"),
        ({"heads": [Ridge(), Ridge()]}, "two heads have the same name"),
        ({"thresholds": (0,)}, "thresholds must be lengths above 0"),
        ({"protocol": "mpii"}, "there is no 'mpii'"),
        ({"labels": ("most",)}, "needs at least 4 labels"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        evaluator(**settings)


def test_one_draw_tells_a_difference_without_an_error():
    notes = evaluator(labels=(6,), draws=1)(Planted()).notes
    assert "±" not in notes[0] and "points of" in notes[0]


def test_an_encoder_of_clips_looks_at_each_picture_as_a_clip_of_equal_frames():
    encoder = TubeletViT(patch=4, width=12, depth=1, heads=2, size=16, frames=4)
    scores = evaluator(heads=[Ridge(layer="norm")], still=4)(encoder)
    assert {row["row"] for row in scores.table} >= {"trained", "random", "pixels", "mean pose"}
    assert scores.protocol["clips"] == "each picture as 4 equal frames"
    with pytest.raises(ValueError, match="multiple of 2 frames"):
        evaluator(still=3)(encoder)


def test_still_clips_show_what_the_encoder_within_makes_of_equal_frames():
    encoder, pictures = TubeletViT(patch=4, width=12, depth=1, heads=2, size=16, frames=4), torch.rand(2, 3, 16, 16)
    clips, still = pictures[:, None].expand(-1, 4, -1, -1, -1), StillClips(encoder, frames=4)
    assert torch.equal(still(pictures), encoder(clips)) and still.layers == encoder.layers
    shown = still.taps(pictures, ["block1"])["block1"]
    assert torch.equal(shown, encoder.taps(clips, ["block1"])["block1"].mean(2))
    with pytest.raises(ValueError, match="needs an encoder of clips"):
        StillClips(SmallNet(width=2, dim=8))
