"""Where what was computed or gathered once is kept."""

import os
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """Return a folder of the cache, made if need be: ``$AVSSL_CACHE``, or ``~/.cache/avssl``.

    Delete it at any time: all that is in it can be made again.
    """
    root = os.environ.get("AVSSL_CACHE")
    folder = Path(root).expanduser() if root else Path.home() / ".cache" / "avssl"
    folder = folder.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
