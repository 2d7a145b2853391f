"""The benchmark of picture tasks: passes are counted, and what is slow shows where it is."""

import time

import pytest
import torch

from avssl.methods import ContextEncoder, Jigsaw, Method, RelativePosition, Rotation
from avssl.nets import SmallNet
from benchmarks.transforms import Task, bench_pretext


def net():
    return SmallNet(dim=8, width=2)


def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Slow(Method):
    """Two passes a picture, with work before and behind them."""

    def __init__(self):
        super().__init__()
        self.encoder = net()

    def forward(self, batch):
        pictures = batch["frames"].flatten(0, 2).float() / 255
        busy(0.05)
        features = self.encoder(torch.cat([pictures, pictures]))
        busy(0.02)
        return {"loss": features.mean()}


def bench(method, **settings):
    (row,) = bench_pretext(tasks=[Task(title="one", method=method)], **{"size": 32, "rounds": 1} | settings)
    return row


def test_work_before_the_encoder_and_behind_it_is_told_apart_and_passes_are_counted(capsys):
    row = bench(Slow(), pictures=8, trunk=4)
    assert row["passes"] == 2
    assert 0.05 <= row["transforms"] < 0.15
    assert 0.04 <= row["after"] < 0.2  # on 4 of the 8 pictures, scaled
    assert row["ratio"] == pytest.approx(row["transforms"] / row["trunk"])
    shown = capsys.readouterr().out
    assert "8 pictures of 32 px" in shown and "32 x 32" in shown and "torch" in shown


@pytest.mark.parametrize(
    ("make", "passes"),
    [
        (lambda: Rotation(net()), 4),
        (lambda: RelativePosition(net(), patch=8, gap=2, jitter=1), 9),
        (lambda: Jigsaw(net(), tile=8, gap=2, permutations=10, permutations_per_picture=5), 9),
        (lambda: ContextEncoder(net(), size=32, width=2), 1),
    ],
)
def test_the_encoder_sees_a_picture_as_often_as_the_documentation_says(make, passes):
    assert bench(make(), pictures=4, trunk=4)["passes"] == passes
