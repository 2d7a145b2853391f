"""Files of safetensors: read without running their code, or refused in one line; and weights put into an encoder."""

import json
import pickle
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from avssl.text import printable

# What PyTorch's and safetensors' readers raise at bytes that were not written by them.
BROKEN = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError, MemoryError, OSError),
    *(RecursionError, RuntimeError, TypeError, ValueError, pickle.PickleError, struct.error, zipfile.BadZipFile),
    SafetensorError,
)
Refusal = type[ValueError]  # as what a file is refused


def read_safetensors(path: Path, refusal: Refusal = ValueError) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the metadata and the tensors of a ``.safetensors`` file.

    Args:
        path: the file.
        refusal: what to raise if it cannot be read.

    Raises:
        ValueError: if it cannot be read.
    """
    with opened(path, refusal) as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def in_order(file: bytes) -> bytes:
    """Return a ``.safetensors`` file with its metadata in the order of their names.

    safetensors writes them in an order that changes from call to call; files of the same would not be the same.

    Args:
        file: as ``safetensors.torch.save`` or ``safetensors.numpy.save`` made it.

    Examples:
        >>> import numpy as np
        >>> from safetensors.numpy import save
        >>> about = {name: name.upper() for name in "dacb"}
        >>> in_order(save({"x": np.zeros(2)}, metadata=about))[8:70]
        b'{"__metadata__":{"a":"A","b":"B","c":"C","d":"D"},"x":{"dtype"'
    """
    (size,) = struct.unpack("<Q", file[:8])
    header = json.loads(file[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    return struct.pack("<Q", len(text)) + text + file[8 + size :]


@contextmanager
def opened(path: Path, refusal: Refusal = ValueError) -> Iterator[Any]:
    """Open a ``.safetensors`` file, and say in one line what is wrong with it."""
    if printable(path) != str(path):
        raise refusal(f"{path}: safetensors opens no file whose name is not UTF-8; rename it, or its folder")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except BROKEN as error:
        raise refusal(f"{path} is no readable .safetensors file: {reason(error)}; export it again") from error


def read_export(path: Path, refusal: Refusal = ValueError) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the settings of the encoder and the weights in an exported file; arguments as `read_safetensors`.

    Raises:
        ValueError: if it cannot be read, or does not say which encoder it is.
    """
    about, weights = read_safetensors(path, refusal)
    if "encoder" not in about:
        raise refusal(f"{path} does not say which encoder it is; export it with avssl, or load it by hand")
    try:
        return json.loads(about["encoder"]), weights
    except (ValueError, RecursionError):
        raise refusal(f"{path} says in no readable JSON which encoder it is; export it again") from None


def fill(encoder: Any, weights: Mapping[str, Tensor], path: Path, refusal: Refusal = ValueError) -> int:
    """Load weights into an encoder's trunk and return how many tensors there were; all must match.

    Raises:
        ValueError: if one does not.
    """
    trunk: nn.Module = encoder.trunk
    own = trunk.state_dict()
    matched = [name for name, value in weights.items() if name in own and fits(value, own[name])]
    odd = sorted((own.keys() | weights.keys()) - set(matched))
    if odd:
        raise refusal(
            f"{path}: only {len(matched)} of the {len(own)} tensors of {type(encoder).__name__} matched; "
            f"missing, left over or of another shape: {listed(odd)}"
        )
    trunk.load_state_dict(dict(weights), strict=True)
    return len(matched)


def reason(error: BaseException) -> str:
    """Return the fact in what a reader said, without the advice to read unsafely."""
    text = str(error).strip() or type(error).__name__
    fact = re.search(r"WeightsUnpickler error:\s*(.+)", text)
    line = fact.group(1) if fact else text.splitlines()[0]
    return line.partition(" was not an allowed global")[0].strip()[:200]


def fits(value: Tensor, own: Tensor) -> bool:
    """Tell whether a tensor can take another's place: of the same shape, both of real numbers or both of whole ones.

    A tensor of a lazy layer has no shape yet, and takes any.
    """
    kinds = {one.is_floating_point() for one in (value, own)}
    shaped = is_lazy(own) or value.shape == own.shape
    return shaped and len(kinds) == 1 and not value.is_complex()


def listed(names: Sequence[str]) -> str:
    """Return the first names of tensors, in one line."""
    shown = (name if name.isprintable() and len(name) <= 100 else repr(name)[:100] for name in names[:5])
    return f"{', '.join(shown)}{' ...' if len(names) > 5 else ''}"
