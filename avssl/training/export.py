"""What a run leaves behind: the encoder as safetensors with plain keys, and the way back to an `Encoder`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from avssl import config
from avssl.nets import Encoder
from avssl.training.checkpoint import BEST, LAST, peek
from avssl.training.errors import TrainingError
from avssl.version import __version__

FILE = "encoder.safetensors"
PREFIX = "encoder.trunk."  # of the encoder's weights within a method; without it the keys are torchvision's


def export_encoder(run: Path) -> Path:
    """Write the encoder of a run's last checkpoint to ``run/encoder.safetensors``; the averaged one if it has one.

    The metadata says how to build the encoder (``encoder``, JSON of name and arguments), the ``method``, the
    ``step`` and the last ``measures``.
    """
    found = peek(run / LAST)
    weights = {name: value.contiguous() for name, value in encoder_weights(found, "last").items()}
    about = {
        "encoder": json.dumps(found["encoder"]),
        "method": str(found["settings"]["method"]["name"]),
        "step": str(found["step"]),
        "measures": json.dumps(found["measures"]),
        "avssl": __version__,
    }
    part = run / f".{FILE}.part"
    part.write_bytes(save(weights, metadata=about))  # save_file would let nobody but its writer read it
    return part.replace(run / FILE)


def encoder_weights(checkpoint: Mapping[str, Any], which: str) -> dict[str, Tensor]:
    """Return the encoder's weights in a checkpoint under plain keys: averaged, unless there are none or ``"live"``."""
    average = checkpoint["average"]
    weights = checkpoint["method"] if average is None or which == "live" else average
    return {name.removeprefix(PREFIX): value for name, value in weights.items() if name.startswith(PREFIX)}


def load_encoder(run: str | Path, which: Literal["last", "best", "ema", "live"] = "last") -> Encoder:
    """Rebuild the encoder that a run has learned, strictly: every tensor must find its place.

    Args:
        run: a run's folder, or an exported ``.safetensors`` file.
        which: ``"last"``: the newest (averaged weights where the run keeps them); ``"best"``: by the run's measure,
            likewise; ``"ema"``: averaged weights or an error; ``"live"``: the newest without averaging.

    Returns:
        The encoder, in evaluation mode, on the CPU. How many tensors matched is printed.

    Raises:
        TrainingError: if there is no such file, or its tensors are not those of the encoder it names.
    """
    run = Path(run)
    path = run if run.is_file() else run / (BEST if which == "best" else LAST)
    if not path.exists() and which == "last" and (run / FILE).exists():
        path = run / FILE  # a run that was sent on without its checkpoints
    if not path.exists():
        raise TrainingError(f"{path} does not exist; train first, or name another run")
    if path.suffix == ".safetensors":
        settings, weights = read_export(path)
    else:
        found = peek(path)
        if which == "ema" and found["average"] is None:
            raise TrainingError(f"{path} keeps no averaged weights; train with ema=0.999, or load which='last'")
        settings, weights = found["encoder"], encoder_weights(found, which)
    with torch.random.fork_rng(devices=[]):  # the caller's chance is the caller's
        encoder = config.make(settings, "avssl.nets.Encoder", f"{path}: encoder")
    matched = fill(encoder, weights, path)
    print(f"{path}: {matched} of {matched} tensors matched {settings['name']}")
    return encoder.eval()


def read_export(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the settings and the weights in an exported file."""
    with safe_open(path, framework="pt") as file:
        about = file.metadata() or {}
        if "encoder" not in about:
            raise TrainingError(f"{path} does not say which encoder it is; export it with avssl, or load it by hand")
        return json.loads(about["encoder"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def fill(encoder: Encoder, weights: Mapping[str, Tensor], path: Path) -> int:
    """Load weights into an encoder's trunk and return how many tensors there were; all must match."""
    own = encoder.trunk.state_dict()
    matched = [name for name, value in weights.items() if name in own and own[name].shape == value.shape]
    odd = sorted((own.keys() | weights.keys()) - set(matched))
    if odd:
        raise TrainingError(
            f"{path}: only {len(matched)} of the {len(own)} tensors of {type(encoder).__name__} matched; "
            f"missing, left over or of another shape: {', '.join(odd[:5])}{' ...' if len(odd) > 5 else ''}"
        )
    encoder.trunk.load_state_dict(dict(weights), strict=True)
    return len(matched)
