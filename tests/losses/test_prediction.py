"""Contrastive prediction against a slow writing, its closed forms, and what must not count."""

import math

import pytest
import torch

from avssl.losses import predictive_contrast

ITEMS, ANCHORS, PLACES, DIM = 4, 3, 5, 6


def given(seed=0, items=ITEMS, dtype=torch.float64):
    chance = torch.Generator().manual_seed(seed)
    predicted = torch.randn(items, ANCHORS, DIM, generator=chance, dtype=dtype)
    candidates = torch.randn(items, PLACES, DIM, generator=chance, dtype=dtype)
    return predicted, candidates, torch.randint(PLACES, (items, ANCHORS), generator=chance)


def slow(predicted, candidates, places, recordings, present):
    """Return loss, accuracy and chance by loops over items, anchors and candidates."""
    losses, right, guesses = [], [], []
    for item in range(len(predicted)):
        for anchor in range(ANCHORS) if present[item] else ():
            logits = {}
            for other in range(len(candidates)):
                if other == item or (recordings[other] != recordings[item] and present[other]):
                    for place in range(PLACES):
                        pairs = zip(predicted[item, anchor].tolist(), candidates[other, place].tolist(), strict=True)
                        logits[other, place] = sum(one * two for one, two in pairs)
            own = item, int(places[item, anchor])
            losses.append(-math.log(math.exp(logits[own]) / sum(map(math.exp, logits.values()))))
            right.append(max(logits, key=logits.__getitem__) == own)
            guesses.append(1 / len(logits))
    named = {"loss": losses, "accuracy": right, "chance": guesses}
    return {name: sum(each) / len(each) for name, each in named.items()}


@pytest.mark.parametrize("recordings", [[0, 1, 2, 3], [0, 1, 0, 3], [5, 5, 5, 5]])
@pytest.mark.parametrize("present", [[True] * 4, [True, False, True, True]])
def test_it_is_the_papers_sum_over_all_that_counts(recordings, present):
    values = given()
    found = predictive_contrast(*values, torch.tensor(recordings), torch.tensor(present))
    for name, wanted in slow(*values, recordings, present).items():
        assert math.isclose(found[name].item(), wanted, rel_tol=1e-6), name


def test_equal_logits_are_the_log_of_the_candidates():
    predicted, candidates, places = given()
    found = predictive_contrast(torch.zeros_like(predicted), candidates, places)
    assert math.isclose(found["loss"].item(), math.log(ITEMS * PLACES), rel_tol=1e-6)
    assert math.isclose(found["chance"].item(), 1 / (ITEMS * PLACES), rel_tol=1e-6)


def test_what_is_predicted_as_it_is_comes_first():
    rows = torch.nn.functional.normalize(given()[1], dim=2)
    places = torch.arange(PLACES).expand(ITEMS, -1)
    assert predictive_contrast(rows, rows, places)["accuracy"] == 1
    assert predictive_contrast(rows, rows, places.flip(1))["accuracy"] == 1 / PLACES  # the middle one alone


def test_the_gradient_of_equal_logits_is_their_share_less_the_truth():
    predicted, candidates, places = given()
    predicted = torch.zeros_like(predicted).requires_grad_()
    predictive_contrast(predicted, candidates, places)["loss"].backward()
    own = candidates.gather(1, places[..., None].expand(-1, -1, DIM))
    torch.testing.assert_close(predicted.grad, (candidates.mean((0, 1)) - own) / (ITEMS * ANCHORS))


def test_what_is_absent_has_no_gradient_and_where_all_is_the_loss_is_zero():
    predicted, candidates, places = given()
    candidates.requires_grad_()
    predictive_contrast(predicted, candidates, places, present=torch.tensor([True, True, False, True]))[
        "loss"
    ].backward()
    assert (candidates.grad[2] == 0).all() and (candidates.grad[0] != 0).any()
    candidates.grad = None
    found = predictive_contrast(predicted, candidates, places, present=torch.zeros(ITEMS, dtype=torch.bool))
    found["loss"].backward()
    assert found["loss"] == 0 and (candidates.grad == 0).all()


def test_half_precision_is_computed_in_single():
    predicted, candidates, places = given(dtype=torch.bfloat16)
    found = predictive_contrast(predicted, candidates, places)["loss"]
    assert found.dtype == torch.float32
    assert found.equal(predictive_contrast(predicted.float(), candidates.float(), places)["loss"])


@pytest.mark.parametrize("part", range(3))
def test_shapes_that_do_not_fit_are_refused_in_one_line(part):
    values = list(given())
    values[part] = values[part][:-1]
    with pytest.raises(ValueError, match=r"^needs predicted \(items, anchors, dim\), .*; got [^\n]*$"):
        predictive_contrast(*values)
