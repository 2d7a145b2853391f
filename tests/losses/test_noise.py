"""Noise contrast against slow writings, closed forms, and the numbers it had in the methods of sound."""

import math

import pytest
import torch
from torch.nn import functional as F

from avssl.losses import contrast_with_bank, estimate_log_constant, noise_contrast
from avssl.methods.sound.bank import noise_contrast as old_noise_contrast
from avssl.methods.sound.bank import told_apart


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


@pytest.mark.parametrize("true", [1, 2])
def test_it_has_the_numbers_that_it_had(true):
    rows, bank, places = made()
    constant = torch.zeros(())
    before = told_apart(rows, bank, places, 0.07, constant, estimate=True, true=true)
    found, log_constant = contrast_with_bank(rows, bank, places, 0.07, true=true)
    torch.testing.assert_close(found, before, rtol=1e-5, atol=1e-5)
    assert log_constant.exp().item() == pytest.approx(constant.item(), rel=1e-5)
    other = made(seed=1)[0]
    again, kept = contrast_with_bank(other, bank, places, 0.07, log_constant, true)
    assert kept is log_constant
    torch.testing.assert_close(
        again, told_apart(other, bank, places, 0.07, constant, estimate=True, true=true), rtol=1e-5, atol=1e-5
    )
    raw = torch.randn(3, 6).exp()
    torch.testing.assert_close(
        noise_contrast(raw.log(), torch.tensor(9.0).log(), 20, true),
        old_noise_contrast(raw, torch.tensor(9.0), 20, true),
    )


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
    with pytest.raises(ValueError, match="at least one row; got none"):
        estimate_log_constant(torch.zeros(0, 4), 5)
