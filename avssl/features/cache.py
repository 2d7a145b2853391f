"""What an evaluation has computed, kept by the content of all that it was computed from."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from avssl.cache import whole
from avssl.data.base import lasting


class FeatureCache:
    """A folder of results: a finished one is read back, never computed again, so that an interruption costs little.

    Args:
        folder: where the results lie; it may be deleted at any time. None keeps nothing.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder

    def __call__(self, key: Mapping[str, Any], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the result that ``key`` names, computed now or before.

        Args:
            key: all that the result depends on, as values that JSON can hold (see `digest` for arrays and weights).
            compute: makes the result.
        """
        found = self.get(key)
        if found is None:
            found = compute()
            self.put(key, found)
        return found

    def get(self, key: Mapping[str, Any]) -> np.ndarray | None:
        """Return the result that ``key`` names, or None if it has not been computed."""
        path = self._path(key)
        return None if path is None or not path.exists() else np.load(path, allow_pickle=False)

    def put(self, key: Mapping[str, Any], result: np.ndarray) -> None:
        """Keep a result under ``key``."""
        path = self._path(key)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as part, open(part, "wb") as file:
            np.save(file, result, allow_pickle=False)

    def drop(self, key: Mapping[str, Any]) -> None:
        """Keep the result that ``key`` names no longer."""
        if (path := self._path(key)) is not None:
            path.unlink(missing_ok=True)

    def has(self, key: Mapping[str, Any]) -> bool:
        """Tell whether the result that ``key`` names has been computed."""
        path = self._path(key)
        return path is not None and path.exists()

    def _path(self, key: Mapping[str, Any]) -> Path | None:
        if self.folder is None:
            return None
        return self.folder / f"{name_of(key)}.npy"


def name_of(key: Mapping[str, Any]) -> str:
    """Return a short name for a key: the same for equal ones, and whether the data in it come from copies or not."""
    return hashlib.sha256(json.dumps(lasting(dict(key)), sort_keys=True).encode()).hexdigest()[:24]


def digest(*contents: Tensor | np.ndarray | nn.Module) -> str:
    """Return the hash of arrays' contents or of a network's class and weights.

    Examples:
        >>> digest(np.zeros(2)) == digest(np.zeros(2)) != digest(np.zeros(3))
        True
    """
    total = hashlib.sha256()
    for content in contents:
        if isinstance(content, nn.Module):
            total.update(repr(content).encode())
            for name, value in content.state_dict().items():
                total.update(name.encode())
                _add(total, value)
        else:
            _add(total, content)
    return total.hexdigest()[:24]


def _add(total: Any, content: Tensor | np.ndarray) -> None:
    array = content.detach().cpu().numpy() if isinstance(content, Tensor) else content
    array = np.ascontiguousarray(array)
    total.update(f"{array.dtype} {array.shape}".encode())
    total.update(array.data if array.size else b"")
