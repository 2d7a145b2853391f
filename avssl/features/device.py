"""Where networks run."""

import os

import torch

from avssl.config import ConfigError


def find_device(device: str) -> str:
    """Return the device that ``"auto"`` means here, and check any other.

    Raises:
        ConfigError: if there is no such device.
    """
    if device == "auto":
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # unknown word, no driver, or PyTorch built without it
        raise ConfigError(f"device: {device!r} cannot be used here ({str(error).splitlines()[0]}); try cpu") from error
    return device
