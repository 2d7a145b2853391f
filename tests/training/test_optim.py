"""Optimisers: LARS against an independent writing, what is decayed, what groups may say for themselves."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from avssl.training import LARS, SGD, AdamW, Constant, TrainingError
from avssl.training.optim import forget, optimizers, set_rates, split


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2)).double()


def slow_lars(weights, gradients, *, lrs, momentum, weight_decay, trust):
    """LARS as the code of BYOL and MoCo v3 has it, one number at a time; a rate and a list of arrays for each step."""
    weights = [weight.copy() for weight in weights]
    velocities = [np.zeros_like(weight) for weight in weights]
    for lr, step in zip(lrs, gradients, strict=True):
        for weight, velocity, gradient in zip(weights, velocities, step, strict=True):
            matrix = weight.ndim > 1
            decay = weight_decay if matrix else 0.0
            size = math.sqrt(sum(w * w for w in weight.flat))
            slope = math.sqrt(sum((g + decay * w) ** 2 for g, w in zip(gradient.flat, weight.flat, strict=True)))
            local = trust * size / slope if matrix and size > 0 and slope > 0 else 1.0
            for place in np.ndindex(weight.shape):
                velocity[place] = momentum * velocity[place] + local * (gradient[place] + decay * weight[place])
            for place in np.ndindex(weight.shape):
                weight[place] -= lr * velocity[place]
    return weights


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_lars_takes_the_steps_of_the_authors_code(weight_decay):
    settings = {"momentum": 0.8, "weight_decay": weight_decay, "trust": 0.02}
    schedule, lrs = Constant(warmup=4), [0.125, 0.25, 0.375, 0.5]  # the rate comes last: it does not stay in momentum
    module = net()
    before = [parameter.detach().numpy().copy() for parameter in module.parameters()]
    rng = np.random.default_rng(0)
    gradients = [[rng.normal(size=weight.shape) for weight in before] for _ in range(4)]
    optimizer = LARS(lr=0.5, **settings)([{"params": module.parameters()}])
    for number, step in enumerate(gradients):
        set_rates(optimizer, schedule, number, 4)
        for parameter, gradient in zip(module.parameters(), step, strict=True):
            parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
    for parameter, wanted in zip(module.parameters(), slow_lars(before, gradients, lrs=lrs, **settings), strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), wanted, rtol=1e-10, atol=1e-12)


def test_lars_moves_a_layer_that_starts_at_zero():
    weight = nn.Parameter(torch.zeros(2, 2))
    optimizer = LARS(lr=0.1, momentum=0.0)([{"params": [weight]}])
    weight.grad = torch.ones(2, 2)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), -0.1))


def test_lars_runs_a_closure_and_returns_its_loss():
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = LARS(lr=0.1)([{"params": [weight]}])

    def closure():
        optimizer.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 4.0 and (weight < 1).all()


@pytest.mark.parametrize(
    "optim", [SGD(lr=0.1, weight_decay=0.5), AdamW(lr=0.1, weight_decay=0.5), LARS(lr=0.1, weight_decay=0.5)]
)
def test_only_matrices_and_kernels_are_decayed(optim):
    module = net()
    before = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    optimizer = optim([{"params": module.parameters()}])
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moved = {name for name, parameter in module.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {"0.weight", "3.weight"}


@pytest.mark.parametrize(
    "optim", [SGD(lr=0.1, weight_decay=0.5), AdamW(lr=0.1, weight_decay=0.5), LARS(lr=0.1, weight_decay=0.5)]
)
def test_a_group_may_decay_all_of_its_parameters(optim):
    module = net()
    optimizer = optim([{"params": module.parameters(), "decay_all": True}])
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.5}
    assert not any("decay_all" in group for group in optimizer.param_groups)


def test_groups_go_to_the_optimiser_that_they_name():
    module = net()
    groups = [
        {"params": list(module[0].parameters())},
        {"params": list(module[3].parameters()), "optimizer": "adversary", "lr": 0.3},
    ]
    found = optimizers(groups, SGD(lr=0.1), {"adversary": AdamW(lr=0.2)})
    assert list(found) == ["optimizer", "adversary"]
    assert [type(one).__name__ for one in found.values()] == ["SGD", "AdamW"]
    held = {name: {id(p) for group in one.param_groups for p in group["params"]} for name, one in found.items()}
    assert held == {
        "optimizer": set(map(id, module[0].parameters())),
        "adversary": set(map(id, module[3].parameters())),
    }
    assert {group["lr"] for group in found["adversary"].param_groups} == {0.3}


@pytest.mark.parametrize(
    ("group", "complaint"),
    [
        ({"optimizer": "predictor"}, "trains its predictor, .*; there is none of that name: use 'adversary'$"),
        (
            {"weight_deacy": 0.1},
            "a group of its parameters has 'weight_deacy', which SGD does not know; it knows dampening",
        ),
        ({"adversary": True}, "a group of its parameters has 'adversary', which SGD does not know"),
    ],
)
def test_a_group_that_no_optimiser_understands_is_refused(group, complaint):
    with pytest.raises(TrainingError, match=complaint):
        optimizers([{"params": list(net().parameters())} | group], SGD(lr=0.1), {"adversary": None})


def test_what_is_remembered_of_parameters_made_anew_is_dropped_and_of_others_kept():
    module = net()
    optimizer = AdamW(lr=0.1)([{"params": module.parameters()}])
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    forget([optimizer], [module[3].weight])
    assert len(optimizer.state) == 5 and module[3].weight not in optimizer.state
    optimizer.step()
    assert optimizer.state[module[3].weight]["step"] == 1 and optimizer.state[module[3].bias]["step"] == 2


def test_a_group_may_have_its_own_rate_and_decay_and_frozen_weights_are_left_out():
    module = net()
    module[0].weight.requires_grad_(False)
    head = list(module[3].parameters())
    groups = [{"params": module[0].parameters()}, {"params": head, "lr": 1.0, "weight_decay": 0.3}]
    optimizer = SGD(lr=0.1, weight_decay=0.5)(groups)
    assert [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [
        (0.1, 0.0),
        (1.0, 0.3),
        (1.0, 0.3),
    ]
    assert set_rates(optimizer, Constant(warmup=4), 1, 100) == 0.05
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.5, 0.5]
    assert set_rates(optimizer, None, 50, 100) == 0.1


def test_nothing_is_lost_when_groups_are_split():
    module = net()
    parts = split([{"params": list(module.parameters())}], 0.1)
    assert sum(len(part["params"]) for part in parts) == len(list(module.parameters()))
