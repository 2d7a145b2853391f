"""View learning: the game of encoders and map, what each loss reaches, labels, and what is exported."""

import math

import pytest
import torch
from every import Items, views

from avssl.methods import ViewLearning
from avssl.nets import ColorFlow, ColorSpace, SmallClips, SmallNet, SplitColors
from avssl.training import SGD, AdamW, load_encoder, train

FLOW = "encoder.trunk.flow."


def method(flow=True, count=1, encoder=None, **settings):
    torch.manual_seed(0)
    if encoder is None:
        encoder = SplitColors(SmallNet(dim=8, width=2), SmallNet(dim=8, width=2), ColorFlow(width=4) if flow else None)
    return ViewLearning(encoder, views(size=20, count=count), **{"hidden": 16, "dim": 8, "temperature": 0.2} | settings)


def batch_of(items=(0, 1, 2, 3), **more):
    pictures = torch.rand(len(items), 3, 24, 24, generator=torch.Generator().manual_seed(0))
    return {"frames": pictures, "key": torch.tensor([[0, 0, item] for item in items])} | more


def learning(made):
    return {name for name, value in made.named_parameters() if value.grad is not None and value.grad.any()}


def slow(one, two, temperature):
    """Return InfoNCE of halves one way, row by row."""
    one, two = (torch.nn.functional.normalize(rows, dim=1).tolist() for rows in (one, two))
    total = 0.0
    for place, row in enumerate(one):
        likes = [math.exp(sum(a * b for a, b in zip(row, other, strict=True)) / temperature) for other in two]
        total -= math.log(likes[place] / sum(likes)) / len(one)
    return total


@pytest.mark.parametrize("count", [1, 2])
def test_the_loss_is_infonce_of_the_halves_both_ways_written_slowly(count):
    made, batch = method(count=count), batch_of()
    torch.nn.init.normal_(made.encoder.flow.couplings[0].net[2].weight)
    shown = [made.encoder.flow(view.frames) for view in made.views_of(batch)[1]]
    one, two = made.encoder.halves(shown[0])[0], made.encoder.halves(shown[-1])[1]
    rows = [side(half)[0] for side, half in zip(made.sides(), (one, two), strict=True)]
    found = made(batch)
    wanted = (slow(*rows, 0.2) + slow(*rows[::-1], 0.2)) / 2
    assert found["loss"].item() == pytest.approx(wanted, rel=1e-4)
    assert found["adversary_loss"].item() == pytest.approx(-wanted, rel=1e-4)


@pytest.mark.parametrize("classes", [(), ("cat", "dog")])
def test_each_loss_reaches_its_own_parameters_alone(classes):
    labels = {"label": torch.tensor([0, 1, -1, 1])}
    made = method(classes=classes)
    made(batch_of(**labels))["adversary_loss"].backward()
    assert learning(made) and all(name.startswith(FLOW) for name in learning(made))
    made = method(classes=classes)
    made(batch_of(**labels))["loss"].backward()
    assert not any(name.startswith(FLOW) for name in learning(made))
    for part in (
        "encoder.trunk.first",
        "encoder.trunk.second",
        "head",
        "second_head",
        *["classifiers.1"] * len(classes),
    ):
        assert any(name.startswith(part) for name in learning(made)), part


def test_both_at_once_give_each_its_own_gradient_and_statistics_move_once():
    found = {}
    for losses in (("loss",), ("adversary_loss",), ("loss", "adversary_loss")):
        made = method()
        scores = made(batch_of())
        sum(scores[name] for name in losses).backward()
        found[losses] = {name: value.grad for name, value in made.named_parameters() if value.grad is not None}
    alone = found["loss",] | found["adversary_loss",]
    assert alone.keys() == found["loss", "adversary_loss"].keys()
    assert all(value.equal(alone[name]) for name, value in found["loss", "adversary_loss"].items())
    assert made.encoder.side("first").trunk.conv1[1].num_batches_tracked == 1


def test_encoders_make_the_contrast_smaller_and_the_map_makes_it_greater():
    for mine, better in ((0, -1), (1, 1)):
        made, batch = method(), batch_of(range(8))
        before = made(batch)
        optimizer = torch.optim.SGD(made.parameter_groups()[mine]["params"], lr=0.05)
        (before["loss"] + before["adversary_loss"]).backward()
        optimizer.step()
        assert better * (made(batch)["contrast"] - before["contrast"]) > 1e-4


def test_the_map_keeps_what_labels_need():
    labels = {"label": torch.tensor([0, 1, 0, 1, -1, -1, 0, 1])}
    made, batch = method(classes=["cat", "dog"], weight=50.0), batch_of(range(8), **labels)
    before = made(batch)
    optimizer = torch.optim.SGD(made.parameter_groups()[1]["params"], lr=0.01)
    before["adversary_loss"].backward()
    optimizer.step()
    assert made(batch)["labels"] < before["labels"]


