"""Chromium for tests of pages; they skip where it is not installed."""

import shutil
from contextlib import contextmanager

import pytest

PATIENCE = 300_000  # milliseconds that a page may take on a machine that is very busy
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium():
    """Start a headless Chromium, or skip the test."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[test]'")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs a Chromium, such as Debian's package chromium")
    with api.sync_playwright() as playwright, playwright.chromium.launch(executable_path=found, args=FLAGS) as one:
        yield one


def watched(page, address):
    """Return a growing list of what a page complains of on its console, or asks of another place than ``address``."""
    amiss = []
    page.on("console", lambda message: amiss.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: amiss.append(str(error)))
    page.on("request", lambda request: request.url.startswith((address, "blob:", "data:"))
            or amiss.append(request.url))  # fmt: skip
    return amiss
