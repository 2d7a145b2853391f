"""The encoder with the first layers of its head: exported, loaded and named as every encoder."""

import pytest
import torch
from every import Items, make

import avssl
from avssl.config import ConfigError
from avssl.evaluation import Probes
from avssl.evaluation.runner import evaluate
from avssl.features.subject import find_subject
from avssl.nets import ProjectedEncoder
from avssl.training import SGD, TrainingError, train
from avssl.training.export import read_export
from tests.evaluation.retrieval.worlds import Colors


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    settings = {"optim": SGD(lr=0.05), "batch_size": 4, "workers": 0, "accelerator": "cpu", "tensorboard": False}
    return out, train(method=make("SimCLR"), data=Items("SimCLR"), out=out, steps=3, ema=0.9, **settings)


def state(out, part):
    saved = torch.load(out / "last.ckpt", weights_only=True)[part]
    found = {
        f"encoder.{name.removeprefix('encoder.')}": value
        for name, value in saved.items()
        if name.startswith("encoder.")
    }
    return found | {
        name.replace("head.layer1", "head1"): value for name, value in saved.items() if "head.layer1" in name
    }


def test_a_run_leaves_the_encoder_with_the_first_layer_of_its_head_averaged_or_as_it_is(trained):
    out, method = trained
    assert sorted(path.name for path in out.glob("*.safetensors")) == ["encoder.safetensors", "projected.safetensors"]
    for which, part in (("last", "average"), ("live", "method")):
        loaded, wanted = avssl.load_encoder(out, which, export="projected"), state(out, part)
        assert isinstance(loaded, ProjectedEncoder) and loaded.dim == 16 and loaded.layers[-1] == "head1"
        found = loaded.trunk.state_dict()
        assert found.keys() == wanted.keys() and all(value.equal(wanted[name]) for name, value in found.items())
    pictures = torch.rand(2, 3, 24, 24)
    method.eval()
    torch.testing.assert_close(loaded(pictures), method.head[0](method.encoder(pictures)))


def test_its_file_alone_says_what_it_is(trained, tmp_path):
    file = tmp_path / "projected.safetensors"
    file.write_bytes((trained[0] / "projected.safetensors").read_bytes())
    assert read_export(file)[0]["encoder"]["name"] == "SmallNet"
    one, other = avssl.load_encoder(file), avssl.load_encoder(tmp_path, export="projected")
    wanted = state(trained[0], "average")
    assert all(value.equal(wanted[name]) for made in (one, other) for name, value in made.trunk.state_dict().items())


def test_checkpoints_hold_no_weight_twice(trained):
    saved = torch.load(trained[0] / "last.ckpt", weights_only=True)
    assert not any("projected" in name for name in saved["method"])


def test_evaluators_take_it_by_its_name_and_write_beside_those_of_the_encoder(trained, capsys):
    settings = {"layers": ["head1", "output"], "clusters": 0, "initialisations": 1, "quiet": True}
    evaluator = Probes(Colors(9), Colors(6, seed=1), **settings)
    scores = evaluate(evaluator, run=trained[0], export="projected", device="cpu")
    assert "trained/linear/all/head1/accuracy" in scores.numbers
    assert (trained[0] / "projected" / "scores.jsonl").is_file() and not (trained[0] / "scores.jsonl").exists()
    subject = find_subject(trained[0], export="projected")
    assert (
        isinstance(subject.fresh(3), ProjectedEncoder) and "tensors matched ProjectedEncoder" in capsys.readouterr().out
    )


def test_an_export_that_is_not_there_is_told_with_those_that_are(trained):
    with pytest.raises(TrainingError, match="SimCLR has no export 'other'; it has encoder, projected"):
        avssl.load_encoder(trained[0], export="other")
    with pytest.raises(ConfigError, match="export=projected is of a run"):
        find_subject(weights=trained[0] / "encoder.safetensors", export="projected")


def test_a_head_of_one_layer_has_none_before_its_last():
    method = make("SimCLR")
    assert sorted(method.exports()) == ["encoder", "projected"]
    method.head = method.head[:1]
    assert sorted(method.exports()) == ["encoder"]
