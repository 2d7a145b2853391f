"""Media served by the number of a row: films and sounds in parts, as browsers seek; pictures that are made."""

import asyncio
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from avssl.data import DataError
from avssl.explore.guarding import Receive, Scope, Send, answer, encoded, headers_of, respond
from avssl.explore.media import TYPES, Draw, Medium, picture_of
from avssl.media.errors import MediaError

PATH = re.compile(r"/media/(\d{1,9})(/picture)?", flags=re.ASCII)
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", flags=re.ASCII)
PIECE = 2**18  # bytes of a file that are read at a time
FRESH = {"Cache-Control": "no-store"}  # at the same address another run may be explored next


class MediaByRow:
    """Answers ``/media/ROW`` and ``/media/ROW/picture``, an ASGI application; of no file but those of the rows.

    Args:
        media: of each row.
        draw: makes a picture of an item that is in no file of its own; None where nobody can.
    """

    def __init__(self, media: Sequence[Medium], draw: Draw | None = None):
        self.media, self.draw, self.drawing = media, draw, asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] not in ("GET", "HEAD"):
            return await answer(send, 405, "Media can only be read.", {"Allow": "GET, HEAD"})
        asked = PATH.fullmatch(scope["path"])
        if asked is None or int(asked[1]) >= len(self.media):
            return await answer(send, 404, f"There is no such row; rows are 0 to {len(self.media) - 1}.")
        medium = self.media[int(asked[1])]
        try:
            if medium.kind in ("film", "sound", "picture") and not asked[2]:
                file = await asyncio.to_thread(open, medium.path, "rb")
            else:
                async with self.drawing:  # data sets are not made for several at a time
                    picture = await asyncio.to_thread(picture_of, medium, self.draw)
                if picture is None:
                    return await answer(send, 404, "There is nothing to see of this row.", FRESH)
                return await respond(send, 200, "image/png", picture, FRESH)
        except (OSError, MediaError, DataError) as error:
            return await answer(send, 404, f"It cannot be read: {error}", FRESH)
        with file:
            return await send_file(file, medium.path, headers_of(scope), send, scope["method"] == "HEAD")


async def send_file(file: BinaryIO, path: Path, headers: dict[str, str], send: Send, head: bool = False) -> None:
    """Send a file, or the range of its bytes that was asked for."""
    size = file.seek(0, io.SEEK_END)
    asked = None if "if-range" in headers else range_of(headers.get("range", ""), size)
    if asked is not None and not asked:
        return await answer(send, 416, f"The file has {size} bytes.", {"Content-Range": f"bytes */{size}"})
    part = range(size) if asked is None else asked
    more = {"Content-Type": TYPES[path.suffix.lower()], "Content-Length": str(len(part)), "Accept-Ranges": "bytes"}
    if asked is not None:
        more["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    status = 200 if asked is None else 206
    await send({"type": "http.response.start", "status": status, "headers": encoded(more | FRESH)})
    file.seek(part.start)
    left = 0 if head else len(part)
    while left:
        piece = await asyncio.to_thread(file.read, min(PIECE, left))
        if not piece:
            return None  # it became shorter: the connection breaks off, so that nobody takes it for the whole
        left -= len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    return await send({"type": "http.response.body", "body": b""})


def range_of(header: str, size: int) -> range | None:
    """Return which bytes of a file are asked for; an empty range if it has none of them, None for the whole file.

    Several ranges, and what is no range of bytes, may be answered by the whole file (RFC 9110, section 14.2).

    Examples:
        >>> range_of("bytes=2-5", 10), range_of("bytes=7-", 10), range_of("bytes=-3", 10), range_of("bytes=5-99", 10)
        (range(2, 6), range(7, 10), range(7, 10), range(5, 10))
        >>> range_of("bytes=10-", 10), range_of("", 10), range_of("bytes=0-1,4-5", 10), range_of("bytes=5-2", 10)
        (range(0, 0), None, None, None)
    """
    asked = RANGE.fullmatch(header.replace(" ", ""))
    if asked is None or not (asked[1] or asked[2]):
        return None
    if not asked[1]:
        return range(max(0, size - int(asked[2])), size)
    first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
    if asked[2] and int(asked[2]) < first:
        return None
    return range(first, last + 1) if first < size else range(0)
