"""The walk there and back against a slow writing, closed forms, and what must not change it."""

import math
from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from avssl.losses import palindrome_walk, transitions


def nodes(frames=4, count=49, dim=64, items=2, seed=0):
    return F.normalize(torch.randn(items, frames, count, dim, generator=torch.Generator().manual_seed(seed)), dim=-1)


def slow(clip, temperature, shortest=1):
    """Return the loss of one clip, walk by walk, step by step."""
    frames, count, _ = clip.shape
    losses = []
    for steps in range(shortest, frames):
        route = [*range(steps + 1), *reversed(range(steps))]
        for start in range(count):
            chance = [float(place == start) for place in range(count)]
            for here, there in pairwise(route):
                after = [0.0] * count
                for place in range(count):
                    alike = [math.exp(float(clip[here, place] @ clip[there, to]) / temperature) for to in range(count)]
                    for to in range(count):
                        after[to] += chance[place] * alike[to] / sum(alike)
                chance = after
            losses.append(-math.log(chance[start]))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("shortest", [1, 2])
def test_walks_are_those_of_a_slow_writing(shortest):
    clips = nodes(frames=4, count=3, dim=5)
    found = palindrome_walk(clips, 0.3, shortest=shortest).loss
    wanted = torch.tensor([slow(clip, 0.3, shortest) for clip in clips])
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_equal_frames_of_distinct_nodes_cost_nothing_when_cold():
    still = nodes(frames=1).expand(-1, 4, -1, -1)
    cold, warm = palindrome_walk(still, 0.07), palindrome_walk(still, 0.5)
    assert cold.loss.mean() < 0.002 and cold.returned.mean() == 1
    assert warm.loss.mean() > 3.5 and warm.returned.mean() < 0.6


def test_alike_nodes_cost_the_logarithm_of_their_number():
    found = palindrome_walk(torch.ones(2, 4, 49, 64), 0.07).loss
    torch.testing.assert_close(found, torch.full((2,), math.log(49)))


def test_random_nodes_come_home_above_chance_as_both_ways_share_their_similarities():
    found = palindrome_walk(nodes(), 0.07)
    assert 3.1 < found.loss.mean() < 3.35 and found.returned.mean() > 5 / 49


def test_numbering_the_nodes_of_all_frames_or_of_a_middle_one_anew_changes_nothing():
    clips, order = nodes(), torch.randperm(49, generator=torch.Generator().manual_seed(1))
    whole = palindrome_walk(clips, 0.07)
    one = clips.clone()
    one[:, 1] = clips[:, 1, order]
    for changed in (clips[:, :, order], one):
        torch.testing.assert_close(palindrome_walk(changed, 0.07).loss, whole.loss)


def test_a_walk_of_one_step_is_the_product_of_two_tables():
    clips = nodes(frames=2, count=7)
    there = (clips[:, 0] @ clips[:, 1].mT / 0.1).softmax(2)
    back = (clips[:, 1] @ clips[:, 0].mT / 0.1).softmax(2)
    wanted = -(there @ back).diagonal(dim1=1, dim2=2).log().mean(1)
    torch.testing.assert_close(palindrome_walk(clips, 0.1).loss, wanted)


def test_rows_are_chances_also_where_edges_or_all_of_them_are_dropped():
    scores = nodes(count=6)[:, 0] @ nodes(count=6)[:, 1].mT / 0.07
    dropped = torch.rand(scores.shape, generator=torch.Generator().manual_seed(2)) < 0.5
    dropped[:, 0] = True
    for values in (scores, scores.half()):
        chances = transitions(values, dropped)
        assert chances.dtype == torch.float32
        torch.testing.assert_close(chances.sum(2), torch.ones(2, 6))
        torch.testing.assert_close(chances[:, 0], torch.full((2, 6), 1 / 6))
        assert not chances[:, 1:][dropped[:, 1:] & ~dropped[:, 1:].all(2, keepdim=True)].any()


def test_the_way_back_has_its_own_dropped_edges():
    clips, none = nodes(frames=2, count=5), torch.zeros(2, 1, 5, 5, dtype=torch.bool)
    some = none.clone()
    some[:, 0, 0, 1:] = True
    plain = palindrome_walk(clips, 0.5).loss
    torch.testing.assert_close(palindrome_walk(clips, 0.5, none, none).loss, plain)
    there, back = (palindrome_walk(clips, 0.5, *both).loss for both in ((some, none), (none, some)))
    assert not torch.allclose(there, plain) and not torch.allclose(back, plain) and not torch.allclose(there, back)


def test_half_precision_walks_in_full_and_gradients_are_finite_where_nothing_returns():
    clips = nodes(frames=3, count=8).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = palindrome_walk(clips, 0.07)
    torch.testing.assert_close(found.loss, palindrome_walk(clips, 0.07).loss)
    cold = palindrome_walk(clips, 1e-3).loss.mean()
    cold.backward()
    assert torch.isfinite(cold) and torch.isfinite(clips.grad).all()


@pytest.mark.parametrize(("frames", "shortest"), [(1, 1), (2, 2), (3, 0)])
def test_clips_too_short_for_a_walk_are_refused_in_one_line(frames, shortest):
    with pytest.raises(ValueError, match=f"clips of {frames} frames allow no walk of {shortest} steps"):
        palindrome_walk(nodes(frames=frames, count=3), 0.1, shortest=shortest)