def test_labels_count_where_there_are_some():
    made, label = method(classes=["cat", "dog"], weight=2.0), torch.tensor([0, -1, 1, -1])
    found = made(batch_of(label=label))
    (view,) = made.views_of(batch_of())[1]
    said = [side(half)[1] for side, half in zip(made.sides(), made.encoder.halves(view.frames), strict=True)]
    each = [-said[side].log_softmax(1)[place, label[place]].item() for side in (0, 1) for place in (0, 2)]
    assert found["labels"].item() == pytest.approx(sum(each) / 4, rel=1e-4)
    assert found["loss"].item() == pytest.approx((found["contrast"] + 2 * found["labels"]).item(), rel=1e-5)
    assert found["adversary_loss"].item() == pytest.approx((2 * found["labels"] - found["contrast"]).item(), rel=1e-4)
    for without in (batch_of(label=torch.full((4,), -1)), batch_of()):
        found = made(without)
        assert found["labels"] == 0 and found["loss"].equal(found["contrast"])


def test_items_of_one_recording_are_not_told_apart():
    made = method().eval()
    apart, akin = (made(batch_of() | {"path": list(names)})["loss"] for names in ("abcd", "aabb"))
    assert akin < apart


def test_without_a_map_there_is_no_adversary_and_in_evaluation_none_is_asked():
    made = method(flow=False)
    assert [group.get("optimizer") for group in made.parameter_groups()] == [None]
    assert "adversary_loss" not in made(batch_of())
    made = method()
    groups = made.parameter_groups()
    assert [group.get("optimizer") for group in groups] == [None, "adversary"]
    assert sum(len(group["params"]) for group in groups) == len(list(made.parameters()))
    found, training = made.eval()(batch_of()), made.train()(batch_of())
    assert "adversary_loss" not in found and "adversary_loss" in training


def test_halves_that_are_all_alike_are_at_chance():
    made = method().eval()
    for head in (made.head, made.second_head):
        torch.nn.init.zeros_(head[1][0].weight)
    assert made(batch_of())["loss"].item() == pytest.approx(math.log(4))


def test_a_run_moves_map_and_encoders_and_exports_one_encoder_of_pictures(tmp_path):
    made = method()
    before = {name: value.clone() for name, value in made.named_parameters()}
    settings = {"workers": 0, "accelerator": "cpu", "tensorboard": False, "steps": 3, "batch_size": 4}
    train(method=made, data=Items("SimCLR"), optim=SGD(lr=0.1), adversary=AdamW(lr=1e-2), out=tmp_path, **settings)
    moved = {name for name, value in made.named_parameters() if not value.equal(before[name])}
    assert moved == before.keys()
    found, pictures = load_encoder(tmp_path), torch.rand(2, 3, 24, 24)
    torch.testing.assert_close(found(pictures), made.encoder.eval()(pictures))
    assert found.dim == 16 and found.flow is not None


def test_encoders_of_clips_are_taken():
    small = {"widths": (4, 4, 8, 8)}
    made = method(encoder=SplitColors(SmallClips(**small), SmallClips(**small), ColorFlow(width=4)))
    found = made({"frames": torch.rand(3, 4, 3, 24, 24), "key": batch_of((0, 1, 2))["key"]})
    (found["loss"] + found["adversary_loss"]).backward()
    assert any(name.startswith(FLOW) for name in learning(made))


def test_grey_pictures_are_said_to_have_no_colours_to_part():
    made = method().eval()
    lines = []
    for batch in (batch_of(), batch_of() | {"frames": torch.rand(4, 1, 24, 24).expand(-1, 3, -1, -1)}):
        scores = {f"train/{name}": value for name, value in made.measure([batch]).items()}
        lines.append(made.warnings(scores, scores))
    assert lines == [[], ["warning: the pictures are grey, so both halves of their colours show the same"]]


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match="needs SplitColors, two encoders of colours; got SmallNet"):
        method(encoder=SmallNet(dim=8, width=2))
    with pytest.raises(ValueError, match=r"one view or two, weight and temperature above 0; got 3, 1\.0 and 0\.2"):
        method(count=3)
    with pytest.raises(ValueError, match=r"got 1, 0\.0 and 0\.2"):
        method(weight=0.0)
    with pytest.raises(ValueError, match="label 2 is beyond the 2 classes"):
        method(classes=["cat", "dog"])(batch_of(label=torch.tensor([0, 1, 2, -1])))


def test_embeddings_of_a_view_are_those_of_both_halves_side_by_side():
    made, batch = method(count=1), batch_of()
    torch.nn.init.normal_(made.encoder.flow.couplings[0].net[2].weight)
    made.eval()
    (view,) = made.views_of(batch)[1]
    (found,) = made.embed([view])
    halves = made.encoder.halves(made.encoder.flow(view.frames))
    rows = [side(half)[0] for side, half in zip(made.sides(), halves, strict=True)]
    assert found.shape == (4, 16) and found.equal(torch.cat(rows, 1))


def test_a_colour_space_has_no_adversary_and_is_learned_behind():
    encoder = SplitColors(SmallNet(dim=8, width=2), SmallNet(dim=8, width=2), ColorSpace("lab"))
    made = method(encoder=encoder)
    assert len(made.parameter_groups()) == 1
    found = made(batch_of())
    assert sorted(found) == ["accuracy", "contrast", "loss"]
    found["loss"].backward()
    assert {"encoder.trunk.first.trunk.conv1.0.weight", "encoder.trunk.second.trunk.conv1.0.weight"} <= learning(made)
