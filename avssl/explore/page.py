"""The page, which is Embedding Atlas's (https://github.com/apple/embedding-atlas), and its server with our media."""

import re
import socket
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from avssl.config import ConfigError
from avssl.explore.answering import FRESH
from avssl.explore.guarding import HOST, App, OwnPagesOnly, Receive, Scope, Send, answer, respond
from avssl.explore.tables import MAP, OTHER
from avssl.installed import extra

ARCHIVE = "/data/archive.zip"
PACKAGES = ("embedding_atlas", "umap", "uvicorn")


def require_packages() -> None:
    """Say in one line what to install.

    Raises:
        ConfigError: if the page's packages are missing.
    """
    if any(find_spec(name) is None for name in PACKAGES):
        raise ConfigError(f"explore: embedding-atlas is not installed; {extra('explore')}")


def props_of(titles: Sequence[str], category: str) -> dict[str, Any]:
    """Return what the page is told: its columns, a map for each title, the first colouring, and how columns look.

    Args:
        titles: of the maps, one or two.
        category: the column to colour by, and to count beside.
    """
    charts: dict[str, Any] = {}
    unseen = [
        "row",
        "file",
        "path",
        "group",
        "item",
        "clip",
    ]  # where a point is shown; all stay to colour and filter by
    for number, (title, suffix) in enumerate(zip(titles, ("", OTHER), strict=False), start=1):
        x, y, neighbours = (f"{name}{suffix}" for name in MAP)
        told = {"x": x, "y": y, "text": "about", "category": category, "neighbors": neighbours}
        charts[str(number)] = {"type": "embedding", "title": title, "data": told}
        unseen += [x, y, neighbours]
    if len(titles) == 2:
        left, right = map(escape, titles)
        about = f"left: <b>{left}</b><br>right: <b>{right}</b>"
        charts["maps"] = {"type": "markdown", "title": "maps", "content": about}
    charts["counts"] = {"type": "count-plot", "title": category, "data": {"field": category}}
    return {
        "data": {"id": "row", "projection": {"x": "x", "y": "y"}, "text": "about", "neighbors": "neighbors"},
        "embeddingViewLabels": [],
        "initialState": {
            "charts": charts,
            "columnStyles": {name: {"display": "hidden"} for name in unseen}
            | {"media": {"renderer": "markdown", "display": "full"}},
        },
    }


class Table:
    """What the page's server asks for a table: as Embedding Atlas's ``DataSource``, with nothing in the home folder.

    Args:
        dataset: a data frame, a row for each point.
        metadata: what the page is told.
    """

    def __init__(self, dataset: Any, metadata: dict[str, Any]):
        self.dataset, self.metadata, self.kept = dataset, metadata, {}

    def cache_get(self, name: str) -> Any:
        return self.kept.get(name)

    def cache_set(self, name: str, data: Any) -> None:
        self.kept[name] = data


def app_of(columns: dict[str, Any], props: dict[str, Any], media: App, port: int) -> App:
    """Return the page's server: Embedding Atlas's, with media beside it, for pages of its own alone."""
    import embedding_atlas  # pyright: ignore[reportMissingImports]
    import pandas as pd  # pyright: ignore[reportMissingImports]
    from embedding_atlas.server import make_server  # pyright: ignore[reportMissingImports]

    static = Path(str(embedding_atlas.__file__)).parent / "static"
    source: Any = Table(pd.DataFrame(columns), {"props": props})
    made: Any = make_server(source, static_path=str(static), duckdb_uri="server")
    atlas: App = made
    page = page_of((static / "index.html").read_text(encoding="utf-8")).encode()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            await respond(send, 200, "text/html; charset=utf-8", page, FRESH)
        elif scope["path"] == ARCHIVE:
            await answer(send, 404, "An archive would hold neither films nor sounds; export the selection.")
        else:
            await (media if scope["path"].startswith("/media/") else atlas)(scope, receive, send)

    return OwnPagesOnly(app, port)


def page_of(html: str) -> str:
    """Return the page with its name, without an icon that would be asked for, and with what plays a point."""
    script = (Path(__file__).parent / "page.js").read_text(encoding="utf-8")
    head = '<title>avssl explore</title><link rel="icon" href="data:,">'
    return re.sub("<title>.*</title>", head, html).replace("</head>", f"<script>{script}</script></head>")


def bound(port: int) -> socket.socket:
    """Return a socket that listens on this machine's own address; 0 takes a free port.

    Raises:
        ConfigError: if the port is taken.
    """
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((HOST, port))
        one.listen()  # now, so that no other program takes it meanwhile
    except OSError as error:
        one.close()
        raise ConfigError(f"port: {port} cannot be used ({error.strerror}); 0 takes a free one") from error
    return one


def serve(app: App, listening: socket.socket) -> None:
    """Answer until Ctrl-C."""
    import uvicorn  # pyright: ignore[reportMissingImports]

    settings = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    uvicorn.Server(settings).run(sockets=[listening])
