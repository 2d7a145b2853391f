"""What a run has learned and written, and whether two are the same bit for bit."""

import torch

from avssl.training.journal import read

VARYING = ("images_per_second", "waiting")  # what the clock decides


def contents(out):
    """Return all that a run has learned and written, except times."""
    saved = torch.load(out / "last.ckpt", weights_only=True)
    saved.pop("settings")
    records = [{k: v for k, v in record.items() if k not in VARYING} for record in read(out / "log.jsonl")]
    return saved, records


def assert_same(one, other, where=""):
    """Compare nested states bit for bit."""
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}.{i}")
    else:
        assert one == other, where


def learned(out):
    """Return the tensors of a run's method."""
    return torch.load(out / "last.ckpt", weights_only=True)["method"]
