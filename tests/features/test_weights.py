"""Weights from elsewhere find their place, or say why not."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18

from avssl.config import ConfigError
from avssl.features.weights import load_weights
from avssl.nets import ResNet, SmallNet


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
