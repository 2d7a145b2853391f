"""Say what a tree holds: counts beside the published ones, the first problems of each kind, and how to use it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.table import Table
from rich.text import Text

from avssl.data.sets.base import Count, Kind, Listing, Problem
from avssl.text import printable

FIRST = 3  # problems of each kind that are shown; problems.csv has them all


def differs(count: Count) -> bool:
    """Return whether a count is not what was published, nor fewer where that is normal."""
    if count.published is None or count.found == count.published:
        return False
    return not (count.tolerant and count.found < count.published)


def falls_short(counts: Sequence[Count], problems: Sequence[Problem]) -> bool:
    """Return whether a tree is not what was published.

    Missing files are no failure where some count is tolerant: what vanished from the web cannot be had again.
    """
    kinds = {problem.kind for problem in problems}
    tolerant = any(count.tolerant for count in counts)
    return any(map(differs, counts)) or "undecodable" in kinds or ("missing" in kinds and not tolerant)


def show_counts(listing: Listing, console: Console) -> None:
    """Print what was found beside what was published."""
    table = Table("", box=None, title=Text(printable(f"{listing.name} in {listing.root}")), title_justify="left")
    for column in ("found", "published", ""):
        table.add_column(column, justify="right" if column else "left")
    for count in listing.counts:
        published = "" if count.published is None else f"{count.published:,}"
        style = "red" if differs(count) else None
        table.add_row(Text(count.what), f"{count.found:,}", published, remark(count), style=style)
    console.print(table)


def remark(count: Count) -> str:
    """Return what there is to say about a count.

    Examples:
        >>> remark(Count(what="videos", found=90, published=100)), remark(Count(what="videos", found=90, published=90))
        ('10 fewer', '')
        >>> remark(Count(what="videos", found=90, published=100, tolerant=True))
        '90.0 %'
    """
    if count.published is None or count.found == count.published:
        return ""
    if not differs(count):
        return f"{count.found / count.published:.1%}".replace("%", " %")
    more = count.found - count.published
    return f"{abs(more):,} {'more' if more > 0 else 'fewer'}"


def show_problems(problems: Sequence[Problem], where: Path, console: Console) -> None:
    """Print how many problems of each kind there are, and the first of them."""
    for kind in get_args(Kind):
        those = [problem for problem in problems if problem.kind == kind]
        if not those:
            continue
        console.print(f"{kind}: {len(those):,}", style="bold")
        for problem in those[:FIRST]:
            about = f" ({problem.about})" if problem.about else ""
            console.print(printable(f"  {problem.path}{about}"), soft_wrap=True)
        if len(those) > FIRST:
            console.print(f"  and {len(those) - FIRST:,} more")
    if problems:
        console.print(printable(f"all of them: {where}"), soft_wrap=True)


def show_manifest(rows: Sequence[Mapping[str, Any]], manifest: Path | None, console: Console) -> None:
    """Print where the manifest is and what its splits hold."""
    if manifest is None:
        console.print("nothing is left to list; no manifest was written", style="red")
        return
    console.print(printable(f"{len(rows):,} rows are in {manifest}"), soft_wrap=True)
    words = Counter(word for row in rows for word in str(row.get("split", "")).split())
    if words:
        splits = ", ".join(f"{word} {count:,}" for word, count in sorted(words.items()))
        console.print(f"splits: {splits}", soft_wrap=True)
