"""Fits see the same pictures whatever is judged, and cuts and mirrors keep pictures and truth together."""

from itertools import islice

import pytest
import torch
from torch import nn

from avssl.config import ConfigError
from avssl.data.scene_changes import GREY, cut, mirrored, scaled
from avssl.evaluation.dense.fitting import Fitting, batches_of, changed, learn, stacked
from avssl.training.optim import SGD
from tests.evaluation.dense.scenery import SIDE, Squares

PLAIN = Fitting(steps=4, batch=4)


def paths(fitting, seed, many=6):
    return [
        [item["path"] for item in batch]
        for batch in islice(batches_of(Squares(), range(12), fitting, seed, "mask"), many)
    ]


def test_the_same_seed_draws_the_same_pictures_each_once_before_any_again():
    assert paths(PLAIN, 3) == paths(PLAIN, 3) != paths(PLAIN, 4)
    first = [path for batch in paths(PLAIN, 3)[:3] for path in batch]
    assert len(set(first)) == 12


def test_only_chosen_pictures_are_drawn():
    batches = islice(batches_of(Squares(), [2, 5], PLAIN, 0, "mask"), 3)
    assert {item["path"] for batch in batches for item in batch} == {"0-2.png", "0-5.png"}


def test_a_picture_that_cannot_be_read_is_left_out():
    batches = islice(batches_of(Squares(bad=1), range(12), PLAIN, 0, "mask"), 3)
    assert [sum(len(batch) for batch in batches)] == [11]


def test_workers_that_read_ahead_change_nothing():
    assert paths(Fitting(steps=4, batch=4, workers=1), 3, 2) == paths(PLAIN, 3, 2)


def test_a_cut_takes_the_same_part_of_picture_and_truth_and_fills_up_what_is_missing():
    item = Squares()[0] | {"image": Squares()[0]["frames"][0, 0]}
    part = cut(item, (8, 40), (0.999, 0.0), "mask")
    assert torch.equal(part["image"][:, :, :SIDE], item["image"][:, SIDE - 8 :])
    assert torch.equal(part["mask"][:, :SIDE], item["mask"][SIDE - 8 :])
    assert part["image"][:, 0, -1].tolist() == list(GREY) and (part["mask"][:, SIDE:] == 255).all()
    assert cut(item, (8, 40), (0, 0), "normals")["normals"][:, :, SIDE:].abs().sum() == 0


def test_a_cut_is_drawn_by_place_in_the_order_alone():
    fitting = Fitting(crop=(12, 12))
    item = Squares()[3]
    same, other = (changed(item, fitting, 0, number, "mask") for number in (5, 6))
    assert torch.equal(changed(item, fitting, 0, 5, "mask")["image"], same["image"])
    assert not torch.equal(same["image"], other["image"])


def test_a_mirror_turns_boxes_masks_and_normals_with_the_picture():
    item = Squares()[0] | {"image": Squares()[0]["frames"][0, 0]}
    for truth in ("mask", "boxes", "normals"):
        twice = mirrored(mirrored(item, truth), truth)
        assert torch.equal(twice["image"], item["image"]) and torch.equal(twice[truth], item[truth])
    left, top, right, bottom = mirrored(item, "boxes")["boxes"][0].int().tolist()
    assert (mirrored(item, "mask")["mask"][top + 1 : bottom + 1, left + 1 : right + 1] == 1).all()
    normals = mirrored(item, "normals")["normals"]
    assert normals[0].min() == -1 and normals[0].max() == 0 and normals[1].max() == 1  # only x turns


def test_a_rate_that_makes_the_loss_infinite_is_told():
    network = nn.Linear(1, 1)

    def loss_of(_batch):
        return (network.weight * float("nan")).sum()

    with pytest.raises(ConfigError, match="the loss of step 0 is nan; lower the rates"):
        learn(network, nn.Identity(), iter([[{}]] * 2), loss_of, PLAIN, freeze=False)


def test_frozen_weights_stay_and_rates_are_told_apart():
    network = nn.ModuleDict({"encoder": nn.Linear(1, 1, bias=False), "head": nn.Linear(1, 1, bias=False)})
    before = {name: value.clone() for name, value in network.state_dict().items()}

    def loss_of(_batch):
        return network["encoder"].weight.sum() + network["head"].weight.sum()

    fitting = Fitting(steps=1, optim=SGD(lr=1.0, momentum=0.0), schedule=None, encoder_lr=0.25)
    learn(network, network["encoder"], iter([[{}]]), loss_of, fitting, freeze=True)
    assert torch.equal(network["encoder"].weight, before["encoder.weight"])
    assert (network["head"].weight - before["head.weight"]).item() == pytest.approx(-1)
    learn(network, network["encoder"], iter([[{}]]), loss_of, fitting, freeze=False)
    assert (network["encoder"].weight - before["encoder.weight"]).item() == pytest.approx(-0.25)


def test_frozen_batch_normalisation_keeps_its_statistics_where_the_encoder_learns():
    def statistics(batch_norm):
        encoder = nn.BatchNorm1d(2)
        network = nn.Sequential(encoder, nn.Linear(2, 1))
        fitting = Fitting(steps=2, batch_norm=batch_norm)
        learn(network, encoder, iter([[{}]] * 2), lambda _: network(torch.rand(8, 2) + 5).sum(), fitting, freeze=False)
        return float(encoder.running_mean.mean())

    assert statistics("frozen") == 0 and statistics("trained") > 0.5


def test_pictures_of_different_sizes_in_a_batch_are_told():
    batch = [{"image": torch.zeros(3, 4, side), "path": f"{side}.png"} for side in (5, 6)]
    with pytest.raises(
        ConfigError, match=r"\(4, 5\) from 5\.png and \(4, 6\) from 6\.png; set evaluator\.fitting\.crop"
    ):
        stacked(batch, "image", torch.device("cpu"))


def test_a_scaled_picture_keeps_what_it_shows_and_its_classes():
    item = Squares()[0] | {"image": Squares()[0]["frames"][0, 0]}
    twice = scaled(item, 2.0, "mask")
    assert twice["image"].shape == (3, 2 * SIDE, 2 * SIDE) and twice["image"].dtype == torch.uint8
    assert torch.equal(twice["mask"][::2, ::2], item["mask"])
    sizes = {
        changed(Squares()[0], Fitting(scale=(0.5, 2)), 0, number, "mask")["image"].shape[-1] for number in range(9)
    }
    assert len(sizes) > 4 and min(sizes) >= 12 and max(sizes) <= 48


@pytest.mark.parametrize("settings", [{"crop": (8, 8)}, {"scale": (1, 2)}])
def test_pictures_of_objects_are_neither_cut_nor_scaled(settings):
    with pytest.raises(ConfigError, match="is not for objects; leave it out"):
        changed(Squares()[0], Fitting(**settings), 0, 0, "boxes")
