"""OPN, O3N and clip order: classes are right, features are shuffled as frames are, and order is learned."""

import math
from itertools import permutations, product

import pytest
import torch
from every import net
from torch import nn

from avssl.methods import O3N, OPN, ClipOrder
from avssl.methods.inputs import as_batch
from avssl.methods.order.odd_one_out import longest_path
from avssl.methods.order.opn import order_classes
from avssl.nets import SmallNet
from avssl.transforms import GainOffset


def keys(count, epoch=0):
    return torch.tensor([[0, epoch, index] for index in range(count)])


def circling_dots(count, frames, seed):
    """Return tuples of a dot that circles either way: every frame alone looks like every other (no unary cue)."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(count, 1, generator=generator) * 2 * math.pi
    angle = start + (0.4 + 0.2 * torch.rand(count, 1, generator=generator)) * torch.arange(frames)
    grid = torch.arange(16.0)
    rows = (grid.view(-1, 1) - 7.5 - 5 * angle.sin()[..., None, None]).square()
    columns = (grid - 7.5 - 5 * angle.cos()[..., None, None]).square()
    dots = (-(rows + columns) / 4).exp().mul(255).byte()
    return dots[:, :, None].expand(-1, -1, 3, -1, -1)


def test_there_are_twelve_classes_of_two_orders_each_which_the_film_played_backwards_cannot_tell_apart():
    table, classes = order_classes(4)
    assert sorted(map(tuple, table.tolist())) == sorted(permutations(range(4)))
    assert torch.bincount(classes).tolist() == [2] * 12
    named = {tuple(order): label for order, label in zip(table.tolist(), classes.tolist(), strict=True)}
    film = "abcd"
    for order, other in product(named, named):
        alike = [film[number] for number in order] == [film[::-1][number] for number in other]
        assert (named[order] == named[other]) == (alike or order == other)
    assert len(set(order_classes(4, reversible=False)[1].tolist())) == 24


def test_the_reversed_film_shows_the_same_rows_under_the_same_classes():
    method = OPN(net(), orders=24).eval()
    frames, drawn = torch.rand(3, 4, 3, 16, 16), torch.arange(24).expand(3, -1)
    backwards = (3 - method.table[:, None] == method.table).all(2).long().argmax(1)
    assert torch.equal(method.classes_of[backwards], method.classes_of)
    shown = [method.encoder(film.flatten(0, 1)).unflatten(0, (3, 4)) for film in (frames, frames.flip(1))]
    scores = [method.head(features[:, method.table].flatten(0, 1)).view(3, 24, 12) for features in shown]
    torch.testing.assert_close(scores[0][:, backwards], scores[1])
    by_pixels = [method.sort_by_pixels(film, drawn).view(3, 24) for film in (frames, frames.flip(1))]
    assert torch.equal(by_pixels[0][:, backwards], by_pixels[1])
    along = torch.linspace(0, 1, 4).view(1, 4, 1, 1, 1).expand(3, 4, 3, 16, 16)
    for film in (along, along.flip(1)):  # a film without a way to go wrong is always right, either way
        assert torch.equal(method.sort_by_pixels(film, drawn), method.classes_of.repeat(3))


def test_shuffled_features_are_those_of_shuffled_frames():
    method = OPN(net(), orders=6).eval()
    clips = torch.rand(2, 4, 3, 16, 16)
    asked = method.ask(as_batch({"frames": clips, "key": keys(2)}))
    drawn = asked.look.keywords["drawn"]
    for clip, rows, scores in zip(clips, drawn, asked.scores.view(2, 6, 12), strict=True):
        for row, score in zip(rows, scores, strict=True):
            alone = method.head(method.encoder(clip[method.table[row]])[None])[0]
            torch.testing.assert_close(score, alone)


@pytest.mark.parametrize(
    "method", [OPN(net()), ClipOrder(net()), O3N(net(), sequences=3)], ids=lambda one: type(one).__name__
)
def test_an_undecided_head_pays_the_log_of_the_classes(method):
    for weight in method.head.parameters():
        nn.init.zeros_(weight)
    frames = torch.rand(2, *((3, 5) if isinstance(method, O3N) else (3, 4)), 3, 16, 16)
    assert method(frames)["loss"].item() == pytest.approx(-math.log(method.chance), rel=1e-4)


def learned(method, frames, steps=60, count=24, **shape):
    optimizer = torch.optim.AdamW(method.parameters(), lr=5e-3)
    for step in range(steps):
        method({"frames": frames(count, step), "key": keys(count, step)})["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    return method.eval().measure([{"frames": frames(80, 1000), "key": keys(80)}])


def test_order_is_learned_from_what_moves_and_not_from_coins():
    found = {}
    for labels in ("true", "shuffled"):
        torch.manual_seed(0)
        method = OPN(SmallNet(dim=32, width=8), views=[GainOffset()], labels=labels)
        found[labels] = learned(method, lambda count, seed: circling_dots(count, 4, seed)[:, None])["accuracy"]
    assert found["true"] > 0.7 and found["shuffled"] == pytest.approx(1 / 12, abs=0.07)


def test_light_in_each_frame_takes_the_path_away_from_pixels():
    frames, key = circling_dots(80, 4, 0)[:, None], keys(80)
    scores = OPN(net(), views=[GainOffset()]).eval().measure([{"frames": frames, "key": key}])
    assert scores["pixel_accuracy_plain"] == 1 and scores["pixel_accuracy"] < 0.7


def test_the_odd_sequence_is_learned_and_neither_forth_nor_back_is_wrong():
    torch.manual_seed(0)
    method = O3N(SmallNet(dim=32, width=8), sequences=3, frames=4, hidden=32, views=[GainOffset()])
    wrong = set(map(tuple, method.wrong.tolist()))
    assert len(wrong) == 22 and not wrong & {(0, 1, 2, 3), (3, 2, 1, 0)}

    def frames(count, seed):
        return circling_dots(3 * count, 4, seed).unflatten(0, (count, 3))

    found = learned(method, frames, steps=40, count=12)
    assert found["accuracy"] > 0.75 and found["pixel_accuracy_plain"] > 0.9 > found["pixel_accuracy"]


def test_the_longest_path_by_a_slow_writing():
    frames = torch.rand(2 * 3, 4, 3, 8, 8)
    orders = torch.stack([torch.stack([torch.randperm(4) for _ in range(3)]) for _ in range(2 * 5)])
    told = longest_path(frames, orders)
    for question in range(10):
        shares = []
        for sequence in range(3):
            clip = frames[question // 5 * 3 + sequence][orders[question, sequence]]
            apart = [[(one - other).square().mean().item() for other in clip] for one in clip]
            shares.append(sum(apart[i][i + 1] for i in range(3)) / sum(map(sum, apart)))
        assert told[question].item() == max(range(3), key=shares.__getitem__)


def test_clips_in_order_differ_from_clips_played_backwards_and_join_at_their_ends():
    method = ClipOrder(net()).eval()
    ramp = torch.linspace(0, 1, 12).view(1, 3, 4, 1, 1, 1).expand(5, 3, 4, 3, 16, 16)
    asked = method.ask(as_batch({"frames": ramp, "key": keys(5)}))
    assert torch.equal(asked.look(asked.plain), asked.truth) and asked.scores.shape == (20, 6)
    with pytest.raises(ValueError, match=r"ClipOrder needs rows of 3 clips; got 2 an item: sample with OrderedClips"):
        method(torch.rand(2, 2, 4, 3, 16, 16))


def test_the_order_of_clips_is_learned():
    torch.manual_seed(0)
    method = ClipOrder(SmallNet(dim=32, width=8), views=[GainOffset(scope="tuple")])
    found = learned(method, lambda count, seed: circling_dots(count, 6, seed).unflatten(1, (3, 2)), count=16)
    assert found["accuracy"] > 0.6 > 2 * method.chance


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OPN(net(), frames=2), "needs 3 to 6 frames"),
        (lambda: O3N(net(), sequences=1), "needs 2 or more sequences"),
        (lambda: ClipOrder(net(), clips=9), "needs 2 to 5 clips"),
        (lambda: O3N(net())(torch.rand(2, 3, 5, 3, 16, 16)), "O3N asks about 4 clips of an item; got 3"),
        (lambda: OPN(net())(torch.rand(2, 5, 3, 16, 16)), "OPN needs clips of 4 frames"),
    ],
)
def test_what_cannot_be_asked_is_said(make, message):
    with pytest.raises(ValueError, match=message):
        make()
