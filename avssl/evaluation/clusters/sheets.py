"""A page of clusters, whole in itself: a map of all, and a sheet for each that is worth a look."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from avssl.cache import whole
from avssl.config import ConfigError, rebuild
from avssl.data import Dataset
from avssl.data.items import items_of
from avssl.evaluation.clusters.groups import Cluster, Groups, chosen, clusters_in, shown_members
from avssl.evaluation.clusters.map import HIGH, MOST, WIDE, map_of
from avssl.evaluation.clusters.members import Member, read_members, strip
from avssl.features.command import ABOUT
from avssl.features.extraction import Rows
from avssl.features.rows import Recipe
from avssl.text import printable

PAGE = "clusters.html"
SHOWN = 6  # members of each kind


def page_of(
    groups: Groups, rows: Rows, data: Dataset, recipe: Recipe, title: str, sheets: int = 48, seed: int = 0
) -> str:
    """Return the HTML of a page of clusters.

    Args:
        groups: the clustering of the rows.
        rows: what each row is.
        data: what they were made of; the members that are shown are read from it.
        recipe: how they were made.
        title: what was clustered.
        sheets: clusters that get a sheet, at most.
        seed: of the members that are drawn by chance.
    """
    clusters = clusters_in(groups, rows.label)
    parts = chosen(clusters, sheets)
    members = {
        cluster.number: shown_members(groups.members(cluster.number), SHOWN, seed, cluster.number)
        for _, some in parts
        for cluster in some
    }
    wanted = [int(row) for kinds in members.values() for several in kinds.values() for row in several]
    found = read_members(data, rows, wanted, recipe)
    names = {cluster.number: name_of(cluster, rows) for cluster in clusters}
    about = {cluster.number: f"cluster {cluster.number}: {in_words(cluster, rows)}" for cluster in clusters}
    sections = [
        {"title": name, "sheets": [sheet_of(cluster, rows, members[cluster.number], found) for cluster in some]}
        for name, some in parts
    ]
    loader = PackageLoader("avssl.evaluation.clusters", ".")
    template = Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("sheets.html")
    text = template.render(
        title=title,
        rows=len(rows),
        count=len(groups),
        used=len(clusters),
        sheets=len(members),
        mapped=min(MOST, len(clusters)),
        pure=all(cluster.purity is not None for cluster in clusters),
        circles=map_of(clusters, groups.centres, names, about),
        wide=WIDE,
        high=HIGH,
        shown=set(members),
        sections=sections,
        plays=any(len(member.frames) > 1 for member in found.values()),
        sounds=any(member.sound for member in found.values()),
    )
    return printable(text)


def sheet_of(cluster: Cluster, rows: Rows, kinds: dict[str, Any], found: dict[int, Member]) -> dict[str, Any]:
    """Return what the page shows of a cluster."""
    order = [int(row) for several in kinds.values() for row in several]
    places = {row: place for place, row in enumerate(order)}
    first = cluster.classes[0][0] if cluster.classes else -1
    lines = []
    for kind, several in kinds.items():
        cells = []
        for row in map(int, several):
            label, member = int(rows.label[row]), found[row]
            cells.append(
                {
                    "place": places[row],
                    "name": class_name(label, rows) if label >= 0 else "",
                    "odd": label >= 0 and label != first,
                    "about": member.failure or f"{rows.path[row]}, item {rows.item[row]}",
                    "sound": member.sound,
                }
            )
        if cells:
            lines.append({"name": kind, "cells": cells})
    sheet = {"number": cluster.number, "size": cluster.size, "far": f"{cluster.far:.3g}", "lines": lines}
    sheet["classes"] = [(class_name(label, rows), f"{100 * share:.0f}") for label, share in cluster.classes]
    return sheet | strip([found[row] for row in order])


def class_name(label: int, rows: Rows) -> str:
    return str(rows.classes[label]) if 0 <= label < len(rows.classes) else f"class {label}"


def name_of(cluster: Cluster, rows: Rows) -> str:
    """Return what is written on a cluster's circle: its commonest class, or its number."""
    return class_name(cluster.classes[0][0], rows) if cluster.classes else str(cluster.number)


def in_words(cluster: Cluster, rows: Rows) -> str:
    """Return size and classes of a cluster in a line."""
    shares = [f"{100 * share:.0f} % {class_name(label, rows)}" for label, share in cluster.classes]
    return ", ".join([f"{cluster.size} rows", *shares])


def page_of_features(folder: Path, rows: Rows, groups: Groups, title: str, sheets: int, seed: int) -> str:
    """Return the page of clusters of features in files, whose data is the one that ``about.json`` names.

    Raises:
        ConfigError: if it names none, the data cannot be made, or holds other items now.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        settings, recipe, items = about["data"], about["recipe"], about["items"]
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        raise ConfigError("the features do not say which data they are of; extract them again with avssl") from None
    data = rebuild(settings, "avssl.data.Dataset", f"{folder / ABOUT}: data")
    if items_of(data) != items:
        raise ConfigError(f"{folder / ABOUT}: the data holds other items than when features were taken")
    return page_of(groups, rows, data, rebuild_recipe(recipe, folder), title, sheets, seed)


def rebuild_recipe(settings: Any, folder: Path) -> Recipe:
    """Return the recipe that ``about.json`` tells.

    Raises:
        ConfigError: if it is none.
    """
    try:
        known = {name: value for name, value in settings.items() if name != "name"}
        known |= {name: tuple(known[name]) for name in ("crop", "patch") if isinstance(known.get(name), list)}
        return Recipe(**known)
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(f"{folder / ABOUT}: recipe is none of avssl's; extract the features again") from error


def write_page(path: Path, text: str) -> None:
    """Write a page, whole or not at all."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")
