"""SCAN: its loss of items and neighbours, which head is chosen, what stays frozen, and what a run leaves."""

import math

import numpy as np
import pytest
import torch
from every import Items, views

from avssl.data import WithNeighbours, collate
from avssl.methods import SCAN
from avssl.nets import SmallNet, load_classifier
from avssl.training import SGD, train
from avssl.training.export import load_method
from avssl.transforms import Flip

PLAIN = [[Flip(0.0)], [Flip(0.0)]]
SETTINGS = {"batch_size": 3, "workers": 0, "accelerator": "cpu", "tensorboard": False}


def method(recipes=PLAIN, **settings):
    torch.manual_seed(0)
    return SCAN(SmallNet(dim=8, width=2), recipes, **({"clusters": 3, "heads": 2} | settings))


def pairs(count=5, seed=0):
    chance = torch.Generator().manual_seed(seed)
    key = torch.tensor([[0, 0, index] for index in range(count)])
    return {"frames": torch.rand(count, 2, 1, 3, 20, 20, generator=chance), "key": key}


def test_the_loss_is_that_of_the_two_clips_of_an_item_as_the_paper_writes_it():
    made, batch = method(entropy=2.0).eval(), pairs()
    losses = []
    for head in made.heads:
        anchors, neighbours = (head(made.encoder(batch["frames"][:, clip, 0])).softmax(1) for clip in (0, 1))
        consistency = -(anchors * neighbours).sum(1).log().mean()
        mean = anchors.mean(0)
        losses.append(consistency + 2 * (mean * mean.log()).sum())
    torch.testing.assert_close(made(batch)["loss"], torch.stack(losses).mean())
    scores = made.measure([batch])
    assert [scores["loss_0"], scores["loss_1"]] == pytest.approx([loss.item() for loss in losses], abs=1e-5)


def test_the_loss_has_its_closed_forms():
    made, log = method(heads=1).eval(), math.log(3)
    with torch.no_grad():
        for bias, wanted in (([0.0, 0.0, 0.0], (1 - 5) * log), ([0.0, 60.0, 0.0], 0.0)):
            made.heads[0].weight.zero_()
            made.heads[0].bias.copy_(torch.tensor(bias))
            assert made(pairs())["loss"].item() == pytest.approx(wanted, abs=1e-4)


def test_measuring_looks_at_the_whole_data_set_at_once():
    made, batch = method().eval(), pairs(6)
    parts = [{name: value[rows] for name, value in batch.items()} for rows in (slice(0, 4), slice(4, 6))]
    whole, halves = made.measure([batch]), made.measure(parts)
    names = ("loss", "loss_0", "loss_1", "consistency", "entropy", "clusters", "confident")
    assert [halves[name] for name in names] == pytest.approx([whole[name] for name in names], abs=1e-5)
    assert 1 <= whole["clusters"] <= 3 and 0 <= whole["confident"] <= 1


def test_the_head_of_the_least_held_out_loss_is_chosen_and_exported():
    made = method(heads=3)
    train = {f"train/loss_{number}": value for number, value in enumerate((-3.0, -1.0, -2.0))}
    held_out = {f"held_out/loss_{number}": value for number, value in enumerate((-1.0, -2.0, -4.0))}
    made.after_measure(train | held_out)
    assert int(made.chosen) == 2 and made.exports()["classifier"].trunk.logits is made.heads[2]
    made.after_measure(train)
    assert int(made.chosen) == 0


def settled(made):
    """Return a method whose second head is better than any random one: it puts every other item apart."""
    with torch.no_grad():
        made.heads[0].weight.zero_()  # nothing is told apart
        made.heads[1].weight.mul_(3)
    return made


def test_a_run_exports_the_head_that_was_chosen_last_and_goes_on_with_the_choice(tmp_path):
    data = WithNeighbours(Items("SCAN"), np.array([[1], [0], [3], [2], [5], [4]]))
    settings = {"data": data, "held_out": data, "optim": SGD(lr=0.01), "out": tmp_path, **SETTINGS}
    made = train(method=settled(method(views())), steps=2, measure_every=2, save_every=1, **settings)
    losses = [made.eval().measure([collate([data[index] for index in range(6)])])[f"loss_{head}"] for head in (0, 1)]
    assert int(made.chosen) == int(np.argmin(losses))
    found = load_classifier(tmp_path / "classifier.safetensors")
    assert found.classes == ("cluster 0", "cluster 1", "cluster 2")
    assert found.trunk.logits.weight.equal(made.heads[int(made.chosen)].weight)
    assert not found.trunk.logits.weight.equal(made.heads[1 - int(made.chosen)].weight)
    assert int(load_method(tmp_path).chosen) == int(made.chosen)
    again = train(method=method(views()), steps=2, measure_every=2, save_every=1, **settings)  # nothing is left to do
    assert int(again.chosen) == int(made.chosen)
    assert load_classifier(tmp_path / "classifier.safetensors").trunk.logits.weight.equal(found.trunk.logits.weight)


