"""The page of the real-or-recoloured test, served by this machine to itself alone."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from avssl.config import ConfigError
from avssl.inference.recolored.session import Refused, Sessions

HOST = "127.0.0.1"
FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
LARGEST = 4096  # bytes of a request: a name or a choice
DIGITS = 9  # of a number in an address or a header
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Server(ThreadingHTTPServer):
    """Serves the page until it is stopped.

    Args:
        sessions: deals out pairs.
        port: 0 for a free one.
        seconds: how long a pair is shown.
        people: stop by itself when so many have finished; None never.

    Raises:
        ConfigError: if the port is taken.
    """

    daemon_threads = True

    def __init__(self, sessions: Sessions, port: int, seconds: float, people: int | None):
        self.sessions, self.seconds, self.people = sessions, seconds, people
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            raise ConfigError(f"port: {port} cannot be used ({error.strerror}); 0 takes a free one") from error

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of pages that were closed in the middle of a request; what else goes wrong is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def stop_when_done(self) -> None:
        """Stop serving if enough people have finished; the answer that is on its way still leaves."""
        if self.people is not None and self.sessions.finished() >= self.people:
            threading.Thread(target=self.shutdown).start()  # it waits for the loop, which waits for nobody


class Handler(BaseHTTPRequestHandler):
    """Answers a request of the page."""

    timeout = 30.0  # seconds to wait for the rest of a request
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Send the page, what belongs to it, or a picture ``/pair/TOKEN/NUMBER/SIDE``."""
        path = place(self.path)
        if not self.known_host():
            self.send(403, {"error": "This page is for the machine that serves it."})
        elif path in FILES:
            name, kind = FILES[path]
            self.answer(200, f"{kind}; charset=utf-8", (files("avssl.inference.recolored") / name).read_bytes())
        else:
            parts = path.split("/")
            if len(parts) == 5 and parts[1] == "pair" and is_count(parts[3]) and parts[4] in ("left", "right"):
                side = "left" if parts[4] == "left" else "right"
                try:
                    picture = self.server.sessions.picture(parts[2], int(parts[3]), side)
                except Refused as refused:
                    self.send(refused.status, {"error": str(refused)})
                else:
                    self.answer(200, "image/png", picture)
            else:
                self.send(404, {"error": "There is no such page."})

    def do_POST(self) -> None:
        """Take a name (``/begin``) or a choice (``/choose``), as JSON."""
        try:
            asked = self.asked()
            if self.path == "/begin":
                found = self.server.sessions.begin(asked.get("name")) | {"seconds": self.server.seconds}
            elif self.path == "/choose":
                chosen = [asked.get(name) for name in ("session", "number", "side", "seconds")]
                found = self.server.sessions.choose(str(chosen[0]), *chosen[1:])
            else:
                raise Refused(404, "There is no such page.")
        except Refused as refused:
            self.send(refused.status, {"error": str(refused)})
        else:
            self.send(200, found)
            self.server.stop_when_done()

    def asked(self) -> dict[str, Any]:
        """Return what a request says.

        Raises:
            Refused: if it comes from another site's page, or is not JSON.
        """
        own = f"http://{self.headers.get('Host')}"
        if not self.known_host() or self.headers.get("Origin", own) != own:
            raise Refused(403, "This page is for the machine that serves it.")
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not is_count(length) or int(length) > LARGEST:
            raise Refused(400, "A request should be a little JSON.")
        try:
            asked = json.loads(self.rfile.read(int(length)), parse_constant=refuse)
        except (ValueError, RecursionError) as error:  # no JSON, or lists in lists without end
            raise Refused(400, "A request should be a little JSON.") from error
        if not isinstance(asked, dict):
            raise Refused(400, "A request should be a JSON object.")
        return asked

    def known_host(self) -> bool:
        """Tell whether a request names this machine: a foreign name that leads here is another site's trick."""
        return self.headers.get("Host") in {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}

    def send(self, status: int, found: dict[str, Any]) -> None:
        self.answer(status, "application/json", json.dumps(found).encode())

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",  # a pair is shown once
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the page was closed before it had all: nobody is left to tell

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests that were served: the terminal is for the result."""


def is_count(text: str) -> bool:
    """Tell whether a text is a whole number from 0 that fits anywhere; Python turns no longer ones into numbers."""
    return len(text) <= DIGITS and text.isdecimal()


def place(target: str) -> str:
    """Return the path in what a request asks for; empty if that is no address."""
    try:
        return urlsplit(target).path
    except ValueError:
        return ""


def refuse(constant: str) -> float:
    """Refuse NaN and infinities, which are no JSON.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{constant} is no JSON")
