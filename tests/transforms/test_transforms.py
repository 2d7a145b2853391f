"""Transforms: chance belongs to the sample, scope is kept, evaluation stands still."""

import pytest
import torch

from avssl.transforms import Crop, Draws, Flip, GainOffset, Grey, Resize


def keys(count, epoch=0):
    return torch.tensor([[7, epoch, index] for index in range(count)])


def frames(tuples=3, count=5, side=12):
    return torch.rand(tuples, count, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_draws_do_not_depend_on_the_batch_around_a_sample():
    together = Draws(keys(8)).uniform(4, 2)
    for index in range(8):
        assert torch.equal(Draws(keys(8)[index : index + 1]).uniform(4, 2)[0], together[index])


def test_draws_differ_between_samples_epochs_and_places():
    numbers = torch.cat([Draws(keys(50, epoch)).uniform(40).flatten() for epoch in range(3)])
    assert len(numbers.unique()) > 0.999 * len(numbers)


def test_draws_are_uniform_and_uncorrelated():
    numbers = Draws(keys(400)).uniform(500)
    shares = torch.histc(numbers, bins=20, min=0, max=1) / numbers.numel()
    torch.testing.assert_close(shares, torch.full((20,), 0.05), atol=0.002, rtol=0)
    assert numbers.min() >= 0 and numbers.max() < 1
    assert abs(torch.corrcoef(torch.stack([numbers[:, :-1].flatten(), numbers[:, 1:].flatten()]))[0, 1]) < 0.01
    assert abs(torch.corrcoef(torch.stack([numbers[:-1].flatten(), numbers[1:].flatten()]))[0, 1]) < 0.01


def test_whole_numbers_reach_both_ends_equally():
    numbers = Draws(keys(3000)).integers(1, low=-1, high=2)
    assert [int((numbers == value).sum()) for value in range(-1, 3)] == pytest.approx([750] * 4, abs=100)


def test_two_draws_equal_one_of_twice_the_size():
    draws = Draws(keys(2))
    parts = torch.cat([draws.uniform(3), draws.uniform(3)], 1)
    assert torch.equal(parts, Draws(keys(2)).uniform(6))


def test_a_key_of_the_wrong_kind_is_refused():
    with pytest.raises(ValueError, match=r"a key is int64 \(samples, parts\); got torch.float32 \(2, 3\)"):
        Draws(torch.zeros(2, 3))


@pytest.mark.parametrize("scope", ["tuple", "frame"])
def test_a_crop_is_a_window_of_the_frame_and_keeps_its_scope(scope):
    place = torch.arange(144.0).view(1, 1, 1, 12, 12).expand(40, 5, 3, 12, 12)
    cropped = Crop(8, scope=scope)(place, Draws(keys(40)))
    corners = cropped[:, :, 0, 0, 0]
    rows, columns = corners // 12, corners % 12
    assert set(rows.unique().tolist()) == set(columns.unique().tolist()) == set(range(5))
    assert torch.equal(cropped[:, :, 0, 3, 5], (rows + 3) * 12 + columns + 5)
    alike = (corners == corners[:, :1]).all(1)
    assert alike.all() if scope == "tuple" else not alike.any()


def test_evaluation_crops_the_middle():
    place = torch.arange(144.0).view(1, 1, 1, 12, 12).expand(2, 5, 3, 12, 12)
    assert (Crop(8)(place, Draws(keys(2)), train=False)[..., 0, 0] == 2 * 12 + 2).all()


def test_a_crop_larger_than_the_frame_says_what_to_do():
    with pytest.raises(ValueError, match=r"cannot crop 32x32 pixels out of frames of 12x12; load them at a larger"):
        Crop(32)(frames(), Draws(keys(3)))


def test_a_flip_mirrors_whole_tuples_half_of_the_time():
    original = frames(200, 2, 4)
    flipped = Flip()(original, Draws(keys(200)))
    mirrored = (flipped == original.flip(-1)).flatten(1).all(1)
    assert ((flipped == original).flatten(1).all(1) ^ mirrored).all()
    assert 70 < mirrored.sum() < 130
    assert torch.equal(Flip()(original, Draws(keys(200)), train=False), original)


def test_gain_and_offset_stay_in_range_and_are_new_in_each_frame():
    grey = torch.full((50, 5, 3, 2, 2), 0.5)
    changed = GainOffset(gain=0.2, offset=0.1)(grey, Draws(keys(50)))
    assert changed.min() >= 0.5 * 0.8 - 0.1 and changed.max() < 0.5 * 1.2 + 0.1
    assert (changed[:, 0] != changed[:, 1]).all()
    shared = GainOffset(scope="tuple")(grey, Draws(keys(50)))
    assert torch.equal(shared[:, 0], shared[:, 1])


def test_light_changes_in_evaluation_too():
    assert not torch.equal(GainOffset()(frames(), Draws(keys(3)), train=False), frames())


def test_grey_takes_colour_out_of_some_tuples():
    changed = Grey(chance=0.5)(frames(100, 2, 4), Draws(keys(100)))
    grey = (changed[:, :, 0] == changed[:, :, 1]).flatten(1).all(1)
    assert 30 < grey.sum() < 70
    assert torch.equal(changed[~grey], frames(100, 2, 4)[~grey])


def test_resize_warps_to_the_size():
    assert Resize((6, 9))(frames(), Draws(keys(3))).shape == (3, 5, 3, 6, 9)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: GainOffset(gain=1.5), "gain must be in"),
        (lambda: Flip(chance=2), "chance"),
        (lambda: Grey(-1), "chance"),
    ],
)
def test_settings_out_of_range_are_refused(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_draws_are_equal_on_every_device():
    assert torch.equal(Draws(keys(64).cuda()).uniform(100).cpu(), Draws(keys(64)).uniform(100))
