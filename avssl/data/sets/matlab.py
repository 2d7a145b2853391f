"""MATLAB files (version 5, by SciPy) as plain values: whatever is ragged, empty or missing has one form.

A structure array becomes a list of structures, a field that is missing or empty becomes an empty array, and numbers
become float64, for MATLAB keeps them as narrow as they fit (the difference of two uint8 wraps round).
"""

from pathlib import Path
from typing import Any

import numpy as np

from avssl.data.sets.base import SetError


def load(path: Path, *variables: str) -> list[Any]:
    """Return variables of a file.

    Raises:
        SetError: if the file is missing, is no MATLAB file of version 5, is cut off, or lacks a variable.
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise SetError(f"there is no {path}; get it from the authors of the data set and put it there")
    try:
        content = loadmat(path, struct_as_record=False)
    except NotImplementedError as error:
        raise SetError(f"{path} is an HDF5 file (MATLAB 7.3); the official one is of version 5") from error
    except Exception as error:  # SciPy raises TypeError, ValueError, OSError, zlib.error, ... for broken files
        raise SetError(f"{path} cannot be read as a MATLAB file ({error}); was it copied whole?") from error
    if missing := [name for name in variables if name not in content]:
        there = ", ".join(name for name in content if not name.startswith("__")) or "nothing"
        raise SetError(f"{path} has no {' and no '.join(missing)}, but {there}; is it the official file?")
    return [content[name] for name in variables]


def structures(value: Any) -> list[Any]:
    """Return the structures of an array of them; none if it is empty, or no structure at all."""
    return [each for each in np.asarray(value, dtype=object).ravel() if hasattr(each, "_fieldnames")]


def part(structure: Any, field: str) -> Any:
    """Return a field of a structure; an empty array if it has none of that name."""
    return getattr(structure, field, np.empty(0))


def numbers(value: Any) -> np.ndarray:
    """Return numbers in one dimension, float64; characters are read as the numbers that they spell."""
    return np.asarray(value).reshape(-1).astype(np.float64)


def number(value: Any) -> float:
    """Return one number, or NaN where there is none."""
    found = numbers(value)
    return float(found[0]) if len(found) else float("nan")


def text(value: Any) -> str:
    """Return a string, or an empty one where there is none."""
    found = np.asarray(value).reshape(-1)
    return str(found[0]).strip() if len(found) else ""
