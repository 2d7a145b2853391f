"""The running average of weights: its closed form, what it leaves alone, and that it goes as it came."""

import pytest
import torch
from torch import nn

from avssl.nets.older_names import load_older_names
from avssl.training.average import Average


def test_the_average_is_that_of_its_recursion_worked_out_by_hand():
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(1.0)
    average = Average(module, 0.9)
    wanted = 1.0
    for step, value in enumerate([3.0, -2.0, 5.0], 1):
        module.weight.data.fill_(value)
        average.update(module, step)
        keep = min(0.9, (1 + step) / (10 + step))
        wanted = keep * wanted + (1 - keep) * value
    assert average.values["weight"].item() == pytest.approx(wanted)


def test_late_in_a_run_the_decay_is_what_was_asked_for():
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(0.0)
    average = Average(module, 0.5)
    module.weight.data.fill_(1.0)
    average.update(module, 1000)
    assert average.values["weight"].item() == 0.5


def test_batch_statistics_are_averaged_and_counters_are_copied():
    norm = nn.BatchNorm1d(2)
    average = Average(norm, 0.5)
    norm(torch.randn(8, 2) + 5)
    average.update(norm, 1000)
    torch.testing.assert_close(average.values["running_mean"], norm.running_mean / 2)
    torch.testing.assert_close(average.values["running_var"], (1 + norm.running_var) / 2)
    assert average.values["num_batches_tracked"] == norm.num_batches_tracked == 1


def test_weights_come_back_bit_for_bit_after_the_average_was_applied():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = Average(module, 0.9)
    for parameter in module.parameters():
        parameter.data.normal_()
    average.update(module, 1)
    live = {name: value.clone() for name, value in module.state_dict().items()}
    kept = {name: value.clone() for name, value in average.values.items()}
    with average.applied(module):
        assert all(torch.equal(value, kept[name]) for name, value in module.state_dict().items())
    assert all(torch.equal(value, live[name]) for name, value in module.state_dict().items())
    assert all(torch.equal(value, kept[name]) for name, value in average.values.items())


def test_the_weights_come_back_even_if_measuring_fails():
    module = nn.Linear(2, 2)
    average = Average(module, 0.9)
    live = module.weight.detach().clone()
    average.values["weight"].zero_()
    with pytest.raises(RuntimeError, match="measure"), average.applied(module):
        raise RuntimeError("measure")
    assert torch.equal(module.weight, live)


def test_an_average_under_earlier_names_is_taken_up_by_those_that_the_module_knows():
    head, before = nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2))
    load_older_names(head, {"fc.weight": "0.weight", "fc.bias": "0.bias"})
    average, live = Average(head, 0.9), {name: value.clone() for name, value in head.state_dict().items()}
    average.load_state_dict({f"fc.{name[2:]}": value for name, value in before.state_dict().items()})
    for name, value in before.state_dict().items():
        assert torch.equal(average.values[name], value)
        assert torch.equal(head.state_dict()[name], live[name])  # the module itself stays as it was
