"""Ask an ASGI application as a browser would, and rows of features that tests make up."""

import asyncio
from dataclasses import dataclass, field

import numpy as np

from avssl.features.extraction import Rows

OWN = {"host": "127.0.0.1:8000"}


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False


def ask(app, path, method="GET", headers=None, kind="http"):
    """Return the answer to one request; ``headers`` are a mapping, or pairs."""
    pairs = (OWN if headers is None else headers) or {}
    pairs = pairs.items() if isinstance(pairs, dict) else pairs
    found = Answer()

    async def send(message):
        if message["type"] == "http.response.start":
            assert not found.status, "one answer is sent"
            found.status = message["status"]
            found.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            found.body += message["body"]
            found.whole = not message.get("more_body", False)
        else:
            found.status = message["code"]

    async def receive():
        return {"type": "http.request", "body": b""}

    encoded = [(name.encode(), value.encode()) for name, value in pairs]
    asyncio.run(app({"type": kind, "method": method, "path": path, "headers": encoded}, receive, send))
    return found


def rows_of(paths, start=0.0, end=0.0, **others):
    """Return rows, one of each path."""
    count = len(paths)
    told = {
        "item": np.arange(count),
        "clip": np.full(count, -1),
        "start": np.full(count, start, np.float64),
        "end": np.full(count, end, np.float64),
        "label": np.full(count, -1),
        "group": np.array(list(map(str, paths))),
        "path": np.array(list(map(str, paths))),
    }
    absent = dict.fromkeys(("labels", "box", "keypoints", "visible"))
    return Rows(**(told | absent | others))
