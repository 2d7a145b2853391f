"""Files that are known not to be read: a check or a run found it out, and no run that skips bad files tries again."""

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from avssl.cache import cache_folder, whole
from avssl.media.errors import (
    BackendUnavailable,
    DecodeError,
    DecodeTimeout,
    MediaError,
    OpenError,
    ReadError,
    ScanError,
)
from avssl.media.scan_cache import libraries
from avssl.media.source import Origin

OnBad = Literal["error", "skip"]
Kind = Literal["video", "video with sound", "sound", "picture"]
Files = tuple[Iterable[Path | None], Sequence[Kind]]

KNOWN = "; known to be bad, so not tried again"


class BadItems:
    """What becomes of the items of a data set that cannot be read.

    What is known is looked up once, when this is made: all workers of a run know the same. Only what no draw of chance
    can change is learned: that a file cannot be opened, or a picture not be decoded.

    Args:
        policy: ``"error"``: they raise; ``"skip"``: they are failures, and what is known to be bad is not opened.
        files: for each file of an item: the path in every item, and what it is known as; the last kind is learned.

    Attributes:
        known: the failures of items that are not tried, by index.
    """

    def __init__(self, policy: OnBad, *files: Files):
        self.policy: OnBad = policy
        self.files = [(list(paths), kinds) for paths, kinds in files]
        self.known: dict[int, dict[str, Any]] = {}
        for paths, kinds in self.files if policy == "skip" else ():
            for kind in kinds:
                for index, why in recall(paths, kind).items():
                    self.known.setdefault(index, self._failure(index, f"{why}{KNOWN}"))

    def failure(self, index: int, error: Exception) -> dict[str, Any]:
        """Return what stands for an item that cannot be read, and keep in mind what will not change.

        Raises:
            Exception: the error itself, where bad items are errors.
        """
        if self.policy == "error":
            raise error
        for paths, kinds in self.files:
            path, kind = paths[index], kinds[-1]
            if path is None or getattr(error, "source", "") != str(path):
                continue
            if whatever_is_drawn(error, kind) and not may_pass(error):
                remember(path, kind, str(error))
        return self._failure(index, str(error))

    def _failure(self, index: int, error: str) -> dict[str, Any]:
        return {"failure": {"path": str(self.files[0][0][index]), "error": error}}


def whatever_is_drawn(error: Exception, kind: Kind) -> bool:
    """Return whether a file fails whatever is drawn: it does not open, or is a picture, which is read whole."""
    whole_picture = kind == "picture" and isinstance(error, DecodeError) and error.__cause__ is not None
    return isinstance(error, OpenError | ScanError) or whole_picture


def may_pass(error: Exception) -> bool:
    """Return whether the same bytes may be read another time: a right was missing, a drive gone, a decoder slow."""
    system = any(isinstance(cause, OSError) and cause.errno is not None for cause in causes_of(error))
    return system or isinstance(error, ReadError | DecodeTimeout | BackendUnavailable)


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def remember(path: Path, kind: Kind, why: str) -> None:
    """Keep in the cache that a file is bad, as long as its size and time, and the libraries that read it, are these."""
    state = state_of(path)
    if state is None:
        return
    entry = {"path": str(path), "state": state, "libraries": libraries(), "why": " ".join(why.split())}
    try:
        with whole(_folder() / _name(path, kind)) as part:
            part.write_text(json.dumps(entry), encoding="utf-8")
    except OSError as error:
        told = f"it cannot be kept which files are bad ({error}); set AVSSL_CACHE to a folder with room"
        warnings.warn(told, stacklevel=3)


def forget(path: Path, kind: Kind) -> None:
    """Take a file off the list of bad ones."""
    (_folder() / _name(path, kind)).unlink(missing_ok=True)


def recall(paths: Iterable[Path | None], kind: Kind) -> dict[int, str]:
    """Return the places of files that are known to be bad and have not changed since, and why they are."""
    listed = {entry.name for entry in os.scandir(_folder())}
    if not listed:
        return {}
    found = {}
    for place, path in enumerate(paths):
        if path is None or (name := _name(path, kind)) not in listed:
            continue
        try:
            entry = json.loads((_folder() / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # taken off by another process in between, or not whole
            continue
        if entry["libraries"] == libraries() and entry["state"] == state_of(path):
            found[place] = entry["why"]
    return found


def known_bad(data: Any) -> list[dict[str, str]]:
    """Return path and error of the items of a data set, or of the one within it, that are known and not tried."""
    while data is not None:
        if isinstance(bad := getattr(data, "bad", None), BadItems):
            return [item["failure"] for item in bad.known.values()]
        data = getattr(data, "data", None)
    return []


def format_known(name: str, data: Any) -> list[str]:
    """Return a line that says which items are left out untried, and how to try them again; none without any."""
    known = known_bad(data)
    if not known:
        return []
    files = {failure["path"]: failure["error"].removesuffix(KNOWN) for failure in known}
    count = f"{len(files)} known bad file{'s' * (len(files) > 1)}"
    first = next(iter(files.values()))
    return [f"{name}: {count} left out untried, such as {first}; delete {_folder()} to try again"]


def state_of(path: Path) -> str | None:
    """Return the fingerprint that scans are kept under; None for what is not there, is empty or changes right now."""
    try:
        return Origin(path).fingerprint()
    except (MediaError, OSError):
        return None


def _folder() -> Path:
    return cache_folder("bad")


def _name(path: Path, kind: Kind) -> str:
    where = blake2b(os.fsencode(path.absolute()), digest_size=16).hexdigest()
    return f"{where}-{kind.replace(' ', '-')}.json"
