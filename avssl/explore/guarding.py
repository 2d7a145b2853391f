"""Who may ask the explorer's server: pages that it served itself, on this machine."""

from collections.abc import Awaitable, Callable
from typing import Any

HOST = "127.0.0.1"
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]  # what ASGI calls an application
HEADERS = {
    "Content-Security-Policy": (  # the page may ask nobody but its server
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class OwnPagesOnly:
    """Answers requests of the server's own pages; those of other sites, or by a foreign name, are refused (403).

    Args:
        app: what answers the others.
        port: that the server listens at.
    """

    def __init__(self, app: App, port: int):
        self.app = app
        self.hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":  # the page opens no WebSocket
            await send({"type": "websocket.close", "code": 1008})
        elif self.is_own(headers_of(scope), scope["path"]):
            await self.app(scope, receive, with_headers(send))
        else:
            await answer(send, 403, "This page is for the machine that serves it.")

    def is_own(self, headers: dict[str, str], path: str) -> bool:
        """Tell whether a request names this machine and comes from a page of it, or from a person's address bar."""
        host = headers.get("host")
        if host not in self.hosts or headers.get("origin", f"http://{host}") != f"http://{host}":
            return False
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        return not foreign or (path == "/" and headers.get("sec-fetch-mode") == "navigate")  # a link to the page


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers of a request; of one that is given several times, all, which then equals nothing allowed."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def with_headers(send: Send) -> Send:
    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = message | {"headers": [*message.get("headers", []), *encoded(HEADERS)]}
        await send(message)

    return sending


async def answer(send: Send, status: int, text: str, more: dict[str, str] | None = None) -> None:
    """Send a line of text."""
    await respond(send, status, "text/plain; charset=utf-8", text.encode(errors="replace"), more)


async def respond(send: Send, status: int, kind: str, body: bytes, more: dict[str, str] | None = None) -> None:
    """Send a whole answer."""
    headers = {"Content-Type": kind, "Content-Length": str(len(body))} | (more or {})
    await send({"type": "http.response.start", "status": status, "headers": encoded(headers)})
    await send({"type": "http.response.body", "body": body})


def encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
