"""Detection: Faster R-CNN on every encoder, its scores, and what chance scores."""

from functools import partial

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation import Detector
from avssl.evaluation.dense import detection
from avssl.evaluation.dense.detection import objects_of
from avssl.evaluation.dense.detection_fit import guesses, target
from avssl.evaluation.dense.detection_scores import found_of, picture_rows, truth_of, weighed
from avssl.evaluation.dense.detector import Maps, tail_of
from avssl.evaluation.dense.fitting import Fitting
from avssl.evaluation.dense.trials import Trial
from avssl.metrics.boxes import average_precision, mean_average_precision
from avssl.nets import AlexNet, CaffeNet, ResNet, SmallNet
from avssl.training.optim import AdamW
from tests.evaluation.dense.evaluators import TINY, evaluator
from tests.evaluation.dense.scenery import Squares

AP = "ap@0.5/area"


def test_squares_are_found_after_some_steps_and_by_guessing_they_are_not():
    fitting = Fitting(steps=80, batch=4, optim=AdamW(lr=5e-3))
    numbers = evaluator(train=Squares(40), fitting=fitting)(SmallNet(width=8, dim=8)).numbers
    assert numbers[f"trained/fine-tuned/{AP}"] > 0.6
    assert numbers[f"guess/{AP}"] < 0.45


def test_every_row_stands_in_the_table_with_both_areas():
    scores = evaluator(tuning=["frozen", "fine-tuned"], seeds=2)(SmallNet(width=4, dim=8))
    both = [(tuning, row) for tuning in ("frozen", "fine-tuned") for row in ("random", "trained")]
    assert [(row["encoder"], row["row"]) for row in scores.table] == [("none", "guess"), *both]
    assert list(scores.table[0]) == ["encoder", "row", "AP 0.5, area", "AP 0.75, area", "AP 0.5, 11 points"]
    assert f"trained-random/frozen/{AP}/high" in scores.numbers
    assert "trained/frozen/ap@0.5/11 points" in scores.numbers and scores.notes[-1].startswith("Chance scores")
    tables = {name: list(rows) for name, rows in scores.tables.items()}
    assert len(tables["items"]) == 6 * (1 + 2 * 4) and len(tables["classes"]) == 2 * 5
    assert set(scores.pictures) == {"boxes_frozen", "boxes_fine-tuned"}


def test_an_interrupted_evaluation_goes_on_with_what_it_had(tmp_path, monkeypatch):
    fits, plain = [], detection.fit

    def breaks(*arguments):
        fits.append(1)
        if len(fits) == 3:
            raise KeyboardInterrupt
        return plain(*arguments)

    encoder = SmallNet(width=4, dim=8)
    expected = evaluator(seeds=2)(encoder).numbers
    monkeypatch.setattr(detection, "fit", breaks)
    with pytest.raises(KeyboardInterrupt):
        evaluator(seeds=2)(encoder, folder=tmp_path)
    assert evaluator(seeds=2)(encoder, folder=tmp_path).numbers == pytest.approx(expected, nan_ok=True)
    assert len(fits) == 3 + 2


@pytest.mark.parametrize(
    ("encoder", "settings"),
    [
        (partial(SmallNet, width=4, dim=8), {"layers": ["conv2", "conv3"], "anchors": [8, 16]}),
        (partial(SmallNet, width=4, dim=8), {"layers": ["conv3"], "head": "own"}),
        (ResNet, {"layers": ["layer3"], "head": "own", "cells": 4}),
        (ResNet, {"layers": ["layer2", "layer3"], "anchors": [8, 16]}),
    ],
    ids=["pyramid", "own head", "ResNet, own head", "ResNet, pyramid"],
)
def test_a_detector_stands_on_every_encoder_and_all_its_weights_learn(encoder, settings):
    encoder = encoder()
    network = Detector(**TINY | settings).on(encoder, settings["layers"], classes=2).train()
    item = Squares()[0]
    losses = network([torch.rand(3, 32, 40)] * 2, [target(item, False, torch.device("cpu"))] * 2)
    sum(losses.values()).backward()
    assert {"loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"} == set(losses)
    first = next(encoder.parameters())
    assert first.grad is not None and first.grad.abs().sum() > 0
    found = network.eval()([torch.rand(3, 32, 40)])[0]
    assert found["boxes"].shape[1] == 4


