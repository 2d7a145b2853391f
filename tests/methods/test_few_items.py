"""Every method measures any number of items in batches of any size, and says in one line what it cannot learn from."""

import math

import pytest
import torch
from every import MAKE, Items, make

from avssl import methods
from avssl.data import collate


def batches(name, count, size):
    items = [Items(name)[index] for index in range(count)]
    return [collate(items[first : first + size]) for first in range(0, count, size)]


def test_no_method_is_forgotten():
    assert set(methods.__all__) - {"Method"} <= MAKE.keys()


@pytest.mark.parametrize("name", MAKE)
def test_one_two_and_three_items_are_measured_whatever_remains_in_the_last_batch(name):
    method = make(name).eval()
    whole = method.measure(batches(name, 3, 3))
    for count, size in ((1, 4), (2, 1), (3, 1), (3, 2)):
        scores = method.measure(batches(name, count, size))
        assert scores and all(isinstance(value, float) for value in scores.values())
        if count == 3:
            assert scores.keys() == whole.keys() and all(map(math.isfinite, scores.values()))


@pytest.mark.parametrize("name", ["L3", "AVE", "AVOL", "CMA", "CrossModalNCE", "bank", "XDC", "SeLaVi"])
def test_a_lone_last_item_is_measured_with_its_neighbours_and_one_alone_is_counted_as_left_out(name):
    method = make(name).eval()
    assert method.measure(batches(name, 3, 2)) == pytest.approx(method.measure(batches(name, 3, 3)), abs=1e-5)
    assert "alone" not in method.measure(batches(name, 3, 2)) and method.measure(batches(name, 1, 1))["alone"] == 1


@pytest.mark.parametrize("name", MAKE)
def test_a_batch_of_one_to_learn_from_works_or_is_refused_in_one_line(name):
    method = make(name)
    for _, task in method.named_tasks() if name == "SeveralTasks" else [(name, method)]:
        told, loss = "", torch.zeros((), requires_grad=True)
        try:
            loss = task(batches(name, 1, 1)[0])["loss"]
        except ValueError as error:
            told = str(error)
        assert "batch of at least 2" in told or "batch_size to 2" in told or (not told and task.least_recordings == 1)
        assert torch.isfinite(loss) and loss.requires_grad


def test_a_batch_of_one_is_refused_by_those_that_tell_recordings_apart():
    for name in ("L3", "AVE", "AVOL", "AVTS", "CrossModalNCE", "JigsawPlusPlus"):
        with pytest.raises(ValueError, match="2"):
            make(name)(batches(name, 1, 1)[0])
