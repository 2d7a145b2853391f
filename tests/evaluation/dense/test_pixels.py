"""Segmentation and normals: who sees all scores all, who sees nothing scores what knowing nothing scores."""

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation.dense import pixelwise
from avssl.evaluation.dense.fitting import Fitting
from avssl.evaluation.dense.normals import BIN, Directions, measured
from avssl.evaluation.dense.pixels import ColorsAndPlace, PixelNet
from avssl.evaluation.dense.segmentation import Regions
from avssl.metrics import normals
from avssl.nets import SmallNet
from tests.evaluation.dense.evaluators import NAMES, QUICK, segmentation, surfaces
from tests.evaluation.dense.scenery import SIDE, Colors, Grey, Squares


def test_an_encoder_that_tells_the_classes_paints_them_all():
    numbers = segmentation()(Colors()).numbers
    assert numbers["trained/frozen/miou"] > 0.99 and numbers["trained/frozen/pixel accuracy"] > 0.99
    assert numbers["always ground/miou"] < 0.35


def test_an_encoder_that_sees_nothing_paints_the_commonest_class():
    numbers = segmentation()(Grey()).numbers
    assert numbers["trained/frozen/miou"] == pytest.approx(numbers["always ground/miou"])


def test_masks_that_have_nothing_to_do_with_their_pictures_are_not_learned():
    scores = segmentation(train=Squares(40, shuffled=True), test=Squares(10, seed=1, shuffled=True))(Colors())
    assert scores.numbers["trained/frozen/miou"] < scores.numbers["always ground/miou"] + 0.05


def test_an_encoder_that_tells_the_normals_finds_them_all_and_one_that_sees_nothing_says_the_mean():
    knowing, blind = surfaces()(Colors()).numbers, surfaces()(Grey()).numbers
    assert knowing["trained/frozen/mean"] < 8 and knowing["trained/frozen/within 11.25"] > 0.95
    assert blind["trained/frozen/mean"] == pytest.approx(blind["mean normal/mean"], abs=1.5)


@pytest.mark.parametrize("evaluator", [segmentation, surfaces])
def test_every_row_stands_in_the_table_for_every_way_of_tuning(evaluator):
    scores = evaluator(tuning=["frozen", "fine-tuned"], seeds=2, fitting=Fitting(steps=1, batch=4))(
        SmallNet(width=4, dim=8)
    )
    floor = "always ground" if evaluator is segmentation else "mean normal"
    rows = [(row["encoder"], row["row"]) for row in scores.table]
    both = [(tuning, row) for tuning in ("frozen", "fine-tuned") for row in ("random", "trained")]
    assert rows == [("none", floor), ("frozen", "pixels"), *both]
    assert len({tuple(row) for row in scores.table}) == 1
    main = "miou" if evaluator is segmentation else "mean"
    assert {f"trained-random/{way}/{main}/low" for way in ("frozen", "fine-tuned")} <= set(scores.numbers)
    assert scores.notes[0].startswith("trained − random, frozen:")
    assert any(note.startswith("Chance scores") for note in scores.notes)
    assert len(scores.pictures) == 2 and len(list(scores.tables["items"])) == 6 * (1 + 2 + 4 * 2)


def test_the_encoder_that_is_judged_is_not_changed():
    encoder = SmallNet(width=4, dim=8)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    trained = Fitting(steps=2, batch=4, batch_norm="trained")
    segmentation(tuning=["fine-tuned"], fitting=trained)(encoder)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_each_seed_has_another_random_encoder_and_other_pictures():
    seeds = []

    def fresh(seed):
        seeds.append(seed)
        return SmallNet(width=4, dim=8)

    evaluator = segmentation(seeds=3, seed=7, pictures=4, fitting=Fitting(steps=1, batch=2))
    evaluator(SmallNet(width=4, dim=8), fresh=fresh)
    assert seeds == [7, 8, 9]
    chosen = [evaluator.plan.chosen(fit) for fit in range(3)]
    assert len({tuple(each) for each in chosen}) == 3 and {len(each) for each in chosen} == {4}


