"""Weights from elsewhere: a run of ours, an export, or any state dict with torchvision's keys."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from avssl.config import ConfigError, Trust
from avssl.nets import Encoder
from avssl.nets.tensor_files import fits, reason
from avssl.text import printable
from avssl.training.errors import TrainingError
from avssl.training.export import load_encoder
from avssl.training.tensor_files import read_metadata, read_pickled, read_safetensors

if TYPE_CHECKING:
    from avssl.methods import Method

NESTS = ("state_dict", "model", "model_state", "net")  # where checkpoints of other people keep their tensors
PREFIXES = ("module.", "encoder.", "backbone.", "trunk.", "model.")  # what wrappers put before a key


def load_weights(path: str | Path, like: Encoder | None, trust: Trust = ()) -> Encoder:
    """Return an encoder with the weights in a file or a run.

    A run's folder or an export of ours says itself which encoder it is. Any other file must hold the tensors of
    ``like``: a state dict with torchvision's keys, as ``.safetensors`` or as ``torch.save`` wrote it (read with
    ``weights_only``), alone or under a usual name, with or without a usual prefix. Tensors of a classifier that the
    encoder does not have are left out, and told; every tensor of the encoder must be there.

    Args:
        path: a folder of a run, or a file.
        like: the architecture; it is copied, not changed. None for what says itself which encoder it is.
        trust: packages whose classes a run or an export may name, see `avssl.load_encoder`.

    Raises:
        ConfigError: if there is no such file, it cannot be read safely, or tensors are missing or of another shape.
    """
    path = Path(path).expanduser()
    if is_export(path):
        return load_encoder(path, trust=trust)
    if like is None:
        raise ConfigError(f"{path} does not say which encoder it is; name it, such as encoder.name=ResNet")
    found = plain(read_tensors(path))
    own = like.trunk.state_dict()
    matched = {name: found[name] for name in own if name in found and fits(found[name], own[name])}
    counters = {name for name in own if name.endswith("num_batches_tracked")}  # old files lack them; nothing reads them
    lacking = [name for name in own if name not in matched and name not in counters]
    if lacking:
        name = lacking[0]
        came = f"of {form(found[name])}, not {form(own[name])}" if name in found else "missing"
        raise ConfigError(
            f"{path}: {len(lacking)} of the {len(own)} tensors of {type(like).__name__} do not match ({name} "
            f"is {came}); "
            "name the encoder that the weights are of, such as encoder.name=ResNet encoder.depth=50"
        )
    encoder = deepcopy(like)
    encoder.trunk.load_state_dict(own | matched)
    left = sorted(found.keys() - own.keys())
    told = f"; left out: {', '.join(left[:4])}{' ...' if len(left) > 4 else ''}" if left else ""
    print(printable(f"{path}: {len(matched)} of {len(own)} tensors matched {type(like).__name__}{told}"))
    return encoder.eval()


def begin_with(method: "Method", path: str | Path) -> None:
    """Put weights into the encoder of a method that has not learned yet, and into the copies that its teachers hold.

    Args:
        method: whose ``encoder`` shall begin with them.
        path: a run's folder, an export or a plain state dict, see `load_weights`; settings that no tensor depends on,
            such as how a map is pooled, may differ from those of the run.

    Raises:
        ConfigError: if there is no such file, or it cannot be read safely.
        TrainingError: if its tensors are not those of the encoder.
    """
    path, encoder = Path(path).expanduser(), method.encoder
    copies = [module for module in method.modules() if module is encoder or same(module, encoder)]
    like = deepcopy(encoder)
    found = load_encoder(path, encoder=like) if is_export(path) else load_weights(path, like)
    for copied in copies:
        copied.load_state_dict(found.state_dict())


def same(module: nn.Module, encoder: Encoder) -> bool:
    """Tell whether a module is of an encoder's class and holds equal tensors."""
    if type(module) is not type(encoder):
        return False
    own, others = module.state_dict(), encoder.state_dict()
    return own.keys() == others.keys() and all(value.equal(others[name]) for name, value in own.items())


def read_tensors(path: Path) -> dict[str, Any]:
    """Return what a file of weights holds, without running code from it.

    Raises:
        ConfigError: if it is not there or cannot be read.
    """
    if not path.is_file():
        raise ConfigError(f"weights: there is no file {path}; give a run's folder, a .safetensors or a .pth")
    if path.suffix == ".safetensors":
        return dict(read_safetensors(path)[1])
    try:
        found = read_pickled(path)
    except TrainingError as error:
        fact = reason(error.__cause__ or error)
        raise ConfigError(
            f"weights: {path} cannot be read as tensors alone ({fact}); save a plain state dict"
        ) from error
    if not isinstance(found, Mapping):
        raise ConfigError(f"weights: {path} holds a {type(found).__name__}, not a state dict; save model.state_dict()")
    return dict(found)


def form(value: Tensor) -> str:
    """Return the shape of a tensor and its kind of numbers, in words."""
    kind = "" if value.is_floating_point() else f" ({str(value.dtype).removeprefix('torch.')})"
    return f"shape {tuple(value.shape)}{kind}"


def plain(found: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return tensors under plain keys: taken out of a checkpoint, without the prefix that all of them share.

    Examples:
        >>> import torch
        >>> plain({"epoch": 3, "state_dict": {"module.conv1.weight": torch.zeros(1)}})
        {'conv1.weight': tensor([0.])}
    """
    for nest in NESTS:
        inner = found.get(nest)
        if isinstance(inner, Mapping):
            found = inner
            break
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def is_export(path: str | Path) -> bool:
    """Tell whether a run's folder or a file of ours says itself which encoder its weights are of."""
    path = Path(path).expanduser()
    if path.is_dir() or path.suffix != ".safetensors" or not path.is_file():
        return path.is_dir()
    return "encoder" in read_metadata(path)
