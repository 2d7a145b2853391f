"""Dense evaluators where there is a GPU."""

import pytest
import torch

from avssl.evaluation.dense.fitting import Fitting
from avssl.nets import SmallNet
from tests.evaluation.dense.evaluators import evaluator, segmentation, surfaces

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("make", [segmentation, surfaces, evaluator])
def test_a_dense_evaluation_runs_on_the_gpu_and_repeats(make, tmp_path):
    settings = {"tuning": ["fine-tuned"], "fitting": Fitting(steps=3, batch=4)}
    encoder = SmallNet(width=4, dim=8)
    first, second = (make(**settings)(encoder, device="cuda").numbers for _ in range(2))
    assert first == pytest.approx(second, abs=0.05, nan_ok=True)