def test_an_interrupted_evaluation_goes_on_with_what_it_had(tmp_path, monkeypatch):
    fits, plain = [], pixelwise.fit

    def breaks(*arguments):
        fits.append(1)
        if len(fits) == 4:
            raise KeyboardInterrupt
        return plain(*arguments)

    encoder, quick = SmallNet(width=4, dim=8), Fitting(steps=2, batch=4)
    expected = segmentation(seeds=2, fitting=quick)(encoder).numbers
    monkeypatch.setattr(pixelwise, "fit", breaks)
    with pytest.raises(KeyboardInterrupt):
        segmentation(seeds=2, fitting=quick)(encoder, folder=tmp_path)
    assert segmentation(seeds=2, fitting=quick)(encoder, folder=tmp_path).numbers == pytest.approx(expected)
    assert len(fits) == 4 + 3  # pixels, random, trained of two seeds; three were kept
    segmentation(seeds=2, fitting=Fitting(steps=3, batch=4))(encoder, folder=tmp_path)
    assert len(fits) == 7 + 6  # another schedule is another fit


def test_other_processes_find_the_same_to_the_bit(monkeypatch):
    encoder, settings = SmallNet(width=4, dim=8), {"fitting": Fitting(steps=2, batch=4), "tuning": ["fine-tuned"]}
    alone = segmentation(**settings, workers=0)(encoder)
    monkeypatch.delattr(pixelwise.PixelWork, "__call__")  # of this process: it does none of the work
    beside = segmentation(**settings, workers=1)(encoder)
    np.testing.assert_equal(dict(beside.numbers), dict(alone.numbers))
    assert list(beside.tables["items"]) == list(alone.tables["items"])


def test_a_picture_that_cannot_be_read_is_left_out_on_both_sides():
    scores = segmentation(train=Squares(bad=0), test=Squares(6, seed=1, bad=0))(Colors())
    assert len({row["path"] for row in scores.tables["items"]}) == 5
    assert scores.numbers["trained/frozen/miou"] > 0.99


def test_pictures_of_different_sizes_are_judged_whole_each_in_its_own():
    class Odd(Squares):
        def __getitem__(self, key):
            item = super().__getitem__(key)
            if int(item["path"].split("-")[1][:-4]) % 2:
                item |= {"frames": item["frames"][..., :20, :], "mask": item["mask"][:20]}
            return item

    odd = segmentation(test=Odd(6, seed=1))(Colors())
    assert odd.numbers["trained/frozen/miou"] > 0.99
    cut = segmentation(
        train=Odd(), test=Odd(6, seed=1), fitting=Fitting(steps=40, batch=4, optim=QUICK.optim, crop=(20, 24))
    )
    assert cut(Colors()).numbers["trained/frozen/miou"] > 0.99


def test_several_layers_add_what_they_say():
    numbers = segmentation(layers=["conv1", "conv3"], fitting=Fitting(steps=2, batch=4))(
        SmallNet(width=4, dim=8)
    ).numbers
    assert np.isfinite(numbers["trained/frozen/miou"])
    network = PixelNet(Colors(), ["map"], torch.tensor([1.0, 2.0, 3.0]), 0, torch.rand(1, 3, 6, 7))
    assert torch.equal(network.eval()(torch.rand(2, 3, 6, 7))[1, :, 3, 4], torch.tensor([1.0, 2.0, 3.0]))


def test_colours_and_places_are_twenty_numbers_of_each_pixel():
    found = ColorsAndPlace().taps(torch.full((1, 3, 4, 5), 0.75), ["pixels"])["pixels"]
    assert found.shape == (1, 20, 4, 5)
    assert found[0, :5, 0, 4].tolist() == [1, 1, 1, -1, 1]  # red, green, blue, down, right
    assert found[0, 5:, 0, 4].tolist() == [1, 1, 1, -1, 1, 1, 1, -1, 1, 1, -1, 1, 1, -1, 1]


