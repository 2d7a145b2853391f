"""MoCo v3: its loss both ways, its heads, its teacher's ramp, and a transformer with frozen patches."""

import math

import pytest
import torch
from every import Items, views
from torch import nn

from avssl.methods import MoCoV3
from avssl.nets import SmallNet, ViT
from avssl.training import AdamW, load_encoder, train


def method(count=2, **settings):
    torch.manual_seed(0)
    settings = {"hidden": 16, "dim": 8, "temperature": 0.5, "momentum": 0.9} | settings
    return MoCoV3(SmallNet(dim=8, width=2), views(size=20, count=count), **settings)


def batch_of(count):
    chance = torch.Generator().manual_seed(0)
    key = torch.tensor([[0, 0, index] for index in range(count)])
    return {"frames": torch.rand(count, 3, 20, 20, generator=chance), "key": key}


def slow(queries, keys, temperature):
    """Return the cross-entropy times twice the temperature of algorithm 1, query by query."""
    total = 0.0
    for place, query in enumerate(queries):
        cosines = [float(query @ key / query.norm() / key.norm()) for key in keys]
        likes = [math.exp(cosine / temperature) for cosine in cosines]
        total -= math.log(likes[place] / sum(likes)) * 2 * temperature
    return total / len(queries)


def test_the_loss_is_the_sum_of_both_ways_and_of_three_views_twice_the_mean_over_pairs():
    for count in (2, 3):
        made, batch = method(count=count), batch_of(5)
        shown = made.views_of(batch)[1]
        queries = [made.predictor(made.student()(view.frames)).detach() for view in shown]
        keys = [made.teacher(view.frames) for view in shown]
        pairs = [(one, other) for one in range(count) for other in range(count) if one != other]
        wanted = sum(slow(queries[one], keys[other], 0.5) for one, other in pairs) * 2 / len(pairs)
        assert made(batch)["loss"].item() == pytest.approx(wanted, rel=1e-4)


class Given(nn.Module):
    """Returns the same rows, whatever comes."""

    def __init__(self, rows):
        super().__init__()
        self.rows = nn.Parameter(rows)

    def forward(self, inputs):
        return self.rows


@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_orthogonal_rows_have_the_closed_form_and_a_gradient_that_the_temperature_does_not_change(temperature):
    made = method(temperature=temperature)
    made.predictor, made.teacher = Given(torch.eye(10)[:5]), Given(torch.eye(10)[5:])
    loss = made(batch_of(5))["loss"]
    assert loss.item() == pytest.approx(2 * 2 * temperature * math.log(5), rel=1e-5)
    loss.backward()
    gradient = made.predictor.rows.grad[:, 5:]  # by the cosines with the keys; 2 of the factor, both ways, mean over 5
    torch.testing.assert_close(gradient, 4 * (torch.full((5, 5), 0.2) - torch.eye(5)) / 5)


def test_items_of_one_recording_are_not_told_apart():
    made = method().eval()
    apart, akin = (made(batch_of(4) | {"path": list(names)})["loss"] for names in ("abcd", "aabb"))
    assert akin < apart


def test_residual_networks_and_transformers_have_the_heads_of_the_paper():
    def told(head):
        return [[type(part).__name__ for part in layer] for layer in head]

    full, last = ["Linear", "BatchNorm1d", "ReLU"], ["Linear", "BatchNorm1d"]
    made = method()
    assert told(made.head) == [full, last] and told(made.predictor) == [full, ["Linear"]]
    made = method(head="moco_v3_vit")
    assert told(made.head) == [full, full, last] and told(made.predictor) == [full, last]
    assert not any(name.startswith("predictor") for name, _ in made.teacher.network.named_parameters())


def test_the_teacher_follows_by_a_ramp_that_ends_at_one_and_gets_no_gradient():
    made = method()
    optimizer = torch.optim.SGD([one for one in made.parameters() if one.requires_grad], lr=0.1)
    wanted = {name: value.clone() for name, value in made.student().named_parameters()}
    for step in range(1, 5):
        made(batch_of(4))["loss"].backward()
        assert all(value.grad is None for value in made.teacher.parameters())
        optimizer.step()
        optimizer.zero_grad()
        made.after_step(step, 4)
        momentum = 1 - 0.1 * (math.cos(math.pi * step / 4) + 1) / 2
        for name, value in made.student().named_parameters():
            wanted[name] = momentum * wanted[name] + (1 - momentum) * value.detach()
            torch.testing.assert_close(made.teacher.network.get_parameter(name), wanted[name])
    assert momentum == 1


def test_a_transformer_learns_with_frozen_patches_and_its_encoders_can_be_loaded(tmp_path):
    torch.manual_seed(0)
    encoder = ViT(patch=6, width=16, depth=1, heads=2, size=24, frozen_patches=True, positions="sincos")
    recipes = [*views(size=24, count=1), *views(size=12, count=1)]
    made = MoCoV3(encoder, recipes, head="moco_v3_vit", hidden=16, dim=8, temperature=0.2)
    before = {name: value.clone() for name, value in encoder.trunk.state_dict().items()}
    settings = {"workers": 0, "accelerator": "cpu", "tensorboard": False, "steps": 2, "batch_size": 4}
    train(method=made, data=Items("MoCoV3"), optim=AdamW(lr=1e-2, weight_decay=0.1), out=tmp_path, **settings)
    after = encoder.trunk.state_dict()
    same = {name for name, value in before.items() if value.equal(after[name])}
    assert same == {"conv_proj.weight", "conv_proj.bias", "encoder.pos_embedding"}
    for name, net in (("encoder", made.encoder), ("teacher", made.teacher.network.encoder)):
        found = load_encoder(tmp_path / f"{name}.safetensors")
        assert all(value.equal(found.trunk.state_dict()[key]) for key, value in net.trunk.state_dict().items())
        shown = torch.rand(2, 3, 24, 24)
        torch.testing.assert_close(found(shown), net.eval()(shown))


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match="head 'moco_v3' or 'moco_v3_vit' and temperature above 0; got 'byol'"):
        method(head="byol")
    with pytest.raises(ValueError, match=r"got 'moco_v3' and 0\.0"):
        method(temperature=0.0)
