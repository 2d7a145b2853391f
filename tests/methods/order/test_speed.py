"""Pace, arrow, turned clips and puzzles: no clip wraps or repeats, both ways are one view, pieces are in place."""

import math

import pytest
import torch
from every import moving, net
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.methods import ArrowOfTime, ClipRotation, CubicPuzzle, Pace
from avssl.methods.inputs import as_batch
from avssl.methods.order.arrow import both_ways, odd_numbers
from avssl.methods.order.cuboids import cuboids, gaps
from avssl.methods.order.pace import two_numbers
from avssl.nets import SmallClips
from avssl.sampling import RandomClip, Timeline, fps, rng_for


def keys(count, epoch=0):
    return torch.tensor([[0, epoch, index] for index in range(count)])


def numbered(count, frames, side=16):
    """Return clips whose frames are filled with their number."""
    number = torch.arange(frames, dtype=torch.uint8).view(1, 1, frames, 1, 1, 1)
    return number.expand(count, 1, -1, 3, side, side)


@settings(max_examples=40, deadline=None)
@given(extra=st.integers(0, 9), frames=st.integers(2, 5), seed=st.integers(0, 99))
def test_a_clip_neither_wraps_nor_repeats_a_frame_and_keeps_its_pace(extra, frames, seed):
    method = Pace(TINY, paces=(1, 2, 4), frames=frames).eval()
    asked = method.ask(as_batch({"frames": numbered(2, 4 * (frames - 1) + 1 + extra), "key": keys(2) + seed}))
    shown = (asked.plain[:, :, 0, 0, 0] * 255).round().long()
    steps = shown.diff(dim=1)
    assert torch.equal(steps, torch.tensor([1, 2, 4]).repeat(2)[:, None].expand(-1, frames - 1))
    assert shown.min() >= 0 and shown.max() <= 4 * (frames - 1) + extra
    assert asked.truth.tolist() == [0, 1, 2] * 2


TINY = moving()


@pytest.mark.parametrize("length", range(55, 66))
def test_a_recording_that_does_not_hold_the_whole_clip_is_refused_by_the_sampler(length):
    sampler = RandomClip(frames=61, stride=fps(25), pad="error")
    if length < 61:
        with pytest.raises(ValueError, match="too short"):
            sampler(Timeline.constant(length, 25), rng_for(0, 0, 0))
    else:
        clips = sampler(Timeline.constant(length, 25), rng_for(0, 0, 0))
        assert clips.valid.all() and (clips.index[0, 1:] > clips.index[0, :-1]).all()


def test_a_film_of_fewer_frames_a_second_than_asked_does_not_count_for_frames_come_twice():
    method = Pace(moving(), paces=(1, 2), frames=4).eval()
    batch = {"frames": numbered(2, 7), "key": keys(2), "index": torch.arange(7).expand(2, 1, -1).clone()}
    assert method.measure([batch])["left_out"] == 0
    batch["index"][0] //= 2  # pace 2 still sees every frame once
    assert method.measure([batch])["left_out"] == 0.25


def test_two_numbers_tell_paces_of_steady_motion():
    speed = 0.02 + 0.01 * torch.rand(60, 1, generator=torch.Generator().manual_seed(0))
    values = (speed * torch.arange(13)).view(60, 1, 13, 1, 1, 1).expand(-1, -1, -1, 3, 8, 8)
    scores = Pace(moving(), paces=(1, 4), frames=4).eval().measure([{"frames": values, "key": keys(60)}])
    assert scores["pixel_accuracy_plain"] == 1.0
    clip = torch.tensor([0.0, 0.1, 0.4]).view(1, 3, 1, 1, 1).expand(1, 3, 3, 4, 4)
    wanted = torch.tensor([[0.1, 0.3]]).mean(), torch.tensor([0.1, 0.3]).std()
    torch.testing.assert_close(two_numbers(clip), torch.stack(wanted).log()[None])


def circling(count, seed, speeds):
    """Return clips of a dot that circles, one clip for each speed."""
    generator = torch.Generator().manual_seed(seed)
    angle = torch.rand(count, 1, generator=generator) * 2 * math.pi + speeds[:, None] * torch.arange(13)
    grid = torch.arange(16.0)
    rows = (grid.view(-1, 1) - 7.5 - 5 * angle.sin()[..., None, None]).square()
    columns = (grid - 7.5 - 5 * angle.cos()[..., None, None]).square()
    return (-(rows + columns) / 4).exp()[:, None, :, None].expand(-1, -1, -1, 3, -1, -1)


