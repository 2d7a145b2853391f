"""In a training step no host waits for its device: shown on a feigned device, which knows shapes and no values."""

import traceback

import pytest
import torch
from every import ITEMS, OF_VIEWS, Items, make
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from avssl.data import collate
from avssl.transforms import Draws, GaussianBlur

NAMES = "recordings.py"  # numbers made of the files' names come from the host, by a copy that does not wait


class Copies(TorchDispatchMode):
    """Notes what is copied from the host to the device, and where that is asked."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if "copy" in str(func):
            came = {each.device.type for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
            went = {each.device.type for each in tree_leaves(made) if isinstance(each, Tensor)}
            if "cpu" in came and "cuda" in went:
                own = [frame for frame in traceback.extract_stack() if "/avssl/" in frame.filename]
                self.found.append(f"{own[-1].filename}:{own[-1].lineno}" if own else "nobody of ours")
        return made


def there(value):
    return torch.empty(value.shape, dtype=value.dtype, device="cuda") if isinstance(value, Tensor) else value


def move(method):
    """Put a method's parameters and buffers on the feigned device."""
    for module in method.modules():
        for name, value in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(there(value), requires_grad=value.requires_grad))
        for name, value in module.named_buffers(recurse=False):
            setattr(module, name, there(value))


@pytest.mark.parametrize("name", OF_VIEWS)
def test_no_method_of_views_waits_in_its_step(name):
    method, batch = make(name), collate([Items(name)[index] for index in range(ITEMS)])
    with FakeTensorMode(allow_non_fake_inputs=True):  # whatever needs a value, a count, or a shape made of values fails
        move(method)
        with Copies() as copies:
            assert method({key: there(value) for key, value in batch.items()})["loss"].device.type == "cuda"
            method.after_backward(1, 10)
            method.after_step(1, 10)
    assert [place for place in copies.found if NAMES not in place] == []


def test_a_blur_does_not_wait_to_know_whom_it_blurs():
    with FakeTensorMode():
        frames, key = torch.empty(4, 1, 3, 16, 16, device="cuda"), torch.empty(4, 3, device="cuda").long()
        assert GaussianBlur(0.5, kernel=3)(frames, Draws(key)).shape == frames.shape
