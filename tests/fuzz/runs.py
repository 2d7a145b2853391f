"""Exports, and folders of runs: weights, checkpoints, settings, logs and scores as a stranger may send them."""

import io
import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from avssl import load_encoder, load_method, load_sound
from avssl.config import make
from avssl.features.runs import find_run, fresh_encoders, fresh_methods
from avssl.nets import SmallNet
from avssl.report import write_report
from avssl.training.weights import load_weights
from tests.fuzz.mutations import spoil_bytes, spoil_settings, spoil_text
from tests.fuzz.runner import Kind

NET = {"name": "SmallNet", "dim": 8, "width": 2}
METHOD = {"name": "Rotation", "encoder": NET, "views": [{"name": "Crop", "size": 8}]}
DATA = {"name": "Pictures", "source": "x", "size": 16}
SCORE = {
    "evaluator": "Retrieval",
    "time": "2026-01-01T10:00:00+00:00",
    "seconds": 3.5,
    "title": "Retrieval",
    "protocol": {"ks": [1, 5], "heads": {"ridge": {"layer": None}}},
    "table": [{"labels": "50", "row": "random", "top": "48.7"}, {"labels": "50", "row": "trained", "top": "59.4"}],
    "notes": ["trained is better"],
    "pictures": {"sheet": "p.png"},
    "pages": {"page": "p.html"},
}
LOG = [{"step": step, "loss": 1 / step, "held_out/auc": 0.5, "lr": 0.1, "waiting": None} for step in range(1, 6)]


@cache
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: value.contiguous() for name, value in make(METHOD, "avssl.methods.Method").state_dict().items()}


@cache
def exported() -> bytes:
    prefix = "encoder.trunk."
    own = {name.removeprefix(prefix): value for name, value in weights().items() if name.startswith(prefix)}
    return save(own, metadata={"encoder": json.dumps(NET), "step": "3"})


def make_export(rng: np.random.Generator, folder: Path) -> Path:
    path = folder / "encoder.safetensors"
    data = exported()
    if rng.random() < 0.6:  # the header, rewritten
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        if rng.random() < 0.4:
            header["__metadata__"]["encoder"] = json.dumps(spoil_settings(NET, rng), default=str)
        else:
            header = spoil_settings(header, rng)
        written = json.dumps(header).encode()
        data = len(written).to_bytes(8, "little") + written + data[8 + size :]
    path.write_bytes(data if rng.random() < 0.4 else spoil_bytes(data, rng))
    return path


def checkpoint(rng: np.random.Generator) -> bytes:
    found = {"settings": {"method": METHOD, "data": DATA}, "encoder": NET, "step": 3, "world": 1, "average": None}
    found |= {"measures": {"loss": 0.5}}
    if rng.random() < 0.5:
        found = spoil_settings(found, rng)
    if isinstance(found, dict) and rng.random() < 0.9:
        found["method"] = dict(weights())
        if rng.random() < 0.2:
            name = list(weights())[rng.integers(len(weights()))]
            found["method"][name] = weights()[name].to(torch.int32).flatten()
    stream = io.BytesIO()
    torch.save(found, stream, _use_new_zipfile_serialization=bool(rng.random() < 0.8))
    return stream.getvalue() if rng.random() < 0.6 else spoil_bytes(stream.getvalue(), rng)


def make_run(rng: np.random.Generator, folder: Path) -> Path:
    run = folder / "run"
    run.mkdir()
    lines = [json.dumps(spoil_settings(one, rng) if rng.random() < 0.3 else one, default=str) for one in LOG]
    found = [json.dumps(spoil_settings(SCORE, rng) if rng.random() < 0.7 else SCORE, default=str) for _ in range(3)]
    texts = {
        "config.yaml": json.dumps({"method": METHOD, "data": DATA, "steps": 3}, indent=1, default=str),
        "log.jsonl": "\n".join([*lines, ""]),
        "scores.jsonl": "\n".join([*found, ""]),
        "warnings.jsonl": '{"step": 1, "warning": "warning: a collapse"}\n',
        "failures.jsonl": '{"step": 1, "path": "a.mp4", "error": "broken"}\n' * 2,
    }
    for name, text in texts.items():
        (run / name).write_bytes(spoil_text(text, rng) if rng.random() < 0.5 else text.encode())
    Image.new("RGB", (4, 4)).save(run / "p.png")
    (run / "p.png").write_bytes(spoil_bytes((run / "p.png").read_bytes(), rng))
    if rng.random() < 0.8:
        (run / "last.ckpt").write_bytes(checkpoint(rng))
    (run / "encoder.safetensors").write_bytes(make_export(rng, folder).read_bytes())
    return run


USES = [
    write_report,
    find_run,
    load_encoder,
    load_sound,
    load_method,
    lambda run: load_weights(run, SmallNet(dim=8, width=2)),
    lambda run: fresh_encoders(run)(0),
    lambda run: fresh_methods(run)(0),
]
KINDS = [
    Kind("safetensors", make_export, [load_encoder, lambda path: load_weights(path, SmallNet(dim=8, width=2))]),
    Kind("run", make_run, USES),
]
