"""What all tasks of order keep: chance, still films, keys, coins, padding, resuming, and floors beside the score."""

import math

import pytest
import torch
from every import ITEMS, MOVING, OF_ORDER, SIDE, Items, make

from avssl import methods
from avssl.data import collate
from avssl.methods.order.floors import accuracy_of
from avssl.training import SGD, train

ASKING_MOTION = ["ArrowOfTime", "Pace"]
STILL = [name for name in OF_ORDER if name not in ("ClipRotation", "CubicPuzzle")]


def batch_of(name, count=ITEMS):
    return collate([Items(name, count)[0, index] for index in range(count)])


def still(name, count=40):
    """Return items that show one picture all the time."""
    clips, frames = MOVING[name]
    pictures = torch.randint(0, 256, (count, 1, 1, 3, SIDE, SIDE), dtype=torch.uint8)
    key = torch.tensor([[0, 0, index] for index in range(count)])
    return {"frames": pictures.expand(-1, clips, frames, -1, -1, -1), "key": key}


@pytest.mark.parametrize("name", OF_ORDER)
def test_measuring_gives_the_floor_of_pixels_and_chance_and_changes_nothing(name):
    method = make(name).eval()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    scores = method.measure([batch_of(name)])
    assert set(scores) == {"loss", "accuracy", "pixel_accuracy", "pixel_accuracy_plain", "chance", "left_out"}
    assert scores["chance"] == method.chance == 1 / method.ask(as_asked(name)).scores.shape[1]
    assert scores == method.measure([batch_of(name)]) and scores["left_out"] == 0
    assert f"{1 / method.chance:.0f}" in str(round(1 / scores["chance"]))
    assert all(value.equal(before[key]) for key, value in method.state_dict().items())


def as_asked(name):
    return methods.order.tasks.as_batch(batch_of(name))


@pytest.mark.parametrize("name", STILL)
def test_a_still_film_is_told_by_chance_and_so_are_its_pixels(name):
    method = make(name).eval()
    found = method.measure([still(name)])
    asked = method.ask(methods.order.tasks.as_batch(still(name)))
    spread = 4 * math.sqrt(method.chance * (1 - method.chance) / len(asked.truth))
    assert found["accuracy"] == pytest.approx(method.chance, abs=spread)
    assert found["pixel_accuracy_plain"] == pytest.approx(method.chance, abs=spread)


@pytest.mark.parametrize("name", OF_ORDER)
def test_questions_of_an_item_do_not_depend_on_the_batch_so_that_processes_agree(name):
    method, batch = make(name).eval(), batch_of(name)
    whole = method(batch)
    halves = [method({key: value[own] for key, value in batch.items()}) for own in (slice(0, 3), slice(3, 6))]
    for key, value in whole.items():
        torch.testing.assert_close(value, (halves[0][key] + halves[1][key]) / 2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", OF_ORDER)
def test_padded_clips_do_not_count(name):
    method, batch = make(name).eval(), batch_of(name)
    batch["valid"] = batch["valid"].clone()
    batch["valid"][:3, :, -1] = False
    kept = {key: value[3:] for key, value in batch.items()}
    if name == "Pace":  # one whose drawn start leaves the padding out still counts
        batch["valid"][:3] = False
    torch.testing.assert_close(method(batch)["loss"], method(kept)["loss"])
    assert method.measure([batch])["left_out"] == pytest.approx(0.5)
    batch["valid"] = torch.zeros_like(batch["valid"])
    assert math.isnan(method.measure([batch])["accuracy"]) and method(batch)["loss"] == 0


@pytest.mark.parametrize("name", OF_ORDER)
def test_coin_labels_are_of_the_training_alone_and_know_nothing(name):
    method, batch = make(name), batch_of(name)
    true = method(batch)["loss"]
    method.labels = "shuffled"
    tossed = method(batch)["loss"]
    assert tossed != true and method(batch)["loss"] == tossed  # the same coins for the same keys
    method.eval()
    shuffled = method(batch)["loss"]
    method.labels = "true"
    assert shuffled == method(batch)["loss"]


@pytest.mark.parametrize("name", OF_ORDER)
def test_too_few_frames_name_the_sampler(name):
    if name == "ClipRotation":
        return  # a single frame can be turned
    with pytest.raises(ValueError, match=rf"{name} needs clips of .*frames, .*; got \(2, .*; sample with "):
        make(name)(torch.rand(2, 3, SIDE, SIDE))


@pytest.mark.parametrize("name", ASKING_MOTION)
def test_encoders_of_pictures_are_refused_where_motion_is_asked(name):
    with pytest.raises(ValueError, match=f"{name} asks how things move, and SmallNet sees one frame at a time"):
        getattr(methods, name)(make("OPN").encoder)


@pytest.mark.parametrize("name", OF_ORDER)
def test_a_run_that_was_cut_off_ends_where_an_uncut_one_does(tmp_path, name):
    settings = {"data": Items(name), "optim": SGD(lr=0.05), "batch_size": 4, "workers": 0, "accelerator": "cpu"}
    settings |= {"steps": 4, "measure_every": 4, "save_every": 2, "tensorboard": False, "resume": True}
    train(method=make(name), out=tmp_path / "whole", **settings)
    method = make(name)
    method.after_step = break_off
    with pytest.raises(KeyboardInterrupt):
        train(method=method, out=tmp_path / "cut", **settings)
    train(method=make(name), out=tmp_path / "cut", **settings)
    whole, cut = (torch.load(tmp_path / part / "last.ckpt", weights_only=True) for part in ("whole", "cut"))
    assert all(value.equal(cut["method"][key]) for key, value in whole["method"].items())


def break_off(step, steps):
    if step == 3:
        raise KeyboardInterrupt


def test_numbers_are_judged_on_other_recordings_than_they_are_fitted_on():
    recording = torch.arange(40).repeat_interleave(4)
    truth = torch.arange(160) % 2
    assert accuracy_of(truth.float()[:, None], truth, recording) == 1.0
    named = torch.eye(40)[recording]  # which recording it is says nothing of others
    assert accuracy_of(named, (recording % 3 == 0).long(), recording) < 0.7
    assert math.isnan(accuracy_of(truth.float()[:, None], truth, torch.zeros(160)))
    assert accuracy_of(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]), torch.zeros(3)) == pytest.approx(2 / 3)
