"""The benchmark of views: each recipe has a counterpart of torchvision's, and what is slow shows where it is."""

import time

import pytest
import torch
from torch import nn
from torchvision.transforms import v2

from avssl.nets import SmallNet
from avssl.transforms import GaussianBlur, MultiView, Resize
from benchmarks.transforms import noise
from benchmarks.views import bench_views, compared, equivalent, views_of

EVERY = ["moco_v1", "moco_v2", "simclr", "byol", "swav", "infomin", "rho"]


class SlowResize(Resize):
    """Works for a twentieth of a second before it resizes."""

    def show(self, frames, window):
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        return super().show(frames, window)


def test_every_step_of_every_recipe_has_a_counterpart_that_makes_views_of_its_size():
    picture = torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for name in EVERY:
        for recipe in views_of(name, 32).recipes:
            made = v2.Compose([*map(equivalent, recipe), v2.ToDtype(torch.float32, scale=True)])(picture)
            assert made.shape[1:] == recipe_size(recipe) and made.dtype == torch.float32 and made.max() <= 1


def recipe_size(recipe):
    return next(step.size for step in recipe if hasattr(step, "size"))


def test_the_counterpart_of_a_blur_reaches_as_far():
    point = torch.zeros(3, 64, 64)
    point[:, 32, 32] = 1
    spread = equivalent(GaussianBlur(1.0, sigma=(2.0, 2.0)))(point)
    assert (spread[0, 32] > 0).sum() == 7  # a tenth of 64, made odd


def test_a_step_without_a_counterpart_is_refused():
    with pytest.raises(ValueError, match="Resize has no counterpart in torchvision"):
        equivalent(Resize(8))


def test_time_of_views_of_their_counterparts_and_of_the_trunk_are_told_apart(monkeypatch):
    monkeypatch.setattr("benchmarks.views.equivalent", lambda step: nn.Identity())
    batch = noise(4, 16)
    views = MultiView([[SlowResize(16)], [SlowResize(16)]])
    row = compared(views, batch["frames"].flatten(0, 2), batch["key"], SmallNet(dim=8, width=2), trunk=4, rounds=1)
    assert row["views"] == 2
    assert row["ours"] >= 0.1 and row["theirs"] < row["ours"] / 2
    assert row["ratio"] == pytest.approx(row["ours"] / row["theirs"])
    assert row["share"] == pytest.approx(row["ours"] / row["trunk"])


def test_a_table_has_a_line_a_case(capsys):
    cases = ["crop", "rand_augment", "byol"]
    rows = bench_views(encoder=SmallNet(dim=8, width=2), cases=cases, pictures=4, size=32, trunk=2, rounds=1)
    shown = capsys.readouterr().out
    assert [row["views"] for row in rows] == [1, 1, 2]
    assert "4 pictures of 32 px" in shown and all(case in shown for case in cases) and "torchvision" in shown
