"""Files of tensors that are broken, lie, or hold more than tensors are refused in one line, wherever they are read."""

import json
import shutil
import struct
import zipfile

import pytest
import torch
from safetensors.torch import save_file

import avssl
from avssl.config import ConfigError
from avssl.features.runs import fresh_encoders, fresh_methods
from avssl.nets import SmallNet
from avssl.training import TrainingError
from avssl.training.checkpoint import peek
from avssl.training.tensor_files import read_pickled, read_safetensors
from avssl.training.weights import is_export, load_weights

NET = {"name": "SmallNet", "dim": 8, "width": 4}


def trunk():
    return {name: value.clone() for name, value in SmallNet(dim=8, width=4).trunk.state_dict().items()}


def export(path, weights=None, encoder=NET):
    about = {"encoder": encoder if isinstance(encoder, str) else json.dumps(encoder)}
    save_file(trunk() if weights is None else weights, path, metadata=about)
    return path


def with_header(data, change):
    size = struct.unpack("<Q", data[:8])[0]
    header = change(data[8 : 8 + size])
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def lie(header):
    about = json.loads(header)
    about["conv1.0.weight"]["shape"] = [10**9, 10**9]
    return json.dumps(about).encode()


def number_for_text(header):
    about = json.loads(header)
    about["__metadata__"] = {"encoder": 5}
    return json.dumps(about).encode()


SPOILED = {
    "empty": lambda data: b"",
    "cut in the header": lambda data: data[:40],
    "cut in the tensors": lambda data: data[:-8],
    "a header of 2**63 bytes": lambda data: struct.pack("<Q", 2**63) + data[8:],
    "a shape that lies": lambda data: with_header(data, lie),
    "metadata that are no text": lambda data: with_header(data, number_for_text),
    "a header nested deep": lambda data: with_header(data, lambda _: b"[" * 50_000),
    "a header that is no JSON": lambda data: with_header(data, lambda header: b"\xff" + header),
    "another kind of file": lambda data: b"RIFF" * 100,
}


def refused(kind, match, call, *arguments, **keywords):
    with pytest.raises(kind, match=match) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    return str(caught.value)


@pytest.mark.parametrize("spoil", list(SPOILED.values()), ids=list(SPOILED))
def test_a_broken_export_is_one_line_wherever_it_is_read(tmp_path, spoil):
    path = export(tmp_path / "encoder.safetensors")
    path.write_bytes(spoil(path.read_bytes()))
    for call in (avssl.load_encoder, read_safetensors, is_export, lambda one: load_weights(one, SmallNet())):
        refused(TrainingError, "is no readable .safetensors file", call, path)
    refused(TrainingError, "is no readable .safetensors file", fresh_encoders, tmp_path)


@pytest.mark.parametrize(
    ("encoder", "match"),
    [
        ("{", "in no readable JSON which encoder"),
        ("[" * 100_000, "in no readable JSON which encoder"),
        ("5", "encoder: got 5"),
        ("null", "encoder: got None"),
        ('{"name": 5}', "name: got 5"),
        ('{"name": "SmallNet", "dim": 1e999}', "dim: got inf"),
        ('{"name": "SmallNet", "dim": 9}', "only .* of the 24 tensors"),
        ('{"name": "this.Zen"}', "which loading would run"),
        ('{"name": "SmallNet", "a": ' + "[" * 90 + "]" * 90 + "}", "deeper than 64 levels"),
    ],
)
def test_an_export_that_says_nonsense_of_its_encoder_is_one_line(tmp_path, encoder, match):
    path = export(tmp_path / "encoder.safetensors", encoder=encoder)
    refused(ValueError, match, avssl.load_encoder, path)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("conv1.0.weight"),
        lambda found: found.update({"more": torch.zeros(1)}),
        lambda found: found.update({"conv1.0.weight": torch.zeros(3)}),
        lambda found: found.update({"conv1.0.weight": found["conv1.0.weight"].to(torch.int8)}),
        lambda found: found.update({"conv1.0.weight": found["conv1.0.weight"].to(torch.complex64)}),
    ],
    ids=["missing", "left over", "shape", "whole numbers", "complex numbers"],
)
def test_tensors_that_are_not_the_encoders_are_refused(tmp_path, change):
    weights = trunk()
    change(weights)
    path = export(tmp_path / "e.safetensors", weights)
    refused(TrainingError, "of the 24 tensors of SmallNet matched", avssl.load_encoder, path)


def test_whole_numbers_are_no_weights_in_files_of_others_either(tmp_path):
    torch.save(trunk() | {"conv1.0.weight": torch.zeros(4, 3, 5, 5, dtype=torch.int8)}, tmp_path / "w.pth")
    refused(ConfigError, "do not match", load_weights, tmp_path / "w.pth", SmallNet(dim=8, width=4))


def test_half_precision_is_a_kind_of_real_number(tmp_path):
    weights = {name: value.half() if value.is_floating_point() else value for name, value in trunk().items()}
    assert avssl.load_encoder(export(tmp_path / "e.safetensors", weights)).dim == 8


