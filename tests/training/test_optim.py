"""Optimisers: LARS against an independent writing, what is decayed, what groups may say for themselves."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from avssl.training import LARS, SGD, AdamW, Constant
from avssl.training.optim import set_rates, split


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2)).double()


def slow_lars(weights, gradients, *, lr, momentum, weight_decay, trust):
    """Algorithm 1 of You et al., one number at a time; ``gradients`` is one list of arrays a step."""
    weights = [weight.copy() for weight in weights]
    velocities = [np.zeros_like(weight) for weight in weights]
    for step in gradients:
        for weight, velocity, gradient in zip(weights, velocities, step, strict=True):
            matrix = weight.ndim > 1
            decay = weight_decay if matrix else 0.0
            size = math.sqrt(sum(w * w for w in weight.flat))
            slope = math.sqrt(sum(g * g for g in gradient.flat))
            local = trust * size / (slope + decay * size) if matrix and size > 0 and slope > 0 else 1.0
            for place in np.ndindex(weight.shape):
                velocity[place] = momentum * velocity[place] + lr * local * (gradient[place] + decay * weight[place])
            for place in np.ndindex(weight.shape):
                weight[place] -= velocity[place]
    return weights


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_lars_takes_the_steps_of_the_paper(weight_decay):
    settings = {"lr": 0.5, "momentum": 0.8, "weight_decay": weight_decay, "trust": 0.02}
    module = net()
    before = [parameter.detach().numpy().copy() for parameter in module.parameters()]
    rng = np.random.default_rng(0)
    gradients = [[rng.normal(size=weight.shape) for weight in before] for _ in range(4)]
    optimizer = LARS(**settings)([{"params": module.parameters()}])
    for step in gradients:
        for parameter, gradient in zip(module.parameters(), step, strict=True):
            parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
    for parameter, wanted in zip(module.parameters(), slow_lars(before, gradients, **settings), strict=True):
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
