"""PixPro: its loss by loops over cells, its closed forms, its teacher, and what it refuses."""

import math

import pytest
import torch
from every import views
from torch.nn import functional as F

from avssl.methods import PixPro
from avssl.nets import SmallClips, SmallNet
from avssl.transforms import Flip, RandomResizedCrop


def batch_of(count=3, frames=1):
    chance = torch.Generator().manual_seed(0)
    key = torch.tensor([[0, 0, index] for index in range(count)])
    return {"frames": torch.rand(count, 1, frames, 3, 24, 24, generator=chance), "key": key}


def method(recipes=None, layer="conv2", encoder=None, **settings):
    torch.manual_seed(0)
    small = {"hidden": 8, "dim": 4} | settings
    return PixPro(encoder or SmallNet(dim=8, width=2), recipes or views(20), layer, **small).eval()


def middle(view, item, shape, cell):
    """Return y and x of a cell's middle in the item's frame, and the diagonal of a cell."""
    top, left, height, width = view.boxes[item, 0].tolist()
    row, column = divmod(cell, shape[1])
    column = shape[1] - 1 - column if view.flipped[item, 0] else column
    here = top + (row + 0.5) * height / shape[0], left + (column + 0.5) * width / shape[1]
    return here, math.hypot(height / shape[0], width / shape[1])


@torch.no_grad()
def one_way(made, own, other, near):
    """Return the loss of one view with another, item by item and pair by pair, and the share of cells with a pair."""
    seen, target = made.student()(own.frames), made.teacher(other.frames)
    rows, total, shares = made.propagation(seen.cells), 0.0, []
    for item in range(len(own.frames)):
        cosines, found = [], set()
        for one in range(rows.shape[1]):
            for two in range(rows.shape[1]):
                (here, size), (there, other_size) = (
                    middle(own, item, seen.shape, one),
                    middle(other, item, seen.shape, two),
                )
                if math.dist(here, there) < near * max(size, other_size):
                    cosines.append(float(F.cosine_similarity(rows[item, one], target.cells[item, two], 0)))
                    found.add(one)
        total += sum(cosines) / max(1, len(cosines))
        shares.append(len(found) / rows.shape[1])
    return -2 * total / len(own.frames), sum(shares) / len(shares)


def test_the_loss_is_that_of_a_slow_writing_over_boxes_and_mirrored_views():
    made, batch = method(), batch_of(6)
    first, second = made.views_of(batch)[1]
    assert first.flipped.any() and not first.flipped.all()
    ways = [one_way(made, first, second, 0.7), one_way(made, second, first, 0.7)]
    found = made(batch)
    assert found["loss"].item() == pytest.approx(ways[0][0] + ways[1][0], rel=1e-4)
    assert found["pairs"].item() == pytest.approx((ways[0][1] + ways[1][1]) / 2)


def test_equal_views_of_cells_that_hear_only_themselves_reach_minus_four():
    made = method([[RandomResizedCrop(20, scale=(1, 1), ratio=(1, 1))]] * 2, propagation=0, gamma=1e6)
    found = made(batch_of())
    assert found["loss"].item() == pytest.approx(-4, abs=1e-4) and found["pairs"] == 1


def test_views_that_lie_apart_give_zero_and_no_gradient_that_is_not_a_number():
    made = method([[RandomResizedCrop(20, scale=(0.01, 0.01))]] * 2).train()
    found = made(batch_of(2))
    found["loss"].backward()
    assert found["loss"] == 0 and found["pairs"] == 0
    assert all(value.grad.isfinite().all() for value in made.parameters() if value.grad is not None)


def test_head_propagation_and_encoder_learn_and_the_teacher_follows_until_the_end():
    made = method(momentum=0.5).train()
    made(batch_of())["loss"].backward()
    for part in (made.head, made.propagation, made.encoder.trunk.conv1):
        assert all(value.grad is not None for value in part.parameters())
    assert all(value.grad is None and not value.requires_grad for value in made.teacher.parameters())
    start = made.teacher.network.encoder.trunk.conv1[0].weight.clone()
    torch.nn.init.zeros_(made.encoder.trunk.conv1[0].weight)
    made.after_step(1, 2)
    assert made.teacher.network.encoder.trunk.conv1[0].weight.equal(0.75 * start)  # 1 - 0.5 (cos(pi / 2) + 1) / 2
    made.after_step(2, 2)  # the ramp ends at 1
    assert made.teacher.network.encoder.trunk.conv1[0].weight.equal(0.75 * start)


def test_the_instance_branch_is_byols_loss_and_reaches_layers_behind_the_map():
    plain, both = method(), method(instance=0.5)
    batch = batch_of()
    first, second = both.views_of(batch)[1]
    total = 0.0
    for own, other in ((first, second), (second, first)):
        asked, target = both.predictor(both.student()(own.frames).whole), both.teacher(other.frames).whole
        total -= 2 * F.cosine_similarity(asked, target).mean().item()
    found = both(batch)
    assert found["instance"].item() == pytest.approx(total, rel=1e-4)
    for made, reached in ((plain, False), (both, True)):
        made(batch)["loss"].backward()
        assert (made.encoder.trunk.fc[0].weight.grad is not None) == reached


def test_an_encoder_of_clips_and_frames_of_a_clip_have_one_map_each():
    for encoder in (SmallNet(dim=8, width=2), SmallClips(widths=(2, 2, 4, 4))):
        made = method(layer="conv2", encoder=encoder)
        assert made.student()(torch.rand(2, 3, 3, 20, 20)).cells.shape == (2, 25, 4)
        assert made(batch_of(frames=3))["loss"].requires_grad


def test_layers_of_vectors_and_windows_of_single_frames_are_refused_in_one_line():
    with pytest.raises(ValueError, match="layer 'fc' of SmallNet gives vectors"):
        method(layer="fc")
    for transform in (RandomResizedCrop(20, scope="frame"), Flip(scope="frame")):
        with pytest.raises(ValueError, match="one window for all its frames"):
            method([[transform], []])(batch_of(frames=2))
    with pytest.raises(ValueError, match="near above 0"):
        method(near=0.0)
