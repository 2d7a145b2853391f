"""The benchmark of training: what it counts, and that its table names what the figures depend on."""

import time

import pytest
from training_fakes import Dots, toy

from benchmarks.training import Case, bench_training, timed


class Slow(Dots):
    def __getitem__(self, key):
        time.sleep(0.02)
        return super().__getitem__(key)


def test_slow_data_shows_as_waiting_and_as_a_ratio_below_one(capsys):
    case = Case(title="toy on slow data", method=toy(), data=Slow(12), batch_size=4)
    (row,) = bench_training(cases=[case], steps=3, warmup=1, workers=0, accelerator="cpu")
    assert row["waiting"] > 0.5 and row["ratio"] < 0.5
    assert row["ratio"] == pytest.approx(row["images_per_second"] / row["synthetic"])
    shown = capsys.readouterr().out
    assert "toy on slow data" in shown and "4 x 1 x 2 x 3 x 8 x 8" in shown and "torch" in shown


def test_steps_of_the_warm_up_do_not_count():
    batch = {"frames": Dots()[0]["frames"][None]}
    slow = iter([0.2, 0.0, 0.0])
    rate, _ = timed(lambda: batch, lambda _: time.sleep(next(slow)), steps=2, warmup=1)
    assert rate > 2 * 2 / 0.2
