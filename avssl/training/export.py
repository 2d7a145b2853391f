"""What a run leaves behind: its encoders as safetensors with plain keys, and the way back to them and to the method."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from avssl import config
from avssl.nets import Encoder, SoundEncoder
from avssl.text import printable
from avssl.training.checkpoint import BEST, LAST, peek
from avssl.training.errors import TrainingError
from avssl.version import __version__

if TYPE_CHECKING:
    from avssl.methods import Method

Part = Literal["encoder", "sound"]
Which = Literal["last", "best", "ema", "live"]
FILE = "encoder.safetensors"
FILES: dict[Part, str] = {"encoder": FILE, "sound": "sound.safetensors"}
FAMILIES: dict[Part, str] = {"encoder": "avssl.nets.Encoder", "sound": "avssl.nets.SoundEncoder"}


def export(run: Path) -> list[Path]:
    """Write the encoders of a run's last checkpoint as files beside it; the averaged ones if it has them.

    ``encoder.safetensors``, and ``sound.safetensors`` for methods that hear. The metadata says how to
    build each (``encoder``, JSON of name and arguments; a sound encoder's holds its
    spectrogram), the ``method``, the ``step`` and the last ``measures``.
    """
    found, paths = peek(run / LAST), []
    for part, file in FILES.items():
        settings = settings_of(found, part)
        if settings is None:
            continue
        weights = {name: value.contiguous() for name, value in weights_of(found, part, "last").items()}
        about = {
            "encoder": json.dumps(settings),
            "method": str(found["settings"]["method"]["name"]),
            "step": str(found["step"]),
            "measures": json.dumps(found["measures"]),
            "avssl": __version__,
        }
        written = run / f".{file}.part"
        written.write_bytes(save(weights, metadata=about))  # save_file would let nobody but its writer read it
        paths.append(written.replace(run / file))
    return paths


def settings_of(checkpoint: Mapping[str, Any], part: Part) -> dict[str, Any] | None:
    """Return how to build an encoder of a checkpoint; None if its method has no such part."""
    return checkpoint["encoder"] if part == "encoder" else checkpoint["settings"]["method"].get("sound")


def weights_of(checkpoint: Mapping[str, Any], part: Part, which: Which) -> dict[str, Tensor]:
    """Return an encoder's weights in a checkpoint under plain keys: averaged, unless there are none or ``"live"``."""
    average, prefix = checkpoint["average"], f"{part}.trunk."  # without it the keys are torchvision's
    weights = checkpoint["method"] if average is None or which == "live" else average
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def load_encoder(run: str | Path, which: Which = "last") -> Encoder:
    """Rebuild the encoder of pictures that a run has learned, strictly: every tensor must find its place.

    Args:
        run: a run's folder, or an exported ``.safetensors`` file.
        which: ``"last"``: the newest (averaged weights where the run keeps them); ``"best"``: by the run's measure,
            likewise; ``"ema"``: averaged weights or an error; ``"live"``: the newest without averaging.

    Returns:
        The encoder, in evaluation mode, on the CPU. How many tensors matched is printed.

    Raises:
        TrainingError: if there is no such file, or its tensors are not those of the encoder it names.
    """
    return load_part(run, "encoder", which)


def load_sound(run: str | Path, which: Which = "last") -> SoundEncoder:
    """Rebuild the encoder of sounds that a run has learned, its spectrogram with it; see `load_encoder`.

    Raises:
        TrainingError: as there, or if the run's method does not hear.
    """
    return load_part(run, "sound", which)


@overload
def load_part(run: str | Path, part: Literal["encoder"], which: Which = "last") -> Encoder: ...
@overload
def load_part(run: str | Path, part: Literal["sound"], which: Which = "last") -> SoundEncoder: ...
def load_part(run: str | Path, part: Part, which: Which = "last") -> Encoder | SoundEncoder:
    """Rebuild an encoder of a run; see `load_encoder`."""
    run = Path(run)
    path = run if run.is_file() else run / (BEST if which == "best" else LAST)
    if not path.exists() and which == "last" and (run / FILES[part]).exists():
        path = run / FILES[part]  # a run that was sent on without its checkpoints
    if path.suffix == ".safetensors" and path.exists():
        settings, weights = read_export(path)
    else:
        found = checkpoint_of(path, which)
        settings, weights = settings_of(found, part), weights_of(found, part, which)
        if settings is None:
            raise TrainingError(f"{path}: {found['settings']['method']['name']} has no encoder of sounds")
    with torch.random.fork_rng(devices=[]):  # the caller's chance is the caller's
        encoder = config.make(settings, FAMILIES[part], f"{path}: {part}")
    matched = fill(encoder, weights, path)
    print(printable(f"{path}: {matched} of {matched} tensors matched {settings['name']}"))
    return encoder.eval()


def load_method(run: str | Path, which: Which = "last") -> "Method":
    """Rebuild the whole method that a run has learned, heads and all, strictly.

    Args:
        run: a run's folder; exports alone do not hold the heads.
        which: as for `load_encoder`.

    Returns:
        The method, in evaluation mode, on the CPU.

    Raises:
        TrainingError: if there is no checkpoint.
        ConfigError: if the checkpoint's settings no longer fit the method.
    """
    path = Path(run) / (BEST if which == "best" else LAST)
    found = checkpoint_of(path, which)
    with torch.random.fork_rng(devices=[]):
        method = config.make(found["settings"]["method"], "avssl.methods.Method", f"{path}: method")
    try:
        method.load_state_dict(found["method"], strict=True)
        if found["average"] is not None and which != "live":
            method.load_state_dict(found["average"], strict=True)
    except RuntimeError as error:
        raise TrainingError(f"{path} does not fit {found['settings']['method']['name']}: {told(error)}") from error
    return method.eval()


def checkpoint_of(path: Path, which: Which) -> dict[str, Any]:
    """Return what a checkpoint holds.

    Raises:
        TrainingError: if it is not there, or has no averaged weights that were asked for.
    """
    if not path.exists():
        raise TrainingError(f"{path} does not exist; train first, or name another run")
    found = peek(path)
    if which == "ema" and found["average"] is None:
        raise TrainingError(f"{path} keeps no averaged weights; train with ema=0.999, or load which='last'")
    return found


def told(error: Exception) -> str:
    """Return the first fact of PyTorch's many lines."""
    facts = [line.strip() for line in str(error).splitlines() if line.strip()]
    return facts[1] if len(facts) > 1 else facts[0]


def read_export(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the settings and the weights in an exported file.

    Raises:
        TrainingError: if it is none, or its name is not UTF-8.
    """
    if printable(path) != str(path):
        raise TrainingError(f"{path}: safetensors opens no file whose name is not UTF-8; rename it, or its folder")
    with safe_open(path, framework="pt") as file:
        about = file.metadata() or {}
        if "encoder" not in about:
            raise TrainingError(f"{path} does not say which encoder it is; export it with avssl, or load it by hand")
        return json.loads(about["encoder"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def fill(encoder: Encoder | SoundEncoder, weights: Mapping[str, Tensor], path: Path) -> int:
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
