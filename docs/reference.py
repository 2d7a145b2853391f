"""What the site's page of the API lists: filled in from the code, as `avssl list` reads it."""

import re
from pathlib import Path

from avssl import cli
from avssl.config.check import is_class
from avssl.config.source import Function, exports, names, resolve

PAGES = Path(__file__).parent
ASKED = re.compile(r"^`(?:avssl list (\w+)|dir\((avssl[.\w]*)\))`$", flags=re.MULTILINE)


def on_page_markdown(markdown, page, **_):
    """Put the tables in, for mkdocs."""
    return filled(markdown) if page.file.src_uri == "reference.md" else markdown


def filled(markdown):
    """Return the page with a table for each command, and what no other page explains at its end."""
    listed: set[str] = set()
    return ASKED.sub(lambda asked: listing(*asked.groups(), listed), markdown) + rest(listed)


def listing(kind, package, listed):
    """Return a table of a kind, or of what else is public in a package: linked names, sentences."""
    found = [row for row in entries(kind, package) if row[0] not in listed]
    listed |= {path for path, _, _ in found if path}
    if not found:
        return ""
    rows = [
        f"| {linked(path, name)} | {about.replace('|', chr(92) + '|')} |"
        for path, name, about in found
    ]
    return "\n".join(["| name | |", "|---|---|", *rows])


def linked(path, name):
    return f"[`{name}`][{path}]" if path else f"`{name}`"


def entries(kind, package):
    """Return dotted path (None for what is no object), name and first sentence of each."""
    if package:
        return [entry(package, name) for name in sorted(exports(package)) if known(package, name)]
    if kind in cli.FAMILIES:
        return [entry(one.module, name) for name, one in cli.members(kind).items()]
    if kind == "losses":
        package = "avssl.losses"
        return [
            entry(package, name)
            for name in sorted(exports(package))
            if not is_class(resolve(package, name))
        ]
    rows = [line.split(maxsplit=1) for line in cli.listing(kind).splitlines()]
    return [(None, name, about) for name, about in rows]


def known(module, name):
    """Tell whether a name that a package exports is a class or function that people use."""
    target = resolve(module, name)
    ours = canonical(module, name).startswith("avssl.")
    return ours and (isinstance(target, Function) or is_class(target))


def entry(module, name):
    target = resolve(module, name)
    return canonical(module, name), name, cli.first_line(cli.said(target))


def canonical(module, name):
    """Return the dotted path of the definition that a public name leads to."""
    place = names(module).get(name)
    return (
        canonical(*place) if isinstance(place, tuple) and place[0] != module else f"{module}.{name}"
    )


def rest(listed):
    """Return what is listed and stands on no other page."""
    said = re.findall(
        r"^::: (\S+)$",
        "\n".join(page.read_text(encoding="utf-8") for page in PAGES.glob("**/*.md")),
        re.M,
    )
    explained = {canonical(*path.rpartition(".")[::2]) for path in said}
    left = sorted(listed - explained, key=lambda path: path.rpartition(".")[2].lower())
    return (
        "\n\n## What stands on no other page\n\n"
        + "\n\n".join(f"::: {path}" for path in left)
        + "\n"
    )
