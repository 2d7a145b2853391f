"""Jigsaw and Jigsaw++ ask what they say, encode each tile once, and learn nothing where pictures show nothing."""

import math

import numpy as np
import pytest
import torch

from avssl.methods import Jigsaw, JigsawPlusPlus
from avssl.methods.inputs import pictures_of
from avssl.methods.pretext.jigsaw_plus_plus import foreign_tiles
from avssl.methods.pretext.puzzles import draw_permutations
from avssl.nets import SmallNet
from avssl.transforms import Draws

SMALL = {"permutations": 10, "tile": 6, "gap": 2, "channel_jitter": 1, "hidden": 32}
BOTH = pytest.mark.parametrize("kind", [Jigsaw, JigsawPlusPlus])


def keys(count, epoch=0):
    return torch.stack([torch.tensor([0, epoch, number]) for number in range(count)])


def batch_of(pictures, epoch=0):
    return {"frames": pictures[:, None, None], "key": keys(len(pictures), epoch)}


def valleys(count, rng):
    """Return pictures that are dark in the middle and bright at the rims, before noise."""
    along = np.linspace(-1, 1, 24)
    dark = along[:, None] ** 2 + along[None] ** 2
    return torch.from_numpy((dark * 100 + rng.normal(20, 4, (count, 3, 24, 24))).clip(0, 255).astype(np.uint8))


def of_noise(count, rng):
    return torch.from_numpy(rng.integers(0, 256, (count, 3, 24, 24), dtype=np.uint8))


def small(kind=Jigsaw, **changes):
    torch.manual_seed(0)
    return kind(SmallNet(dim=16, width=4), **(SMALL | changes))


def learned(kind, make, steps=60):
    method = small(kind, permutations_per_picture=4)
    rng = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-2)
    for step in range(steps):
        method(batch_of(make(24, rng), epoch=step))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    method.eval()
    with torch.no_grad():
        return method(batch_of(make(128, np.random.default_rng(1))))["accuracy"].item()


@BOTH
def test_a_head_that_cannot_decide_costs_the_log_of_the_permutations(kind):
    method = small(kind)
    torch.nn.init.zeros_(method.head.layers[-1].weight)
    torch.nn.init.zeros_(method.head.layers[-1].bias)
    assert method(batch_of(of_noise(4, np.random.default_rng(0))))["loss"].item() == pytest.approx(math.log(10))


def test_the_loss_is_that_of_a_slow_writing_that_lays_out_tiles_not_features():
    method = small(permutations_per_picture=3).eval()
    pictures = of_noise(3, np.random.default_rng(0))
    shown, own = pictures_of(batch_of(pictures))
    draws = Draws(own)
    tiles, _ = method.tiles(shown, draws)
    asked = draw_permutations(draws, 10, 3)
    costs = []
    for nine, classes in zip(tiles, asked.tolist(), strict=True):
        for truth in classes:
            puzzle = torch.stack([nine[tile] for tile in method.permutations[truth].tolist()])
            scores = method.head(method.encoder(puzzle)[None])[0]
            costs.append(-(scores[truth] - scores.exp().sum().log()).item())
    assert method(batch_of(pictures))["loss"].item() == pytest.approx(np.mean(costs), rel=1e-5)


def test_the_loss_with_foreign_tiles_is_that_of_a_slow_writing():
    method = small(JigsawPlusPlus, permutations_per_picture=2, grey=0.5).eval()
    pictures = of_noise(6, np.random.default_rng(0))
    shown, own = pictures_of(batch_of(pictures))
    draws = Draws(own)
    tiles, grey = method.tiles(shown, draws)
    asked = draw_permutations(draws, 10, 2)
    swaps = foreign_tiles(draws, torch.arange(6), grey, 2, 2)
    costs, foreign = [], 0
    for picture in range(6):
        for number in range(2):
            truth, donor = int(asked[picture, number]), int(swaps.donors[picture, number])
            puzzle = [tiles[picture, tile] for tile in method.permutations[truth].tolist()]
            for place in swaps.places[picture, number].nonzero()[:, 0].tolist():
                puzzle[place] = tiles[donor, int(swaps.tiles[picture, number, place])]
                foreign += 1
            scores = method.head(method.encoder(torch.stack(puzzle))[None])[0]
            costs.append(-(scores[truth] - scores.exp().sum().log()).item())
    found = method(batch_of(pictures))
    assert found["loss"].item() == pytest.approx(np.mean(costs), rel=1e-5)
    assert found["foreign"].item() == pytest.approx(foreign / 12) and foreign


