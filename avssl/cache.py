"""Where what was computed or gathered once is kept."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """Return a folder of the cache, made if need be: ``$AVSSL_CACHE``, or ``~/.cache/avssl``.

    Delete it at any time: all that is in it can be made again.
    """
    root = os.environ.get("AVSSL_CACHE")
    folder = Path(root).expanduser() if root else Path.home() / ".cache" / "avssl"
    folder = folder.joinpath(*parts).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to; what was written takes ``path``'s place, in one move, only when the block ends well."""
    path = path.absolute()  # FFmpeg takes what stands before a colon in a relative one for a protocol
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
