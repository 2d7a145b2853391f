"""Which items a run learned from, and which there are now: enough to notice that data grew, shrank or changed."""

from collections.abc import Mapping

from avssl.data.items import Items


def change_of(before: Items, now: Items) -> str | None:
    """Return what changed from one list of items to another, in words; None if nothing did."""
    if before["count"] != now["count"]:
        return f"{before['count']} items, and now there are {now['count']}"
    if before["digest"] and now["digest"] and before["digest"] != now["digest"]:
        return f"{before['count']} items, and now there are {now['count']} others: names, labels or their order differ"
    return None


def changes_of(before: Mapping[str, Items], now: Mapping[str, Items]) -> dict[str, str]:
    """Return what changed of each data set that both know, by its name."""
    found = {name: change_of(before[name], now[name]) for name in before.keys() & now.keys()}
    return {name: text for name, text in sorted(found.items()) if text is not None}