@BOTH
def test_nine_passes_a_picture_however_many_puzzles(kind):
    seen = []
    for puzzles in (1, 8):
        method = small(kind, permutations_per_picture=puzzles)
        method.encoder.register_forward_hook(lambda module, taken, given: seen.append(len(taken[0])))
        method(batch_of(of_noise(4, np.random.default_rng(0))))
    assert seen == [36, 36]


def test_permutations_of_a_picture_differ_and_all_are_equally_likely():
    asked = draw_permutations(Draws(keys(5000)), 10, 4)
    assert all(len(set(row)) == 4 for row in asked[:500].tolist())
    share = torch.stack([torch.bincount(column, minlength=10) for column in asked.T]) / 5000
    assert (share - 0.1).abs().max() < 0.02
    assert sorted(draw_permutations(Draws(keys(1)), 10, 10)[0].tolist()) == list(range(10))


@pytest.mark.parametrize("puzzles", [0, 11])
def test_more_puzzles_than_permutations_are_refused(puzzles):
    with pytest.raises(ValueError, match=f"permutations_per_picture must be 1 to 10, .* got {puzzles}"):
        small(permutations_per_picture=puzzles)(batch_of(of_noise(2, np.random.default_rng(0))))


@BOTH
def test_the_set_is_saved_with_the_method_and_told_once(kind):
    method, other = small(kind), small(kind, seed=1)
    assert not torch.equal(method.permutations, other.permutations)
    other.load_state_dict(method.state_dict())
    assert torch.equal(method.permutations, other.permutations)
    line = "10 permutations of 9 tiles (chance 0.1000), at least 8 and on average 8.80 places apart"
    assert method.facts() == other.facts() == [line]


@BOTH
def test_orders_are_learned_where_pictures_have_a_shape(kind):
    assert learned(kind, valleys) > 0.6


@BOTH
def test_orders_are_not_learned_from_noise(kind):
    assert learned(kind, of_noise, steps=20) == pytest.approx(0.1, abs=0.05)


def test_without_foreign_tiles_jigsaw_plus_plus_is_jigsaw():
    plus, plain = small(JigsawPlusPlus, foreign=0).eval(), small(grey=0.7).eval()
    batch = batch_of(of_noise(4, np.random.default_rng(0)))
    assert plus(batch)["loss"].item() == plain(batch)["loss"].item()
    assert plus(batch)["foreign"].item() == 0


def test_foreign_tiles_are_none_one_or_two_anywhere_and_of_one_other_picture_of_the_same_kind():
    pictures = 900
    items, grey = torch.arange(pictures) // 3, torch.arange(pictures) % 2 == 0
    swaps = foreign_tiles(Draws(keys(pictures)), items, grey, puzzles=2, most=2)
    counts = torch.bincount(swaps.places.sum(2).flatten(), minlength=3) / (2 * pictures)
    assert len(counts) == 3 and (counts - 1 / 3).abs().max() < 0.05
    assert (swaps.places.float().mean((0, 1)) - 1 / 9).abs().max() < 0.03
    assert (items[swaps.donors] != items[:, None]).all()
    assert (grey[swaps.donors] == grey[:, None]).all()
    assert len(swaps.donors.unique()) > 600
    assert (swaps.tiles.sort(2).values == torch.arange(9)).all()  # no tile of the other picture comes twice
    assert torch.bincount(swaps.tiles[swaps.places], minlength=9).min() > 100


def test_a_picture_alone_of_its_kind_keeps_its_tiles():
    grey = torch.tensor([True] + 7 * [False])
    swaps = foreign_tiles(Draws(keys(8)), torch.arange(8), grey, puzzles=40, most=2)
    assert not swaps.places[0].any() and swaps.places[1:].flatten(1).any(1).all()
    assert (swaps.donors[1:] > 0).all()


def test_a_batch_of_one_item_is_refused_in_training_and_kept_whole_when_measured():
    method = small(JigsawPlusPlus)
    batch = {"frames": of_noise(4, np.random.default_rng(0))[None, None], "key": keys(1)}
    with pytest.raises(ValueError, match=r"tiles from other pictures .* set batch_size to 2 or more"):
        method(batch)
    assert method.eval()(batch)["foreign"].item() == 0


def test_permutations_too_near_for_the_foreign_tiles_are_refused():
    with pytest.raises(ValueError, match=r"foreign must be 0 to 1, .* differ at 2 places at least .* got 2"):
        small(JigsawPlusPlus, choice="min")
    with pytest.raises(ValueError, match="foreign must be 0 to 7"):
        small(JigsawPlusPlus, foreign=8)


@BOTH
def test_pictures_smaller_than_the_tiles_are_refused(kind):
    with pytest.raises(ValueError, match="need pictures of 24 x 24 px; got 20 x 24"):
        small(kind)(batch_of(torch.zeros(2, 3, 20, 24, dtype=torch.uint8)))
