"""Pictures and pages that a run's folder names: those within it, and no other file of this machine."""

import base64
from pathlib import Path
from urllib.parse import quote

KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}  # how a picture's file begins
LARGEST = 2**25  # bytes of a picture


def picture_data(run: Path, name: str) -> str | None:
    """Return a picture within a run's folder as a ``data:`` address; None if there is no file.

    Raises:
        ValueError: if it lies elsewhere, is too large, or is no picture.
    """
    path = within(run, name)
    if path is None:
        return None
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"has more than {LARGEST} bytes")
    kind = next((kind for start, kind in KINDS.items() if content.startswith(start)), None)
    if kind is None:
        raise ValueError("is no PNG or JPEG picture")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def address(run: Path, name: str) -> str | None:
    """Return the address of a page: on the web, or relative to the run's folder; None if there is no file.

    Raises:
        ValueError: if it lies elsewhere.
    """
    if name.startswith(("https://", "http://")):
        return name
    path = within(run, name)
    return None if path is None else quote(path.relative_to(run.resolve()).as_posix())


def within(run: Path, name: str) -> Path | None:
    """Return a file within a run's folder, links followed; None if there is none.

    Raises:
        ValueError: if it lies elsewhere, or the name is no path.
    """
    try:
        path = (run / name).resolve()
        inside = path.is_relative_to(run.resolve()) and not Path(name).is_absolute()
        if inside:
            return path if path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # a NUL, a name that is too long, links in a circle
        raise ValueError("is no path") from None
    raise ValueError("does not lie in the run's folder")
