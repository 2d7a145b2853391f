"""Ways to break bytes, text and settings by chance."""

from typing import Any

import numpy as np

WORDS = [
    *("", " ", "\t", "\0", "#", ":", "- ", "&a ", "*a", "!!python/name:os.system", "!x ", "%", "@", "`", "'", '"', "|"),
    *("[" * 90, "{" * 90, "a: &a [*a]", "---\n", "NaN", ".inf", "1e999", "-1", "9" * 400, "9" * 5000, "010", "null"),
    *(
        "true",
        "2020-01-01",
        "é🎬",
        "\x9b",
        "\u202e",
        "﻿",
        "../../x",
        "/dev/null",
        "/",
        "this.Zen",
        "os.system",
        "a" * 9000,
    ),
]
VALUES = [
    *(None, True, -1, 0, 1, 10**12, 10**400, 0.5, -0.0, float("nan"), float("inf"), "", "x", "a\nb", "\0", "é" * 500),
    *(
        [],
        {},
        [1, "a", None],
        {"name": "x"},
        {"name": "this.Zen"},
        {"name": 5},
        {"name": "SmallNet", "dim": "x"},
        [[[]]],
    ),
    *("this.Zen", "SmallNet", "fps(0)", "<script>", "javascript:alert(1)", "/etc/passwd", "../../x"),
]
EDGES = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\x80\0\0\0", b"\xff\xff\xff\x7f"]


def spoil_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Return bytes with one to four changes: flips, cuts, swaps, repeats, and extremes where lengths may stand."""
    for _ in range(rng.integers(1, 5)):
        if not data:
            return data
        reach = len(data) if rng.random() < 0.5 else min(len(data), 400)  # headers more often than the rest
        start, span = int(rng.integers(reach)), int(rng.integers(1, 65))
        what = rng.integers(7)
        if what <= 1:
            flipped = bytes([data[start] ^ int(rng.integers(1, 256))])
            data = data[:start] + flipped + data[start + 1 :]
        elif what == 2:
            data = data[: int(rng.integers(len(data) + 1))]
        elif what == 3:
            data = data[:start] + data[start + span :]
        elif what == 4:
            other = int(rng.integers(len(data)))
            data = data[:start] + data[other : other + span] + data[start + span :]
        elif what == 5:
            data = data[: start + span] + data[start:]
        else:
            data = data[:start] + EDGES[rng.integers(len(EDGES))] + data[start + 4 :]
    return data


def spoil_text(text: str, rng: np.random.Generator) -> bytes:
    """Return text with odd words put in or in place of others, or lines moved; now and then broken as bytes."""
    for _ in range(rng.integers(1, 4)):
        place, span = int(rng.integers(len(text) + 1)), int(rng.integers(0, 12))
        if rng.random() < 0.7:
            text = text[:place] + WORDS[rng.integers(len(WORDS))] + text[place + span :]
        else:
            lines = text.split("\n")
            one, other = rng.integers(len(lines), size=2)
            lines[one] = lines[other] + lines[one][: int(rng.integers(4))]
            text = "\n".join(lines)
    data = text.encode("utf-8", "surrogatepass")
    return spoil_bytes(data, rng) if rng.random() < 0.3 else data


def spoil_settings(settings: Any, rng: np.random.Generator) -> Any:
    """Return a copy of nested settings with a value somewhere in it changed, left out, or put under an odd key."""
    if isinstance(settings, dict) and settings and rng.random() < 0.85:
        key = list(settings)[rng.integers(len(settings))]
        if rng.random() < 0.1:
            return {name: value for name, value in settings.items() if name != key}
        if rng.random() < 0.1:
            return settings | {WORDS[rng.integers(len(WORDS))]: settings[key]}
        return settings | {key: spoil_settings(settings[key], rng)}
    if isinstance(settings, list) and settings and rng.random() < 0.8:
        place = int(rng.integers(len(settings)))
        return [*settings[:place], spoil_settings(settings[place], rng), *settings[place + 1 :]]
    return VALUES[rng.integers(len(VALUES))]