@pytest.mark.parametrize(("labels", "least", "most"), [("true", 0.85, 1.0), ("shuffled", 0.3, 0.7)])
def test_pace_is_learned_and_not_from_coins(labels, least, most):
    torch.manual_seed(0)
    method = Pace(SmallClips(widths=(8, 8, 16, 16)), paces=(1, 3), frames=4, labels=labels)
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-2)
    for step in range(30):
        method({"frames": circling(16, step, torch.full((16,), 0.3)), "key": keys(16, step)})["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    found = method.eval().measure([{"frames": circling(40, 1000, torch.full((40,), 0.3)), "key": keys(40)}])
    assert least <= found["accuracy"] <= most


def test_both_directions_are_the_same_frames_under_the_same_view():
    clips = torch.rand(3, 6, 3, 8, 8)
    both = both_ways(clips)
    assert torch.equal(both[::2], clips) and torch.equal(both[1::2], clips.flip(1))
    torch.testing.assert_close(odd_numbers(clips.flip(1)), -odd_numbers(clips), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(odd_numbers(clips[:, [0, 1, 2, 2, 1, 0]]), torch.zeros(3, 5), rtol=0, atol=1e-6)


def test_a_film_that_is_its_own_reverse_has_no_arrow():
    method = ArrowOfTime(moving()).eval()
    half = torch.rand(8, 4, 3, 16, 16)
    scores = method.ask(as_batch({"frames": torch.cat([half, half.flip(1)], 1), "key": keys(8)})).scores
    torch.testing.assert_close(scores[::2], scores[1::2])


def test_a_clip_is_turned_as_a_whole():
    method = ClipRotation(moving()).eval()
    clips = torch.rand(2, 4, 3, 8, 8)
    asked = method.ask(as_batch({"frames": clips, "key": keys(2)}))
    assert torch.equal(asked.views[5], clips[1].rot90(1, (-2, -1))) and asked.truth.tolist() == [0, 1, 2, 3] * 2
    assert torch.equal(asked.plain, asked.views)
    with pytest.raises(ValueError, match="square"):
        method(torch.rand(2, 4, 3, 8, 10))


def test_pieces_are_those_of_a_slow_writing():
    clips = torch.rand(3, 9, 3, 6, 8)
    where = torch.tensor([0, 3, 2])
    for kind in ("space", "time"):
        pieces = cuboids(clips, kind, where)
        assert pieces.shape == (3, 4, 2, 3, 3, 4)
        for clip, own, at in zip(clips, pieces, where.tolist(), strict=True):
            for number, piece in enumerate(own):
                time, place = (at, number) if kind == "space" else (number, at)
                row, column = divmod(place, 2)
                cut = clip[2 * time : 2 * time + 2, :, 3 * row : 3 * row + 3, 4 * column : 4 * column + 4]
                assert torch.equal(piece, cut)


@pytest.mark.parametrize("kind", ["space", "time"])
def test_smooth_films_are_put_together_by_their_pixels_and_the_answer_is_the_drawn_order(kind):
    generator = torch.Generator().manual_seed(0)
    waves = torch.randn(6, 3, generator=generator)
    rows, columns, times = torch.meshgrid(*[torch.linspace(0, 1, n) for n in (16, 16, 16)], indexing="ij")
    films = torch.stack([(w[0] * rows + w[1] * columns + 2 * w[2] * times) for w in waves]).sigmoid()
    films = films.permute(0, 3, 1, 2)[:, :, None].expand(-1, -1, 3, -1, -1)
    method = CubicPuzzle(moving(), kind=kind, orders=8).eval()
    asked = method.ask(as_batch({"frames": films, "key": keys(6)}))
    assert (asked.look(asked.plain) == asked.truth).float().mean() > 0.8


def test_shuffled_pieces_have_the_scores_of_pieces_encoded_in_that_order():
    method = CubicPuzzle(net(), kind="time", orders=3).eval()
    asked = method.ask(as_batch({"frames": torch.rand(2, 8, 3, 32, 32), "key": keys(2)}))
    for number, score in enumerate(asked.scores):
        order = method.table[asked.truth[number]]
        pieces = asked.views[number // 3][order]
        features = method.encoder(pieces.flatten(0, 1)).unflatten(0, (4, 2)).mean(1)
        torch.testing.assert_close(score, method.heads["time"](features[None])[0])


def test_rims_meet_where_pieces_are_neighbours():
    picture = torch.rand(1, 4, 3, 8, 8).cumsum(-1).cumsum(-2)
    pieces = cuboids(picture.repeat(1, 4, 1, 1, 1), "space", torch.tensor([0]))
    near = gaps(pieces, "left", "right")
    slow = (pieces[0, 2, ..., -1] - pieces[0, 3, ..., 0]).square().mean()
    torch.testing.assert_close(near[0, 2, 3], slow)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pace(moving(), paces=(2, 2)), "two or more different paces"),
        (lambda: Pace(moving(), paces=(0, 2)), "paces of at least 1"),
        (lambda: Pace(moving(), frames=4)(torch.rand(2, 9, 3, 16, 16)), "at least 13 frames"),
        (lambda: ArrowOfTime(moving(), frames=1), "one frame has no direction"),
        (lambda: CubicPuzzle(moving())(torch.rand(2, 4, 3, 1, 1)), "cannot be cut in 4 x 2 x 2 pieces"),
        (lambda: CubicPuzzle(moving(), orders=0), "needs an order for each puzzle"),
    ],
)
def test_what_cannot_be_asked_is_said(make, message):
    with pytest.raises(ValueError, match=message):
        make()