def test_the_loss_of_regions_leaves_void_out_and_that_of_directions_the_unknown():
    said = torch.zeros(1, 2, 1, 3)
    assert float(Regions(2).loss(said, torch.tensor([[[0, 1, 255]]]))) == pytest.approx(np.log(2))
    assert float(Regions(2).loss(said, torch.full((1, 1, 3), 255))) == 0
    truth = torch.tensor([[0.0, 0, 1], [1, 0, 0], [1, 0, 0]]).T.reshape(1, 3, 1, 3)
    said = torch.tensor([[0.0, 0, 2], [0, 3, 0], [5, 0, 0]]).T.reshape(1, 3, 1, 3)
    assert float(Directions().loss(said, truth)) == pytest.approx((0 + 1 + 0) / 3)
    truth[..., 0] = 0
    assert float(Directions().loss(said, truth)) == pytest.approx(0.5)


def test_scores_from_sums_and_bins_equal_those_of_all_angles():
    rng = np.random.default_rng(0)
    said, truth = rng.normal(size=(2, 4, 3, 9, 8)).astype(np.float32)
    truth[:, :, :2] = 0
    stats = np.stack([Directions().measure(*pair) for pair in zip(said, truth, strict=True)])
    errors = normals.angles(said.transpose(0, 2, 3, 1), truth.transpose(0, 2, 3, 1))
    scores = measured(stats)
    assert scores["mean"] == pytest.approx(normals.mean(errors), abs=1e-4)
    assert scores["rmse"] == pytest.approx(normals.rmse(errors), abs=1e-4)
    assert scores["median"] == pytest.approx(normals.median(errors), abs=2.5)  # few pixels: neighbours lie apart
    assert scores["within 30"] == pytest.approx(normals.within(errors, 30))
    many = np.repeat(rng.uniform(0, 90, 20_001), 1)
    tilted = np.stack([np.sin(np.radians(many)), np.cos(np.radians(many)), 0 * many])[:, None]
    upright = np.broadcast_to(np.array([0, 1.0, 0])[:, None, None], tilted.shape)
    assert measured(Directions().measure(tilted, upright)[None])["median"] == pytest.approx(
        np.median(many), abs=BIN / 4
    )


def test_the_protocol_names_all_that_a_score_depends_on():
    protocol = segmentation(pictures=5, absent=0.0)(Colors()).protocol
    assert protocol["classes"] == NAMES and protocol["training pictures"] == 5 and protocol["test pictures"] == 6
    assert protocol["absent classes"] == "count as 0" and protocol["head"] == "linear"
    assert protocol["fitting"]["steps"] == 40


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"train": Squares(lacks="mask")},
            r"0-0\.png \(training\) has no mask; it comes from a manifest with a column",
        ),
        ({"classes": ["ground", "red"]}, r"names 2 classes, 0 to 1, but the masks paint 2; name all of them"),
        ({"layers": ["fc"]}, "layers: fc of SmallNet is a vector, no map"),
        ({"layers": ["conv9"]}, "SmallNet has no layer 'conv9'"),
        ({"pictures": 99}, r"evaluator\.pictures: 99 are more than the 12 training pictures"),
        ({"test": Squares(1, seed=1, bad=0)}, "none of the 1 test pictures can be read"),
        ({"test": Squares(0)}, "there are no test pictures"),
        ({"extra": {"pixels": "runs/x"}}, r"evaluator\.extra\.pixels: there is a row of that name"),
    ],
)
def test_data_and_settings_that_cannot_be_used_are_one_clear_line(settings, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        segmentation(**{"fitting": Fitting(steps=1, batch=2)} | settings)(SmallNet(width=4, dim=8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"seeds": 0}, "needs at least 1 seed and 1 tuning"),
        ({"tuning": []}, "needs at least 1 seed and 1 tuning"),
        ({"tuning": ["frozen", "frozen"]}, "tuning names a way twice"),
        ({"pictures": 0}, "pictures is None for all, or at least 1"),
        ({"classes": ["one"]}, "needs at least 2 classes"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        segmentation(**settings)


def test_without_known_normals_nothing_is_learned_and_that_is_told():
    class Unknown(Squares):
        def __getitem__(self, key):
            item = super().__getitem__(key)
            return item | {"normals": torch.zeros(3, SIDE, SIDE)}

    with pytest.raises(ConfigError, match="no training pixel has a known normal"):
        surfaces(train=Unknown())(Colors())
