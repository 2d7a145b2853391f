"""Weights from elsewhere find their place, or say why not."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18
from training_fakes import Toy, run, toy
from training_results import assert_same, contents

from avssl.config import ConfigError
from avssl.nets import ResNet, SmallClips, SmallNet
from avssl.nets.teacher import Teacher
from avssl.training import TrainingError, load_encoder
from avssl.training.weights import begin_with, load_weights


def test_a_torchvision_state_dict_fills_our_encoder_and_leaves_its_classifier_out(tmp_path, capsys):
    torch.manual_seed(1)
    theirs = resnet18(weights=None)
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    ours = load_weights(tmp_path / "resnet18.pth", ResNet(depth=18))
    images = torch.rand(2, 3, 64, 64)
    theirs.fc = torch.nn.Identity()
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs.eval()((images - ours.mean) / ours.std))
    assert "120 of 120 tensors matched ResNet; left out: fc.bias, fc.weight" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["nested", "prefixed", "safetensors"])
def test_usual_wrappings_are_taken_off(tmp_path, form):
    encoder = SmallNet(width=4, dim=8)
    weights = {name: value.contiguous() for name, value in encoder.trunk.state_dict().items()}
    path = tmp_path / f"weights.{'safetensors' if form == 'safetensors' else 'pth'}"
    if form == "safetensors":
        save_file(weights, path)
    else:
        prefix = "module." if form == "prefixed" else ""
        torch.save({"epoch": 3, "state_dict": {prefix + name: value for name, value in weights.items()}}, path)
    loaded = load_weights(path, SmallNet(width=4, dim=8))
    for name, value in loaded.trunk.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_the_architecture_that_was_given_is_not_changed(tmp_path):
    torch.save(SmallNet(width=4, dim=8).trunk.state_dict(), tmp_path / "w.pth")
    like = SmallNet(width=4, dim=8)
    before = {name: value.clone() for name, value in like.trunk.state_dict().items()}
    load_weights(tmp_path / "w.pth", like)
    assert all(torch.equal(before[name], value) for name, value in like.trunk.state_dict().items())


def test_weights_of_another_network_are_refused_with_a_tensor_that_does_not_fit(tmp_path):
    torch.save(SmallNet(width=4, dim=8).trunk.state_dict(), tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"tensors of SmallNet do not match .* is of shape .*name the encoder"):
        load_weights(tmp_path / "w.pth", SmallNet(width=8, dim=8))
    with pytest.raises(ConfigError, match=r"w\.pth does not say which encoder it is"):
        load_weights(tmp_path / "w.pth", None)


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (lambda path: None, "there is no file"),
        (lambda path: path.write_bytes(b"not weights"), "cannot be read as tensors alone"),
        (lambda path: torch.save(torch.nn.Linear(2, 2), path), "cannot be read as tensors alone"),
        (lambda path: torch.save([1, 2], path), "holds a list, not a state dict"),
    ],
)
def test_what_are_no_weights_is_refused(tmp_path, write, complaint):
    write(tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=complaint):
        load_weights(tmp_path / "w.pth", SmallNet())


def test_who_reads_a_run_does_not_wait_for_the_loop_of_training_to_load():
    code = "import sys, avssl.features.runs; sys.exit('lightning_fabric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- what a run begins with -----------------------------------------------------------------------------------------
class Taught(Toy):
    """The toy with a teacher, and another encoder of the same kind that is nobody's copy."""

    def __init__(self):
        super().__init__(SmallNet(dim=8, width=2))
        self.teacher = Teacher(torch.nn.Sequential(self.encoder, self.head))
        self.other = SmallNet(dim=8, width=2)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run that has learned."""
    out = tmp_path_factory.mktemp("first")
    run(out, steps=2)
    return out


@pytest.mark.parametrize("source", ["", "encoder.safetensors", "plain.pth"])
def test_an_encoder_begins_with_the_weights_of_another_run_and_so_does_a_copy_in_its_teacher(first, source):
    given = dict(load_encoder(first).state_dict())
    torch.save(load_encoder(first).trunk.state_dict(), first / "plain.pth")
    method = Taught()
    other = {name: value.clone() for name, value in method.other.state_dict().items()}
    begin_with(method, first / source)
    assert_same(dict(method.encoder.state_dict()), given, "encoder")
    assert_same(dict(method.teacher.network[0].state_dict()), given, "teacher")
    assert_same(dict(method.other.state_dict()), other, "other")


def test_a_run_that_begins_with_weights_is_one_of_a_method_that_holds_them(tmp_path, first):
    method = toy()
    method.encoder.load_state_dict(load_encoder(first).state_dict())
    run(tmp_path / "held", steps=2, method=method)
    run(tmp_path / "given", steps=2, weights=first)
    assert_same(contents(tmp_path / "given")[0], contents(tmp_path / "held")[0])


def test_a_run_that_goes_on_takes_its_checkpoint_and_needs_the_weights_no_more(tmp_path, first):
    run(tmp_path / "whole", steps=4, weights=first)
    run(tmp_path / "cut", steps=2, weights=first)
    run(tmp_path / "cut", steps=4, weights=tmp_path / "gone")
    assert_same(contents(tmp_path / "cut")[0], contents(tmp_path / "whole")[0])


def test_another_network_and_a_missing_file_are_refused_before_a_run_is_made(tmp_path, first):
    with pytest.raises(TrainingError, match=r"only \d+ of the \d+ tensors of SmallNet matched"):
        run(tmp_path / "second", method=Toy(SmallNet(dim=4, width=2)), weights=first)
    with pytest.raises(ConfigError, match=r"^weights: there is no file .*nowhere; give a run's folder"):
        run(tmp_path / "second", weights=tmp_path / "nowhere")
    assert not (tmp_path / "second").exists()


def test_settings_on_which_no_tensor_depends_may_differ(tmp_path):
    torch.save(SmallClips((2, 2, 2, 2)).trunk.state_dict(), tmp_path / "clips.pth")
    method = Toy(SmallClips((2, 2, 2, 2), moments=3))
    begin_with(method, tmp_path / "clips.pth")
    first = torch.load(tmp_path / "clips.pth", weights_only=True)
    assert_same(dict(method.encoder.trunk.state_dict()), dict(first))
