"""Noise contrast against slow writings, closed forms, and numbers of earlier versions."""

import math

import pytest
import torch
from torch.nn import functional as F

from avssl.losses import contrast_with_bank, estimate_log_constant, noise_contrast


def made(count=3, entries=20, width=6, seed=0):
    chance = torch.Generator().manual_seed(seed)
    rows, bank = (F.normalize(torch.randn(size, 8, generator=chance), dim=1) for size in (count, entries))
    return rows, bank, torch.randint(entries, (count, width), generator=chance)


@pytest.mark.parametrize("true", [1, 2])
def test_noise_contrast_equals_a_slow_writing(true):
    logits, constant, entries = torch.randn(4, 7, dtype=torch.float64), 31.0, 50
    found = noise_contrast(logits, torch.tensor(constant).log(), entries, true)
    for row, values in enumerate(logits.tolist()):
        chances = [math.exp(value) / constant for value in values]
        noise = len(values) - true
        taken = [chance / (chance + noise / entries) for chance in chances]
        yes = -sum(math.log(one) for one in taken[:true]) / true
        no = -sum(math.log(1 - one) for one in taken[true:])
        assert found[row].item() == pytest.approx(yes + no, rel=1e-6)


@pytest.mark.parametrize("noise", [1, 10, 4096])
def test_where_nothing_is_known_it_costs_the_closed_form(noise):
    entries = 5000
    found = noise_contrast(torch.zeros(1, noise + 1), torch.tensor(float(entries)).log(), entries).item()
    assert found == pytest.approx(math.log(1 + noise) + noise * math.log(1 + 1 / noise), rel=1e-5)


@pytest.mark.parametrize(
    ("true", "first", "second", "masked"),
    [
        (
            1,
            [0.469924241, 9.88555813, 12.9738665],
            [3.22219872, 13.4146109, 12.9598713],
            [0.416982293, 9.88174152, 12.9275904],
        ),
        (
            2,
            [1.59238017, 6.37375259, 8.36450005],
            [4.51184845, 7.10270309, 16.0088234],
            [1.59237969, 6.36898422, 8.36450005],
        ),
    ],
)
def test_the_contrast_with_a_bank_has_the_numbers_of_earlier_versions(true, first, second, masked):
    rows, bank, places = made()
    found, log_constant = contrast_with_bank(rows, bank, places, 0.07, true=true)
    assert found.tolist() == pytest.approx(first, rel=1e-5)
    assert log_constant.exp().item() == pytest.approx(42513.34375, rel=1e-5)
    again, kept = contrast_with_bank(made(seed=1)[0], bank, places, 0.07, log_constant, true)
    assert kept is log_constant
    assert again.tolist() == pytest.approx(second, rel=1e-5)
    counts = torch.arange(18).view(3, 6)[:, true:] % 4 != 1
    assert contrast_with_bank(rows, bank, places, 0.07, true=true, counts=counts)[0].tolist() == pytest.approx(
        masked, rel=1e-5
    )


@pytest.mark.parametrize("true", [1, 2])
def test_noise_that_does_not_count_adds_nothing_and_gets_no_gradient(true):
    logits = torch.randn(4, 7, dtype=torch.float64, requires_grad=True)
    counts = torch.rand(4, 7 - true, generator=torch.Generator().manual_seed(0)) < 0.5
    found = noise_contrast(logits, torch.tensor(31.0).log(), 50, true, counts)
    found.sum().backward()
    share = (7 - true) / 50
    for row, values in enumerate(logits.tolist()):
        chances = [math.exp(value) / 31 for value in values]
        slow = -sum(math.log(chance / (chance + share)) for chance in chances[:true]) / true
        slow -= sum(
            math.log(share / (chance + share)) for chance, kept in zip(chances[true:], counts[row], strict=True) if kept
        )
        assert found[row].item() == pytest.approx(slow, rel=1e-6)
    assert torch.equal(logits.grad[:, true:] != 0, counts)


def test_the_constant_makes_a_distribution_over_the_bank():
    rows, bank, _ = made(1)
    logits = rows @ bank.T / 0.2
    assert estimate_log_constant(logits, len(bank)).item() == pytest.approx(logits.logsumexp(1).item(), rel=1e-6)


def test_sharp_temperatures_stay_finite_and_still_teach():
    rows, bank, places = made()
    rows.requires_grad_()
    losses, constant = contrast_with_bank(rows, bank, places, temperature=0.005)
    losses.sum().backward()
    assert losses.isfinite().all() and constant.isfinite() and rows.grad.abs().amin(1).gt(0).any()


def test_gradients_are_those_of_differences_and_at_most_one():
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    constant = torch.tensor(20.0, dtype=torch.float64).log()
    assert torch.autograd.gradcheck(lambda table: noise_contrast(table, constant, 30), (logits,))
    noise_contrast(100 * logits, constant, 30).sum().backward()
    assert logits.grad.abs().max() <= 100


def test_nothing_to_tell_from_is_said_in_one_line():
    with pytest.raises(ValueError, match="at least one true entry and one of noise; got 2 of 2"):
        noise_contrast(torch.zeros(1, 2), torch.zeros(()), 5, true=2)
    with pytest.raises(ValueError, match=r"counts needs the shape of the noise, \(1, 3\); got \(1, 4\)"):
        noise_contrast(torch.zeros(1, 4), torch.zeros(()), 5, counts=torch.ones(1, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="at least one row; got none"):
        estimate_log_constant(torch.zeros(0, 4), 5)
