"""What is cut, empty, garbled or another program's is refused in one line, whatever it is called."""

import pickle
import random

import pytest
import torch
from safetensors.torch import save_file
from training_fakes import run

from avssl.training import TrainingError, checkpoint, load_encoder
from avssl.training.export import load_method


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    out = tmp_path_factory.mktemp("good")
    run(out, steps=1)
    return (out / "last.ckpt").read_bytes(), (out / "encoder.safetensors").read_bytes()


def garbage(seed, size=3000):
    return random.Random(seed).randbytes(size)


def broken(good):
    """Return contents that are no whole file of ours, by what they are."""
    size = len(good)
    return {
        "empty": b"",
        "one byte": b"P",
        "zeros": bytes(4096),
        "as long, of zeros": bytes(size),
        "cut in half": good[: size // 2],
        "cut by a byte": good[:-1],
        "cut at the front": good[100:],
        "holes": good[:1000] + bytes(2000) + good[3000:],
        "text": b"step: 3\nlr: 0.1\n" * 40,
        "a pickle": pickle.dumps({"settings": {}, "step": 1}),
        "a pickle of a function": pickle.dumps(print),
        "a pickle that is cut": pickle.dumps(list(range(10000)))[:200],
        "a header of another": b"PK\x03\x04" + garbage(1),
        **{f"garbage {seed}": garbage(seed) for seed in range(20)},
        **{f"garbage {seed} as a pickle": b"\x80\x02" + garbage(seed) + b"." for seed in range(20)},
    }


def test_a_broken_checkpoint_is_refused_in_one_line(tmp_path, good):
    path = tmp_path / "last.ckpt"
    for name, content in broken(good[0]).items():
        path.write_bytes(content)
        with pytest.raises(TrainingError, match=r"last\.ckpt is (no|damaged)") as told:
            run(tmp_path, steps=2)
        assert "\n" not in str(told.value), name
        assert path.read_bytes() == content, name
    assert "take it away to start anew" in str(told.value)


@pytest.mark.parametrize("missing", ["world", "optimizer", "average", "tally", "settings", "step", "method"])
def test_a_checkpoint_without_a_part_is_refused_in_one_line(tmp_path, good, missing):
    path = tmp_path / "last.ckpt"
    path.write_bytes(good[0])
    saved = torch.load(path, weights_only=True)
    del saved[missing]
    torch.save(saved, path)
    with pytest.raises(
        TrainingError, match=r"last\.ckpt is (no|a broken) checkpoint|is damaged, or does not fit"
    ) as told:
        run(tmp_path, steps=2)
    assert "\n" not in str(told.value)


def test_a_checkpoint_of_other_shapes_is_refused_in_one_line(tmp_path, good):
    path = tmp_path / "last.ckpt"
    path.write_bytes(good[0])
    saved = torch.load(path, weights_only=True)
    saved["method"]["head.weight"] = torch.zeros(3, 3)
    torch.save(saved, path)
    with pytest.raises(
        TrainingError, match=r"damaged, or does not fit this method: .*size mismatch.*head\.weight"
    ) as told:
        run(tmp_path, steps=2)
    assert "\n" not in str(told.value)


def test_broken_weights_are_refused_in_one_line(tmp_path, good):
    path = tmp_path / "encoder.safetensors"
    for name, content in broken(good[1]).items():
        if name == "holes":
            continue  # zeros among the weights are weights
        path.write_bytes(content)
        with pytest.raises(TrainingError, match=r"encoder\.safetensors is no readable \.safetensors file: ") as told:
            load_encoder(path)
        assert "\n" not in str(told.value), name
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(TrainingError, match="does not say which encoder it is"):
        load_encoder(path)
    save_file({"a": torch.zeros(1)}, path, metadata={"encoder": "{not json"})
    with pytest.raises(TrainingError, match="says in no readable JSON which encoder it is"):
        load_encoder(path)


def test_a_broken_checkpoint_is_refused_by_those_who_load_it(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(bytes(100))
    for load in (load_encoder, load_method):
        with pytest.raises(TrainingError, match=r"last\.ckpt is no readable checkpoint"):
            load(tmp_path)


def test_a_checkpoint_that_may_not_be_read_is_refused_in_one_line(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(TrainingError, match=r"last\.ckpt cannot be read: Permission denied"):
        checkpoint.peek(tmp_path / "last.ckpt")
