import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import propagation


def test_both_ways_find_the_same_neighbours_and_are_told_beside_each_other(monkeypatch, capsys):
    monkeypatch.setattr(propagation, "alone", lambda name, *sizes: {"ours": 1e6, "whole": 4e6}[name])
    found = propagation.bench_propagation(
        rows=20, columns=14, channels=16, context=3, radius=4, k=5, tile=6, share=1.0, rounds=1
    )
    assert found["same"] > 0.999 and found["memory"] == pytest.approx(0.25)
    assert found["ratio"] == pytest.approx(found["whole"] / found["ours"])
    assert "whole product" in capsys.readouterr().out


def test_memory_is_that_of_the_search_with_its_keys():
    assert propagation.memory("ours", 24, 24, 8, 2, 4, 5, 8) >= 0
