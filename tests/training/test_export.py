"""The encoder that a run leaves: plain keys, strict loading, and an error that says what did not fit."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision import models
from training_fakes import Dots, Linear, Toy, run

import avssl
from avssl import config
from avssl.features.subject import find_subject
from avssl.nets import Encoder, as_encoder
from avssl.training import TrainingError
from avssl.training.export import fill

TOY = {"name": "training_fakes.Toy", "encoder": {"name": "SmallNet", "dim": 8, "width": 2}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    run(
        out, steps=6, measure_every=2, method=config.make(TOY, "avssl.methods.Method"), best="held_out/loss", goal="max"
    )
    return out


def state(out, which="last", part="method"):
    saved = torch.load(out / f"{which}.ckpt", weights_only=True)[part]
    return {name.removeprefix("encoder.trunk."): value for name, value in saved.items() if "encoder.trunk" in name}


def equal(encoder, weights):
    own = encoder.trunk.state_dict()
    return own.keys() == weights.keys() and all(torch.equal(own[name], weights[name]) for name in own)


@pytest.mark.parametrize(
    ("which", "file", "part"),
    [("last", "last", "average"), ("best", "best", "average"), ("ema", "last", "average"), ("live", "last", "method")],
)
def test_an_encoder_comes_back_with_the_weights_that_were_asked_for(trained, which, file, part, capsys):
    encoder = avssl.load_encoder(trained, which)
    assert isinstance(encoder, Encoder) and encoder.dim == 8 and not encoder.training
    assert equal(encoder, state(trained, file, part))
    assert capsys.readouterr().out.endswith(f"{file}.ckpt: 24 of 24 tensors matched SmallNet\n")


def test_the_exported_file_alone_is_enough(trained, tmp_path):
    (tmp_path / "encoder.safetensors").write_bytes((trained / "encoder.safetensors").read_bytes())
    for source in (tmp_path, tmp_path / "encoder.safetensors"):
        assert equal(avssl.load_encoder(source), state(trained, part="average"))


def test_the_exported_file_says_what_it_is(trained):
    with safe_open(trained / "encoder.safetensors", framework="pt") as file:
        about = file.metadata()
    assert json.loads(about["encoder"]) == TOY["encoder"] | {"norm": "batch"}
    assert about["method"] == "training_fakes.Toy" and about["step"] == "6"
    assert "held_out/loss" in json.loads(about["measures"])


def test_loading_leaves_the_callers_chance_alone(trained):
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    avssl.load_encoder(trained)
    assert torch.equal(torch.rand(1), wanted)


def test_weights_of_a_resnet_load_into_torchvision_as_they_are(tmp_path):
    class Small(Dots):
        def __getitem__(self, key):
            item = super().__getitem__(key)
            return item | {"frames": item["frames"].repeat(1, 1, 1, 4, 4)}

    settings = TOY | {"encoder": {"name": "ResNet", "depth": 18}}
    method = config.make(settings, "avssl.methods.Method")
    run(tmp_path, steps=1, batch_size=2, method=method, data=Small(2), measure_items=2, ema=None)
    weights = load_file(tmp_path / "encoder.safetensors")
    missing, unexpected = models.resnet18(weights=None).load_state_dict(weights, strict=False)
    assert missing == ["fc.weight", "fc.bias"] and not unexpected


def test_weights_of_another_net_are_refused_with_the_tensors_that_do_not_fit(trained, tmp_path):
    small = config.make({"name": "SmallNet", "dim": 8, "width": 3}, "avssl.nets.Encoder")
    with pytest.raises(
        TrainingError, match=r"only 8 of the 24 tensors of SmallNet matched; .* shape: conv1\.0\.weight"
    ):
        fill(small, state(trained), tmp_path)


@pytest.mark.parametrize(
    ("prepare", "which", "complaint"),
    [
        (lambda out: None, "last", r"last\.ckpt does not exist; train first, or name another run"),
        (lambda out: run(out, steps=1, ema=None), "ema", r"keeps no averaged weights; train with ema=0\.999, or load"),
        (
            lambda out: save_file({"a": torch.zeros(1)}, out / "encoder.safetensors"),
            "last",
            "does not say which encoder",
        ),
    ],
)
def test_what_cannot_be_loaded_is_explained(tmp_path, prepare, which, complaint):
    prepare(tmp_path)
    with pytest.raises(TrainingError, match=complaint):
        avssl.load_encoder(tmp_path, which)


def test_code_hidden_in_a_checkpoint_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("sprung",))

    torch.save({"settings": Trap(), "step": 1, "method": {}}, tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match="no readable checkpoint"):
        avssl.load_encoder(tmp_path)


def test_a_whole_method_comes_back_as_it_was(trained):
    saved = torch.load(trained / "last.ckpt", weights_only=True)
    for which, part in (("live", "method"), ("last", "average")):
        method = avssl.load_method(trained, which, trust="training_fakes")
        assert not method.training
        assert all(torch.equal(value, saved[part][name]) for name, value in method.state_dict().items())


def test_a_method_that_does_not_hear_has_no_encoder_of_sounds(trained):
    with pytest.raises(TrainingError, match="has no encoder of sounds"):
        avssl.load_sound(trained)


def wrapped():
    torch.manual_seed(1)
    return as_encoder(nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 8, 3)))


def test_a_run_says_first_if_nothing_can_build_its_encoder_again_and_fills_what_it_is_given(tmp_path, capsys):
    run(tmp_path, steps=2, method=Toy(wrapped()), ema=None)
    told = capsys.readouterr().out.replace("\n", "")
    note = told.index(
        "the ModuleEncoder of this run cannot be built again from its settings (encoder.module: a Sequential"
    )
    assert note < told.index("step 0:") and "avssl.load_encoder(run, encoder=...)" in told
    with pytest.raises(
        config.ConfigError, match=r"encoder: module: needs a network.*; if code made this encoder, load"
    ):
        avssl.load_encoder(tmp_path)
    weights = state(tmp_path)
    for given in (wrapped(), wrapped().trunk):
        for source in (tmp_path, tmp_path / "encoder.safetensors"):
            assert equal(avssl.load_encoder(source, encoder=given), weights)
    with pytest.raises(TrainingError, match="only 0 of the 2 tensors of ModuleEncoder matched"):
        avssl.load_encoder(tmp_path, encoder=nn.Conv2d(3, 5, 3))
    subject = find_subject(tmp_path, encoder=wrapped())
    assert equal(subject.encoder, weights) and subject.fresh is None


def test_an_encoder_that_settings_tell_of_is_not_spoken_of(tmp_path, capsys):
    run(tmp_path, steps=1, method=config.make(TOY, "avssl.methods.Method"), ema=None)
    assert "cannot be built again" not in capsys.readouterr().out


def test_settings_of_a_bare_trunk_build_no_encoder(tmp_path, capsys):
    run(tmp_path, steps=1, method=Linear(), ema=None)
    assert "the Encoder of this run cannot be built again from its settings" in capsys.readouterr().out
    with pytest.raises(config.ConfigError, match="encoder"):
        avssl.load_encoder(tmp_path)
    with pytest.raises(ValueError, match=r"^trunk: needs a network, a torch\.nn\.Module; got dict$"):
        Encoder({"name": "torch.nn.Linear"}, 2, {})
