"""Which items a data set holds, as a number and a digest: whether two are the same without reading either."""

from collections.abc import Iterator
from hashlib import blake2b
from os.path import commonprefix
from typing import Any

import numpy as np

from avssl.data.base import DataError, Dataset

LISTS = ("recordings", "people", "scenes")  # where data sets hold what they read, in order
ABOUT = ("label", "start", "end", "group")  # what makes an item another one, beside its name

Items = dict[str, Any]


def items_of(data: Dataset) -> Items:
    """Return ``count`` and ``digest`` of a data set; the digest is empty where it holds no list of files.

    The digest is of names below the folder that all files share, of labels, parts and groups, in order: moving the
    folder changes nothing. A data set that knows more has a ``digest`` of its own.
    """
    if own := getattr(data, "digest", ""):
        return {"count": len(data), "digest": own}
    listed = next((getattr(data, name) for name in LISTS if hasattr(data, name)), None)
    if listed is None:
        return {"count": len(data), "digest": ""}
    digest = blake2b(digest_size=16)
    for line in lines_of(listed):
        digest.update(line.encode(errors="surrogateescape"))
    return {"count": len(data), "digest": digest.hexdigest()}


def sources_of(data: Dataset) -> list[str]:
    """Return which file each item comes from, and its place in it where a file holds many.

    Two items of one source are the same to whoever keeps data apart, also where each is another part of one film. A
    copy of a file under another name is another source.

    Raises:
        DataError: if the data set does not tell.
    """
    own = getattr(data, "sources", None)
    if own is not None:
        return own()
    listed = next((getattr(data, name) for name in LISTS if hasattr(data, name)), None)
    if listed is not None:
        return [str(item.path.resolve()) for item in listed]
    if isinstance(inner := getattr(data, "data", None), Dataset) and len(inner) == len(data):
        return sources_of(inner)
    raise DataError(
        f"{type(data).__name__} does not tell which files its items come from, so nothing can keep it apart"
    )


def labels_of(data: Dataset) -> np.ndarray:
    """Return the label of each item, int64 ``(items,)``, -1 for none; items are read only where nothing else tells."""
    if isinstance(own := getattr(data, "labels", None), np.ndarray):
        return own.astype(np.int64)
    if hasattr(data, "recordings"):
        return np.array([one.label for one in data.recordings], np.int64).reshape(-1)  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(inner := getattr(data, "data", None), Dataset) and isinstance(
        places := getattr(data, "places", None), np.ndarray
    ):
        return labels_of(inner)[places]
    return np.array([data[index].get("label", -1) for index in range(len(data))], np.int64).reshape(-1)


def lines_of(listed: list[Any]) -> Iterator[str]:
    """Yield a line for each item."""
    paths = [str(item.path) for item in listed]
    shared = commonprefix([min(paths), max(paths)]) if paths else ""  # noqa: RUF071 (cut at a folder below)
    first = shared.rfind("/") + 1
    for path, item in zip(paths, listed, strict=True):
        yield "\0".join([path[first:], *(str(getattr(item, name, "")) for name in ABOUT), "\n"])
