"""On a GPU: lower precision, compiled, channels last, and resumed."""

import math
import signal

import pytest
import torch
from training_fakes import Classed, run, run_until_killed
from two_processes import ended

from avssl.training import KNearestMonitor, LinearMonitor, RankMonitor
from avssl.training.journal import read

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore"),  # compilers and drivers warn of much that is not ours
]


def near(train, test):
    return KNearestMonitor(train, test, k=3)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_a_compiled_run_in_half_precision_with_channels_last_trains(tmp_path, precision):
    method = run(
        tmp_path,
        steps=6,
        accelerator="cuda",
        precision=precision,
        compile=True,
        channels_last=True,
        workers=2,
        log_every=1,
        monitors=[monitor(Classed(), Classed(40, 2)) for monitor in (LinearMonitor, near)] + [RankMonitor(Classed())],
    )
    assert method.encoder.trunk.conv1[0].weight.is_cuda
    losses = [record["loss"] for record in read(tmp_path / "log.jsonl") if "loss" in record]
    assert len(losses) == 6 and all(map(math.isfinite, losses))
    measured = [record for record in read(tmp_path / "log.jsonl") if "monitor/rankme" in record]
    assert len(measured) == 3 and all(0 <= one["monitor/knn_accuracy"] <= 1 for one in measured)
    assert not any("_orig_mod" in name for name in method.state_dict())


def test_a_compiled_step_in_full_precision_is_the_eager_step(tmp_path):
    settings = {"steps": 2, "accelerator": "cuda"}
    eager = run(tmp_path / "eager", **settings).state_dict()
    compiled = run(tmp_path / "compiled", compile=True, **settings).state_dict()
    for name, value in eager.items():
        torch.testing.assert_close(compiled[name], value, rtol=1e-2, atol=1e-3)


def test_a_run_killed_on_a_gpu_ends_where_an_uncut_one_does(tmp_path, start, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        assert ended(start(killed_on_gpu, tmp_path / "cut")) == [-signal.SIGKILL]
        run(tmp_path / "cut", steps=11, accelerator="cuda")
        run(tmp_path / "whole", steps=11, accelerator="cuda")
    finally:
        torch.use_deterministic_algorithms(False)
    cut, whole = (torch.load(tmp_path / name / "last.ckpt", weights_only=True)["method"] for name in ("cut", "whole"))
    for name, value in whole.items():
        torch.testing.assert_close(cut[name], value, rtol=1e-5, atol=1e-6)


def killed_on_gpu(out):
    torch.use_deterministic_algorithms(True, warn_only=True)
    run_until_killed(out, 5, accelerator="cuda")
