"""Logistic regression for several penalties at once gives what each descent by itself gives."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from avssl.evaluation.probes import line_search, logistic
from avssl.evaluation.probes.line_search import Point, strong_wolfe
from avssl.evaluation.probes.linear import loss_of
from avssl.evaluation.probes.logistic import fit_all

PENALTIES = (1.0, 0.01, 1e-5)


def problem(several, scale=1.0, items=40, dim=7):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(items, dim)) * np.geomspace(1, scale, dim)
    truth = (rng.integers(3, size=items)[:, None] == np.arange(3)).astype(float)
    if several:
        truth[:, 0] = rng.integers(2, size=items)
        truth[rng.random(truth.shape) < 0.1] = np.nan
    return features, truth


def alone(features, truth, several, penalty, steps):
    """PyTorch's own L-BFGS, a product of matrices for each point of a line search."""
    known, wanted = torch.from_numpy(features), torch.from_numpy(truth)
    weights = torch.zeros(known.shape[1], wanted.shape[1], dtype=known.dtype, requires_grad=True)
    bias = torch.zeros(wanted.shape[1], dtype=known.dtype, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=steps, history_size=10, line_search_fn="strong_wolfe")

    def cost():
        optimiser.zero_grad()
        total = loss_of(known @ weights + bias, wanted, several) + penalty / 2 * weights.square().sum()
        total.backward()
        return total

    optimiser.step(cost)
    return weights.detach().numpy(), bias.detach().numpy()


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("steps", [1, 6, 40])
def test_each_descent_is_that_of_l_bfgs_by_itself(several, scale, steps):
    features, truth = problem(several, scale)
    for found, penalty in zip(fit_all(features, truth, several, PENALTIES, steps), PENALTIES, strict=True):
        for ours, theirs in zip(found, alone(features, truth, several, penalty, steps), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("several", [False, True])
def test_many_steps_come_to_the_minimum(several):
    features, truth = problem(several)
    wanted, known = torch.from_numpy(truth), torch.from_numpy(features)

    def cost(flat):
        table = torch.from_numpy(flat).view(8, 3).requires_grad_()
        total = loss_of(known @ table[:7] + table[7], wanted, several) + 0.01 / 2 * table[:7].square().sum()
        total.backward()
        return total.item(), table.grad.numpy().ravel()

    lowest = minimize(cost, np.zeros(24), jac=True, method="BFGS", options={"gtol": 1e-9}).fun
    ((weights, bias),) = fit_all(features, truth, several, [0.01], 300)
    assert cost(np.concatenate([weights, bias[None]]).ravel())[0] == pytest.approx(lowest, abs=1e-8)


def test_what_other_penalties_do_says_nothing_in_a_descent():
    features, truth = problem(False)  # double precision: on some processors products of other shapes round otherwise
    together = fit_all(features, truth, False, PENALTIES, 50)
    for both, penalty in zip(together, PENALTIES, strict=True):
        ((weights, bias),) = fit_all(features, truth, False, [penalty], 50)
        np.testing.assert_allclose(both[0], weights, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(both[1], bias, rtol=1e-6, atol=1e-7)


def test_a_descent_that_is_through_is_not_gone_on_with(monkeypatch):
    widths, plain = [], torch.cat
    monkeypatch.setattr(logistic.torch, "cat", lambda parts: widths.append(len(parts)) or plain(parts))
    features, truth = problem(False)
    fit_all(features, truth, False, PENALTIES, 100)
    assert widths[0] == 3 and widths[-1] == 1 and sorted(widths, reverse=True) == widths


def test_features_that_say_nothing_give_the_shares_of_the_classes():
    truth = np.eye(3)[[0, 0, 0, 1, 2, 2]]
    ((weights, bias),) = fit_all(np.zeros((6, 4), np.float32), truth, False, [0.1], 100)
    assert not weights.any()
    np.testing.assert_allclose(np.exp(bias) / np.exp(bias).sum(), [1 / 2, 1 / 6, 1 / 3], atol=1e-4)


CURVES = {
    "a valley far off": (lambda x: (x - 50) ** 2, lambda x: 2 * (x - 50)),
    "a valley close by": (lambda x: (x - 0.01) ** 2, lambda x: 2 * (x - 0.01)),
    "a wall": (lambda x: x**8 - x, lambda x: 8 * x**7 - 1),
    "waves": (lambda x: np.cos(3 * x) - x / 9, lambda x: -3 * np.sin(3 * x) - 1 / 9),
}


@pytest.mark.parametrize("first", [0.001, 1.0, 7.0])
@pytest.mark.parametrize("curve", CURVES)
def test_a_line_search_ends_where_enough_is_gained_and_little_is_left(curve, first):
    height, slope = CURVES[curve]
    start = Point(0.0, height(0.0), slope(0.0))
    found = strong_wolfe(lambda at: Point(at, height(at), slope(at)), start, first, 1.0, 25)
    assert found.loss == height(found.at) <= start.loss + line_search.DOWN * found.at * start.slope
    assert abs(found.slope) <= line_search.LEVEL * abs(start.slope)


def test_a_line_search_tries_no_more_points_than_it_may():
    tried = []

    def far(at):
        tried.append(at)
        return Point(at, -at, -1.0)  # it goes down for ever

    assert strong_wolfe(far, Point(0.0, 0.0, -1.0), 1.0, 1.0, 3).at == max(tried) == tried[-1] and len(tried) == 4
