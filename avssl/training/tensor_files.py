"""Files of tensors, by whomever they were written: read without running code from them, or refused in one line."""

import errno
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avssl.nets import tensor_files
from avssl.nets.tensor_files import BROKEN, opened, reason
from avssl.training.errors import TrainingError


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the metadata and the tensors of a ``.safetensors`` file.

    Raises:
        TrainingError: if it cannot be read.
    """
    return tensor_files.read_safetensors(path, TrainingError)


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a ``.safetensors`` file, see `read_safetensors`."""
    with opened(path, TrainingError) as file:
        return file.metadata() or {}


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


def is_state(found: Any) -> bool:
    """Tell whether something is a mapping from names to tensors."""
    return isinstance(found, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    )
