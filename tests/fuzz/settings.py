"""Configs and overrides, as the command line reads them."""

from pathlib import Path

import numpy as np

from avssl.config import plan, read
from avssl.config.overrides import lay, lay_as_given
from tests.fuzz.mutations import VALUES, WORDS, spoil_text
from tests.fuzz.runner import Kind

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
TRAINED = [path for path in CONFIGS if "\nmethod:" in f"\n{path.read_text()}"]


def make_config(rng: np.random.Generator, folder: Path) -> Path:
    path = folder / "c.yaml"
    path.write_bytes(spoil_text(TRAINED[rng.integers(len(TRAINED))].read_text(encoding="utf-8"), rng))
    return path


def make_overrides(rng: np.random.Generator, folder: Path) -> tuple[Path, list[str]]:
    source = TRAINED[rng.integers(len(TRAINED))]
    known = list(keys_of(read(source)))
    words = []
    for _ in range(rng.integers(1, 4)):
        key = known[rng.integers(len(known))]
        key += rng.choice(["", "", "", ".x", ".0", ".", ".99999999999999999999", ".name"])
        values = WORDS if rng.random() < 0.6 else [str(value) for value in VALUES if not isinstance(value, int)]
        words.append(f"{key}{rng.choice(['=', '=', '=', ''])}{values[rng.integers(len(values))]}")
    return source, words


def keys_of(settings, before=""):
    items = (
        settings.items() if isinstance(settings, dict) else enumerate(settings) if isinstance(settings, list) else ()
    )
    for key, value in items:
        yield f"{before}{key}"
        yield from keys_of(value, f"{before}{key}.")


def check(path: Path) -> None:
    plan("avssl.training", "train", read(path))


def check_overrides(given: tuple[Path, list[str]]) -> None:
    settings = read(given[0])
    for word in given[1]:
        lay_as_given(settings, word)
    plan("avssl.training", "train", settings)


def check_untyped(given: tuple[Path, list[str]]) -> None:
    settings = read(given[0])
    for word in given[1]:
        lay(settings, word)


KINDS = [Kind("yaml", make_config, [check]), Kind("override", make_overrides, [check_overrides, check_untyped])]