@pytest.mark.parametrize(
    ("encoder", "layer", "side"),
    [
        (partial(SmallNet, width=4, dim=8), "conv2", 32),
        (ResNet, "layer3", 64),
        (partial(AlexNet, dropout=0.0), "conv4", 224),
        (partial(CaffeNet, dropout=0.0), "conv5", 227),
    ],
    ids=["SmallNet", "ResNet", "AlexNet", "CaffeNet"],
)
def test_what_lies_behind_a_layer_makes_of_it_what_the_encoder_says(encoder, layer, side):
    encoder, images = encoder(), torch.rand(1, 3, side, side)
    with torch.inference_mode():
        tail = tail_of(encoder.eval(), layer)
        assert torch.allclose(tail(encoder.taps(images, [layer])[layer]), encoder(images), atol=1e-5)


def test_pictures_reach_the_encoder_as_they_are_and_what_fills_up_has_the_mean_colour():
    encoder = SmallNet(width=4, dim=8)
    maps = Maps(encoder, ["conv1"])
    images = torch.rand(1, 3, 16, 16)
    expected = encoder.taps(images, ["conv1"])["conv1"]
    assert torch.allclose(maps((images - encoder.mean) / encoder.std)["0"], expected, atol=1e-5)
    assert torch.allclose(
        maps(torch.zeros(1, 3, 16, 16))["0"], encoder.taps(encoder.mean.expand(1, 3, 16, 16), ["conv1"])["conv1"]
    )


def test_targets_leave_difficult_objects_out_unless_told_otherwise():
    item = Squares()[0] | {"ignored": torch.tensor([True, False])}
    cpu = torch.device("cpu")
    assert target(item, False, cpu)["labels"].tolist() == [1] and target(item, True, cpu)["labels"].tolist() == [2, 1]
    assert torch.equal(target(item, False, cpu)["boxes"], item["boxes"][1:] + 0.5)


def scenes(*boxes, size=(100, 200), ignored=False):
    known = {"boxes": np.array(boxes, float).reshape(-1, 4), "kinds": np.zeros(len(boxes), int)}
    return known | {"ignored": np.full(len(boxes), ignored), "size": size, "path": "a", "group": "a"}


def test_guesses_are_the_boxes_that_would_be_right_most_often_in_the_size_of_the_picture():
    common, rare = [-0.5, -0.5, 99.5, 49.5], [150, 10, 180, 40]
    train = [scenes(common), scenes(common), scenes(rare), scenes(rare, ignored=True)]
    found = guesses(train, [scenes(size=(50, 100))], classes=1)
    assert found[0].tolist() == [0, 0, pytest.approx(2 / 4), -0.5, -0.5, 49.5, 24.5]
    assert len(found) == 2 and found[1, 2] == pytest.approx(1 / 4)


def test_boxes_scored_with_weights_equal_boxes_repeated():
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 5, (40, 2))
    every = np.concatenate([corner, corner + rng.integers(2, 6, (40, 2))], 1)
    rows = np.column_stack([rng.integers(0, 4, 25), rng.integers(0, 2, 25), rng.permutation(25) / 25, every[:25]])
    trial = Trial(row="x", tuning="", seed=0, found={"found": rows.astype(np.float32)})
    items = [
        {
            "boxes": every[25 + start : 28 + start],
            "kinds": np.array([0, 1, 0]),
            "ignored": np.array([False, False, True]),
        }
        for start in (0, 3, 6, 9)
    ]
    truth, weights = truth_of(items), np.array([1, 0, 2, 1])
    for points in ("area", "11 points"):
        once = weighed(found_of(trial), truth, 2, 4, 0.5, points)(np.ones((1, 4)))
        assert once[0] == pytest.approx(mean_average_precision(found_of(trial), truth, 2, points=points))
    copies = [picture for picture, times in enumerate(weights) for _ in range(times)]
    repeated = np.concatenate(
        [
            np.column_stack([np.full((rows[:, 0] == old).sum(), new), rows[rows[:, 0] == old, 1:]])
            for new, old in enumerate(copies)
        ]
    )
    again = Trial(row="x", tuning="", seed=0, found={"found": repeated})
    expected = [average_precision(found_of(again), truth_of([items[old] for old in copies]), kind) for kind in range(2)]
    score = weighed(found_of(trial), truth, 2, 4, 0.5, "area")(weights[None])
    assert score[0] == pytest.approx(np.mean(expected))


