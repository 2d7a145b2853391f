"""Files of tensors, by whomever they were written: read without running code from them, or refused in one line."""

import errno
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn.parameter import is_lazy

from avssl.text import printable
from avssl.training.errors import TrainingError

# What PyTorch's and safetensors' readers raise at bytes that were not written by them.
BROKEN = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError, MemoryError, OSError),
    *(RecursionError, RuntimeError, TypeError, ValueError, pickle.PickleError, struct.error, zipfile.BadZipFile),
    SafetensorError,
)


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the metadata and the tensors of a ``.safetensors`` file.

    Raises:
        TrainingError: if it cannot be read.
    """
    with opened(path) as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a ``.safetensors`` file, see `read_safetensors`."""
    with opened(path) as file:
        return file.metadata() or {}


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a ``.safetensors`` file, and say in one line what is wrong with it."""
    if printable(path) != str(path):
        raise TrainingError(f"{path}: safetensors opens no file whose name is not UTF-8; rename it, or its folder")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except BROKEN as error:
        raise TrainingError(f"{path} is no readable .safetensors file: {reason(error)}; export it again") from error


def read_pickled(path: Path, mmap: bool = False) -> Any:
    """Return what ``torch.save`` wrote, as far as it is tensors and plain values (``weights_only``).

    Args:
        path: the file.
        mmap: leave tensors on the disk until they are used.

    Raises:
        TrainingError: if it holds anything else, is broken, or is packed, which ``torch.save`` never does and which may
            unfold to any size.
    """
    try:
        refuse_packed(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of forms that PyTorch will no longer write
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # an empty file cannot be mapped
            raise TrainingError(f"{path} cannot be read: {error.strerror}") from error
        raise TrainingError(f"{path} is no readable checkpoint: {reason(error)}") from error


def refuse_packed(path: Path) -> None:
    """Complain of an archive whose parts are packed, or together larger than it is."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise ValueError("its parts are packed, which torch.save never does")
    if sum(part.file_size for part in parts) > path.stat().st_size:
        raise ValueError("its parts are larger than the file")


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


def is_state(found: Any) -> bool:
    """Tell whether something is a mapping from names to tensors."""
    return isinstance(found, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    )
