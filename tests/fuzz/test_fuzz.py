"""Broken input of every kind gives a result or a line, never a foreign error, a hang, or all of the memory.

A few inputs a kind by default; ``make fuzz`` tries ``AVSSL_FUZZ_INPUTS`` in all (2,000) from ``AVSSL_FUZZ_SEED`` (0).
"""

import os

import pytest

from tests.fuzz import files, runs, settings
from tests.fuzz.runner import Kind, TooSlow, failures_of, is_fair, judged

KINDS = [*settings.KINDS, *runs.KINDS, *files.KINDS]
SEED = int(os.environ.get("AVSSL_FUZZ_SEED", "0"))
EACH = -(-int(os.environ.get("AVSSL_FUZZ_INPUTS", str(5 * len(KINDS)))) // len(KINDS))
ONLY, _, INDEX = os.environ.get("AVSSL_FUZZ_ONLY", "").partition(":")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if ONLY in ("", kind.name)], ids=lambda kind: kind.name)
def test_broken_input_is_told_in_a_line(kind, tmp_path):
    found = []
    for index in [int(INDEX)] if INDEX else range(EACH):
        folder = tmp_path / str(index)
        folder.mkdir()
        found += failures_of(kind, SEED, index, folder)
    assert not found, f"{len(found)} of {EACH} inputs:\n" + "\n".join(found)


def test_an_input_repeats_from_seed_kind_and_index(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        for kind in KINDS:
            (tmp_path / name / kind.name).mkdir()
            failures_of(Kind(kind.name, kind.make, []), 3, 1, tmp_path / name / kind.name)
    one, other = ({path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*") if
                   path.is_file()} for name in ("one", "other"))  # fmt: skip
    assert one == other and len(one) > len(KINDS)


def raised(error):
    raise error


def test_the_runner_tells_faults_from_complaints():
    from avssl.config import ConfigError, read
    from avssl.config.overrides import lay

    assert judged(read, "/no/such.yaml") is None and judged(lambda _: lay({}, "a"), None) is None
    assert judged(lambda _: raised(ConfigError("a\nb")), None)
    for error in (KeyError("a"), RuntimeError("a"), ValueError("not from avssl"), OSError("no name"), MemoryError()):
        assert judged(raised, error), error
    assert judged(raised, FileNotFoundError(2, "gone", "a.mp4")) is None


def test_the_runner_stops_what_hangs_or_fills_the_memory(monkeypatch):
    monkeypatch.setattr("tests.fuzz.runner.SECONDS", 0.05)

    def hang(_):
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue

    assert judged(hang, None).startswith("TooSlow")
    monkeypatch.setattr("tests.fuzz.runner.SECONDS", 10.0)
    assert judged(lambda _: len(bytearray(2**40)), None).startswith("MemoryError")
    assert not is_fair(TooSlow())
