"""The benchmark of k-means: ours and FAISS's find the same, and the projection is the arithmetic that it prints."""

import pytest

from benchmarks.clustering import bench_clustering


def test_both_find_the_same_objective_and_the_projection_is_what_is_printed(capsys):
    pytest.importorskip("faiss")
    found = bench_clustering(rows=2000, dim=8, clusters=10, passes=2, rounds=1)
    assert found["difference"] < 1e-4 and found["ratio"] == pytest.approx(found["ours"] / found["faiss"])
    assert found["gflops"] == pytest.approx(2 * 2000 * 8 * 10 / found["ours"] / 1e9)
    assert found["projected"] == pytest.approx(26 * 2 * 1.3e6 * 256 * 2000 / (found["gflops"] * 1e9))
    shown = capsys.readouterr().out
    assert "2000 rows of 8 numbers, 10 clusters" in shown and "1.33 T operations a pass" in shown


def test_without_faiss_ours_is_timed_alone_and_that_is_said(monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.clustering.find_spec", lambda name: None)
    found = bench_clustering(rows=500, dim=4, clusters=5, passes=1, rounds=1)
    assert "ratio" not in found and found["ours"] > 0 and "FAISS is not installed" in capsys.readouterr().out
