"""What CPC of pictures, of sound and of video keep: the loss of chance, what counts, and no trace of measuring."""

import math

import pytest
import torch
from every import ITEMS, PREDICTING, Items, make
from torch import nn

from avssl.data import collate


def batch_of(name, own=slice(None)):
    return collate([Items(name)[index] for index in range(ITEMS)[own]])


@pytest.mark.parametrize("name", PREDICTING)
def test_predictions_that_tell_nothing_have_the_loss_of_chance(name):
    method = make(name).eval()
    for weight in method.predict.parameters():
        nn.init.zeros_(weight)
    found = method.measure([batch_of(name)])
    assert math.isclose(found["loss"], -math.log(found["chance"]), rel_tol=1e-5)
    assert found["accuracy"] <= 1 / ITEMS


@pytest.mark.parametrize("name", PREDICTING)
def test_items_of_one_recording_are_no_negatives(name):
    method, batch = make(name).eval(), batch_of(name)
    apart, akin = method(batch), method(batch | {"group": ["film"] * ITEMS})
    torch.testing.assert_close(akin["chance"], ITEMS * apart["chance"])
    assert akin["loss"] < apart["loss"]
    alone = torch.stack([method(batch_of(name, slice(item, item + 1)))["loss"] for item in range(ITEMS)]).mean()
    torch.testing.assert_close(akin["loss"], alone)


@pytest.mark.parametrize("name", PREDICTING)
def test_measuring_changes_nothing_and_says_the_same_again(name):
    method = make(name).eval()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    scores = method.measure([batch_of(name)])
    assert method.measure([batch_of(name)]) == scores
    assert all(value.equal(before[key]) for key, value in method.state_dict().items())
