"""On a GPU: every method of views trains in half precision, compiled, channels last; its views are those of a CPU."""

import math

import pytest
import torch
from every import OF_VIEWS, Items, make

from avssl.data import collate
from avssl.training import SGD, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore"),  # compilers and drivers warn of much that is not ours
]


@pytest.mark.parametrize("name", OF_VIEWS)
def test_a_run_in_half_precision_compiled_and_with_channels_last_trains(tmp_path, name):
    settings = {"data": Items(name), "optim": SGD(lr=0.01), "batch_size": 4, "workers": 0, "tensorboard": False}
    settings |= {"accelerator": "cuda", "precision": "bf16-mixed", "compile": True, "channels_last": True}
    method = train(method=make(name), out=tmp_path, steps=3, measure_every=3, save_every=3, **settings)
    assert all(value.isfinite().all() for value in method.state_dict().values() if value.is_floating_point())


@pytest.mark.parametrize("name", OF_VIEWS)
def test_a_loss_on_a_gpu_is_that_on_a_cpu(name):
    batch = collate([Items(name)[index] for index in range(4)])
    there = {key: value.cuda() if isinstance(value, torch.Tensor) else value for key, value in batch.items()}
    losses = [make(name).eval()(batch)["loss"], make(name).eval().cuda()(there)["loss"].cpu()]
    assert math.isclose(losses[0].item(), losses[1].item(), rel_tol=1e-2, abs_tol=1e-3)