def test_each_picture_tells_what_was_found_and_what_was_wrong():
    item = objects_of(Squares()[0])
    right = [0, item["kinds"][0], 0.9, *item["boxes"][0]]
    wrong = [0, item["kinds"][0], 0.8, *item["boxes"][1]]
    trial = Trial(row="x", tuning="", seed=0, found={"found": np.array([right, wrong], np.float32)})
    (row,) = picture_rows([trial], ["a.png"], truth_of([item]), 0.5)
    assert (row["objects"], row["found"], row["wrong"]) == (2, 1, 1)


class Other(Squares):
    classes = ("blue", "white")


class Nameless(Squares):
    classes = ()


class Turned(Squares):
    """Numbers its classes the other way round."""

    classes = ("red", "green")

    def __getitem__(self, key):
        item = super().__getitem__(key)
        return item | {"kinds": 1 - item["kinds"]}


class Red(Squares):
    """Knows red squares alone, and numbers them 0."""

    classes = ("red",)

    def __getitem__(self, key):
        item = super().__getitem__(key)
        red = item["kinds"] == 1
        return item | {name: item[name][red] for name in ("boxes", "ignored")} | {"kinds": torch.zeros(1).long()}


def test_objects_are_matched_by_name_whatever_their_numbers():
    encoder = SmallNet(width=4, dim=8)
    plain, turned = evaluator()(encoder), evaluator(test=Turned(6, seed=1))(encoder)
    assert turned.numbers == pytest.approx(plain.numbers, nan_ok=True)
    assert list(turned.tables["classes"]) == list(plain.tables["classes"])


def test_classes_on_one_side_alone_are_told_and_those_never_learned_score_nothing():
    encoder = SmallNet(width=4, dim=8)
    scores = evaluator(test=Red(6, seed=1))(encoder)
    assert scores.notes[0] == "1 classes of training have no test object: 'green'."
    by_class = {row["class"]: row for row in evaluator()(encoder).tables["classes"] if row["row"] == "guess"}
    assert scores.numbers[f"guess/{AP}"] == pytest.approx(by_class["red"][AP], abs=1e-3)
    missing = evaluator(train=Red())(encoder)
    assert missing.notes[0].startswith("1 classes of the test have no training object ('green'): nothing is learned")
    (green,) = [row for row in missing.tables["classes"] if (row["row"], row["class"]) == ("guess", "green")]
    assert green[AP] == 0


class Hidden(Squares):
    def __getitem__(self, key):
        return super().__getitem__(key) | {"ignored": torch.ones(2, dtype=torch.bool)}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"test": Other(3, seed=1)},
            r"training and the test have no class in common \('green', 'red'; 'blue', 'white'\)",
        ),
        ({"test": Nameless(3, seed=1)}, "the test pictures name no classes of objects"),
        ({"test": Hidden(3, seed=1)}, "hold no object that counts; choose a split whose truth is known"),
        ({"train": Squares(lacks="boxes")}, r"0-0\.png \(training\) has no boxes"),
        ({"detector": Detector(layers=["fc"], **TINY)}, "layers: fc of SmallNet is a vector, no map"),
    ],
)
def test_data_that_cannot_be_used_is_one_clear_line(settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        evaluator(**settings)(SmallNet(width=4, dim=8))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: evaluator(thresholds=[]), "thresholds are overlaps between 0 and 1"),
        (lambda: evaluator(fitting=Fitting(crop=(8, 8))), "pictures of objects are neither cut nor scaled"),
        (lambda: Detector(layers=["a", "b"], anchors=[8]), "a pyramid of 2 layers needs one anchor each"),
        (lambda: Detector(layers=["a", "b"], anchors=[8, 16], head="own"), "head: own stands behind one layer"),
        (lambda: Detector(short=[]), "short and anchors need a number at least"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()