def test_a_frozen_encoder_does_not_change_and_heads_do():
    made = method(frozen=True).train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    optimizer = torch.optim.SGD([group for one in made.parameter_groups() for group in one["params"]], lr=0.5)
    made(pairs())["loss"].backward()
    optimizer.step()
    changed = {name for name, value in made.state_dict().items() if not value.equal(before[name])}
    assert changed and all(name.startswith("heads.") for name in changed)


def test_an_encoder_begins_with_the_weights_of_a_file_or_of_a_run(tmp_path):
    first = train(method=method(), data=Items("SCAN"), optim=SGD(lr=0.1), steps=1, out=tmp_path / "run", **SETTINGS)
    for weights in (tmp_path / "run" / "encoder.safetensors", tmp_path / "run"):
        torch.manual_seed(7)
        made = SCAN(SmallNet(dim=8, width=2), PLAIN, clusters=3, weights=weights)
        own = first.encoder.state_dict()
        assert all(value.equal(own[name]) for name, value in made.encoder.state_dict().items())


def test_weights_of_the_run_do_the_same_and_those_of_the_method_are_told_of_in_one_line(tmp_path, capsys):
    first, given, own = (tmp_path / name for name in ("first", "given", "own"))
    settings = {"data": Items("SCAN"), "optim": SGD(lr=0.1), "steps": 1, **SETTINGS}
    train(method=method(), out=first, **settings)
    capsys.readouterr()
    ours = train(method=method(frozen=True), weights=first, out=given, **settings)
    assert f"encoder: begins with the weights of {first}" in capsys.readouterr().out
    theirs = train(method=method(frozen=True, weights=first), out=own, **settings)
    assert f"method.weights: give weights={first} to the run in its place" in capsys.readouterr().out
    assert all(value.equal(theirs.state_dict()[name]) for name, value in ours.state_dict().items())


def test_a_run_is_loaded_again_without_the_weights_that_it_began_with(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    train(method=method(), data=Items("SCAN"), optim=SGD(lr=0.1), steps=1, out=first, **SETTINGS)
    file = first / "encoder.safetensors"
    train(method=method(weights=file), data=Items("SCAN"), optim=SGD(lr=0.1), steps=1, out=second, **SETTINGS)
    file.unlink()
    assert load_method(second).heads[0].weight.shape == (3, 8)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"clusters": 1}, "clusters of at least 2"),
        ({"heads": 0}, "heads of at least 1"),
        ({"entropy": -1.0}, "entropy of at least 0"),
        ({"recipes": PLAIN + PLAIN[:1]}, "needs two views.* got 3 views"),
        (
            {"weights": "/nowhere/encoder.safetensors"},
            "weights: there is no file /nowhere/encoder.safetensors; train a",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(settings, said):
    with pytest.raises(ValueError, match=said) as found:
        method(**settings)
    assert "\n" not in str(found.value)


def test_weights_of_another_network_are_refused_in_one_line(tmp_path):
    train(method=method(), data=Items("SCAN"), optim=SGD(lr=0.1), steps=1, out=tmp_path, **SETTINGS)
    with pytest.raises(ValueError, match="tensors of SmallNet matched") as found:
        SCAN(SmallNet(dim=4, width=2), PLAIN, clusters=3, weights=tmp_path)
    assert "\n" not in str(found.value)


def test_items_without_a_neighbour_and_lost_clusters_are_told():
    made = method().eval()
    for batch, alone in ((pairs(), False), ({**pairs(), "frames": torch.rand(5, 3, 20, 20)}, True)):
        scores = {f"train/{name}": value for name, value in made.measure([batch]).items()}
        assert any("give data by WithNeighbours" in line for line in made.warnings(scores, scores)) == alone
    start = scores | {"train/clusters": 3.0}
    (line,) = made.warnings(scores | {"train/clusters": 2.0}, start)
    assert line.startswith("warning: 2 clusters of train are used, and 3 were")


def colours(cue=True, seed=0):
    """Return items of two clips, both of one of three colours, and which; without the cue the clips' colours differ."""
    chance = torch.Generator().manual_seed(seed)
    which = torch.arange(24) % 3
    frames = torch.rand(24, 2, 1, 3, 12, 12, generator=chance) * 0.3
    for clip in (0, 1):
        other = which if cue or not clip else torch.randint(3, (24,), generator=chance)
        frames[torch.arange(24), clip, 0, other] += 0.6
    return {"frames": frames, "key": torch.tensor([[0, 0, index] for index in range(24)])}, which


def test_neighbours_of_one_colour_become_clusters_and_neighbours_by_chance_do_not():
    consistency = {}
    for cue in (True, False):
        (batch, which), made = colours(cue), method(heads=1).train()
        optimizer = torch.optim.Adam(made.parameters(), lr=1e-2)
        for _ in range(40):
            optimizer.zero_grad()
            made(batch)["loss"].backward()
            optimizer.step()
        scores = made.eval().measure([batch])
        consistency[cue] = scores["consistency"]
        if cue:
            found = made.exports()["classifier"].eval()(batch["frames"][:, 0, 0]).argmax(1)
            assert all(len(found[which == one].unique()) == 1 for one in range(3)) and scores["clusters"] == 3
    assert consistency[True] < 0.2 < 0.4 < consistency[False]
