"""Which items a data set holds, as a number and a digest: whether two are the same without reading either."""

from collections.abc import Iterator
from hashlib import blake2b
from os.path import commonprefix
from typing import Any

from avssl.data.base import Dataset

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


def lines_of(listed: list[Any]) -> Iterator[str]:
    """Yield a line for each item."""
    paths = [str(item.path) for item in listed]
    shared = commonprefix([min(paths), max(paths)]) if paths else ""  # noqa: RUF071 (cut at a folder below)
    first = shared.rfind("/") + 1
    for path, item in zip(paths, listed, strict=True):
        yield "\0".join([path[first:], *(str(getattr(item, name, "")) for name in ABOUT), "\n"])