def test_a_given_encoder_is_filled_whatever_the_file_says(tmp_path):
    weights = trunk()
    path, mine = export(tmp_path / "e.safetensors", weights, {"name": "stranger.Net"}), SmallNet(dim=8, width=4)
    assert avssl.load_encoder(path, encoder=mine) is mine
    assert torch.equal(mine.trunk.state_dict()["conv1.0.weight"], weights["conv1.0.weight"])


# --- checkpoints ----------------------------------------------------------------------------------------------------
def checkpoint(**more):
    method = {"name": "Rotation", "encoder": NET}
    found = {"settings": {"method": method, "data": {"name": "Pictures"}}, "encoder": NET, "step": 3, "world": 1}
    weights = {f"encoder.trunk.{name}": value for name, value in trunk().items()}
    return found | {"method": weights, "average": None, "measures": {}} | more


def itself():
    found: dict = {"name": "Pictures"}
    found["sampler"] = found
    return found


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"settings": []}, "its 'settings' is a list"),
        ({"settings": {"method": "Rotation", "data": {}}}, "name no method or no data"),
        ({"settings": {"method": {"name": "Rotation"}, "data": itself()}}, "refers to itself"),
        ({"settings": {"method": {"name": "Rotation", "encoder": torch.zeros(1)}, "data": {}}}, "holds a Tensor"),
        ({"step": "3"}, "its 'step' is a str"),
        ({"method": {"a": 1}}, "its 'method' holds what are no tensors"),
        ({"average": {"a": "b"}}, "its 'average' holds what are no tensors"),
        ({"average": 5}, "its 'average' holds what are no tensors"),
        ({"encoder": None}, "its 'encoder' is a NoneType"),
        ({"measures": 1}, "its 'measures' is a int"),
    ],
)
def test_a_checkpoint_that_is_not_one_of_ours_is_one_line(tmp_path, more, match):
    torch.save(checkpoint(**more), tmp_path / "last.ckpt")
    for call in (avssl.load_encoder, avssl.load_method, avssl.load_sound, fresh_methods, fresh_encoders):
        refused(TrainingError, match, call, tmp_path)


def test_a_sound_checkpoint_loads(tmp_path):
    torch.save(checkpoint(), tmp_path / "last.ckpt")
    assert avssl.load_encoder(tmp_path).dim == 8


def test_a_method_takes_no_tensors_of_another_kind(tmp_path):
    weights = {name: value.to(torch.int8) for name, value in checkpoint()["method"].items()}
    torch.save(checkpoint(method=weights), tmp_path / "last.ckpt")
    refused(TrainingError, "does not fit Rotation: of another shape or kind", avssl.load_method, tmp_path)


def test_a_checkpoint_that_names_code_of_others_runs_none(tmp_path, monkeypatch):
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "evil_nets.py").write_text("import pathlib\npathlib.Path('SPRUNG').touch()\n")
    monkeypatch.syspath_prepend(stranger)
    monkeypatch.chdir(stranger)
    named = {"name": "evil_nets.Net"}
    settings = {"method": {"name": "evil_nets.Method"}, "data": {"name": "evil_nets.Data"}}
    torch.save(checkpoint(encoder=named, settings=settings), stranger / "last.ckpt")
    export(stranger / "encoder.safetensors", encoder=named)
    (stranger / "config.yaml").write_text("method: {name: evil_nets.Method}\n")
    match = "names evil_nets.*say trust=evil_nets"
    for call in (avssl.load_encoder, avssl.load_method, lambda run: load_weights(run, SmallNet())):
        refused(ConfigError, match, call, stranger)
    refused(ConfigError, match, avssl.load_encoder, stranger / "encoder.safetensors")
    for fresh in (fresh_encoders(stranger), fresh_methods(stranger)):
        refused(ConfigError, match, fresh, 0)
    assert not (stranger / "SPRUNG").exists()


def test_an_archive_that_unfolds_is_refused_before_it_is_read(tmp_path):
    torch.save({"a": torch.zeros(4)}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as stored, zipfile.ZipFile(tmp_path / "b.pth", "w") as packed:
        for part in stored.infolist():
            packed.writestr(part.filename, stored.read(part), compress_type=zipfile.ZIP_DEFLATED)
    refused(TrainingError, "its parts are packed", read_pickled, tmp_path / "b.pth")
    shutil.copy(tmp_path / "b.pth", tmp_path / "last.ckpt")
    refused(TrainingError, "its parts are packed", peek, tmp_path / "last.ckpt")
    refused(ConfigError, "its parts are packed", load_weights, tmp_path / "b.pth", SmallNet())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("old_form", [False, True])
def test_a_checkpoint_that_is_cut_is_one_line(tmp_path, share, old_form):
    torch.save(checkpoint(), tmp_path / "w.pth", _use_new_zipfile_serialization=not old_form)
    data = (tmp_path / "w.pth").read_bytes()
    (tmp_path / "last.ckpt").write_bytes(data[: int(len(data) * share)])
    refused(TrainingError, "no readable checkpoint", peek, tmp_path / "last.ckpt")
    refused(TrainingError, "no readable checkpoint", read_pickled, tmp_path / "last.ckpt")
