"""The benchmark of training: what it counts, and that its table names what the figures depend on."""

from types import SimpleNamespace

import pytest

from benchmarks import training as bench
from benchmarks.training import Case, bench_training, timed
from tests.training.training_fakes import Dots, toy


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 0.0

    def sleep(self, seconds):
        self.now += seconds

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=made.perf_counter))
    return made


def test_slow_data_shows_as_waiting_and_as_a_ratio_below_one(capsys, clock, monkeypatch):
    class Slow(Dots):
        def __getitem__(self, key):
            clock.sleep(0.75)
            return super().__getitem__(key)

    plain = bench.update
    monkeypatch.setattr(bench, "update", lambda *arguments: (clock.sleep(1.0), plain(*arguments))[1])
    case = Case(title="toy on slow data", method=toy(), data=Slow(12), batch_size=4)
    (row,) = bench_training(cases=[case], steps=3, warmup=1, workers=0, accelerator="cpu")
    assert row["waiting"] == pytest.approx(3 / 4)  # four items of 0.75 s and a step of 1 s
    assert row["synthetic"] == pytest.approx(4 * row["images_per_second"]) and row["ratio"] == pytest.approx(1 / 4)
    shown = capsys.readouterr().out
    assert "toy on slow data" in shown and "4 x 1 x 2 x 3 x 8 x 8" in shown and "torch" in shown


def test_steps_of_the_warm_up_do_not_count(clock):
    batch = {"frames": Dots()[0]["frames"][None]}
    slow = iter([8.0, 1.0, 1.0])
    rate, waiting = timed(lambda: batch, lambda _: clock.sleep(next(slow)), steps=2, warmup=1)
    assert rate == pytest.approx(2.0) and waiting == 0  # two frames a second, whatever the first step took
