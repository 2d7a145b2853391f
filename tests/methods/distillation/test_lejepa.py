"""LeJEPA: its loss against a loop, directions that all processes share, and what it keeps from collapsing."""

import pytest
import torch
from every import ITEMS, views

from avssl.methods import LeJEPA
from avssl.nets import SmallNet
from avssl.transforms import Draws

KEY = torch.tensor([[0, 0, index] for index in range(ITEMS)])


def method(count=2, **settings):
    torch.manual_seed(0)
    kept = {"hidden": 16, "dim": 8, "directions": 16} | settings
    return LeJEPA(SmallNet(dim=16, width=4), views(count=count), **kept).eval()


def test_views_are_drawn_to_the_mean_of_the_first_ones():
    made, batch = method(count=3, weight=0.25), {"frames": torch.rand(ITEMS, 3, 32, 32), "key": KEY}
    rows = [row.detach() for row in made.embed(made.views_of(batch)[1])]
    loops = [
        sum((float(row[item, number]) - sum(float(each[item, number]) for each in rows[:2]) / 2) ** 2 for row in rows)
        for item in range(ITEMS)
        for number in range(8)
    ]
    found = made(batch)
    assert found["invariance"].item() == pytest.approx(sum(loops) / (3 * ITEMS * 8), rel=1e-4)
    torch.testing.assert_close(found["loss"], 0.75 * found["invariance"] + 0.25 * found["gaussianity"])


def test_directions_are_normal_and_new_in_each_step():
    made, frames = method(), torch.rand(ITEMS, 3, 32, 32)
    made.views_of = lambda batch: (batch, [type("View", (), {"frames": frames[:, None]})] * 2)
    first, again, later = (
        made({"frames": frames, "key": KEY + torch.tensor([0, epoch, 0])})["gaussianity"] for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, later)
    drawn = Draws(torch.tensor([[0, 0, 0, -4]])).uniform(2, 4000, 8)[0]
    assert drawn.min() >= 0 and drawn.max() < 1


@pytest.mark.parametrize("wrong", [{"weight": 1.5}, {"directions": 0}, {"anchors": 3}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="needs weight in"):
        method(**wrong)
