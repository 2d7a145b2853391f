"""PIRL: two branches against the bank and never each other, patches in a drawn order, a bank of the image alone."""

import math

import pytest
import torch
from every import views

from avssl.methods import PIRL
from avssl.nets import SmallClips, SmallNet
from avssl.transforms import ColorJitter

ITEMS = 6


def method(encoder=None, **settings):
    torch.manual_seed(0)
    settings = {"items": ITEMS, "tile": 5, "gap": 2, "noise": 5, "dim": 8} | settings
    return PIRL(encoder or SmallNet(dim=8, width=2), views(size=20, count=1), **settings)


def batch_of(indices=(0, 1, 2, 3), epoch=0):
    pictures = torch.rand(len(indices), 3, 24, 24, generator=torch.Generator().manual_seed(epoch))
    return {"frames": pictures, "key": torch.tensor([[0, epoch, index] for index in indices])}


def test_the_loss_is_lambda_of_the_jigsaw_branch_and_the_rest_of_the_image_branch():
    for share in (0.0, 0.3, 1.0):
        found = method(share=share)(batch_of())
        torch.testing.assert_close(found["loss"], share * found["jigsaw"] + (1 - share) * found["image"])


def test_branches_are_compared_with_the_bank_and_not_with_each_other():
    found = {}
    for share, name in ((0.0, "image"), (1.0, "jigsaw")):
        made = method(share=share)
        made(batch_of())["loss"].backward()
        found[name] = {key for key, value in made.named_parameters() if value.grad is not None and value.grad.any()}
    assert {"head.layer1.0.weight"} == {key for key in found["image"] if "head" in key and "weight" in key}
    assert {"branch.patch_head.weight", "branch.jigsaw_head.weight"} == {
        key for key in found["jigsaw"] if "head" in key and "weight" in key
    }


def test_the_image_branch_alone_writes_the_bank():
    written = []
    for seed in (0, 1):
        made = method()
        torch.manual_seed(seed)
        torch.nn.init.normal_(made.branch.jigsaw_head.weight)
        before = made.memory.bank.rows.clone()
        made(batch_of())["loss"].backward()
        assert made.memory.bank.rows.equal(before)
        made.after_backward(1, 1)
        written.append(made.memory.bank.rows)
    assert written[0].equal(written[1]) and (written[0] != before).any(1).tolist() == [True] * 4 + [False] * 2


def test_the_order_of_patches_is_drawn_by_key_and_all_places_are_as_likely():
    made = method().eval()
    patches = torch.rand(1, 9, 1, 3, 5, 5).expand(1800, -1, -1, -1, -1, -1)
    made.branch.patch_head, made.encoder = torch.nn.Identity(), Named()
    made.branch.jigsaw_head = torch.nn.Identity()
    key = torch.tensor([[0, epoch, 3] for epoch in range(1800)])
    places = made.branch.embed(made.encoder, patches, key)
    assert (places.sort(1).values == torch.arange(9.0)).all()  # each patch once
    counts = torch.stack([(places == patch).float().mean(0) for patch in range(9)])
    assert (counts - 1 / 9).abs().max() < 0.03  # 4 deviations
    assert made.branch.embed(made.encoder, patches[:5], key[:5]).equal(places[:5])


class Named(SmallNet):
    """Gives each patch its number in its picture."""

    def forward(self, images):
        return (torch.arange(len(images)) % 9).float()[:, None]


def test_what_the_patches_show_does_not_depend_on_their_order_in_expectation():
    # Over many drawn orders, the mean embedding of a puzzle and of the same puzzle with its patches exchanged agree.
    made = method().eval()
    patches = torch.rand(1, 9, 1, 3, 5, 5)
    key = torch.tensor([[0, epoch, 3] for epoch in range(1500)])
    with torch.no_grad():
        plain, exchanged, other = (
            made.branch.embed(made.encoder, each.expand(1500, -1, -1, -1, -1, -1), key)
            for each in (patches, patches.flip(1), torch.rand(1, 9, 1, 3, 5, 5))
        )
    assert not plain.allclose(exchanged)
    error = 2 * plain.std(0).norm() / math.sqrt(1500)
    assert (plain.mean(0) - exchanged.mean(0)).norm() < 2 * error < (plain.mean(0) - other.mean(0)).norm()


def test_patches_of_all_frames_of_a_view_share_their_places_and_those_of_items_do_not():
    made = method()
    frames = torch.arange(24.0 * 24).view(24, 24).expand(2, 4, 3, -1, -1) / 576  # a pixel's value is its place
    patches = made.branch.patches_of(frames, torch.tensor([[0, 0, 1], [0, 0, 2]]))
    assert patches.shape == (2, 9, 4, 3, 5, 5) and (patches == patches[:, :, :1]).all()
    assert not patches[0].equal(patches[1])
    corners = patches[:, :, 0, 0, 0, 0].mul(576).round().long()
    assert (corners // 24 < 24).all() and (corners[:, 3:] > corners[:, :6]).all()  # rows of the grid, in order


def test_each_patch_has_a_jitter_of_its_own_and_its_frames_share_it():
    made = method(patch=[ColorJitter(brightness=0.9)])
    patches = made.branch.patches_of(torch.full((2, 3, 3, 24, 24), 0.3), torch.tensor([[0, 0, 1], [0, 0, 2]]))
    light = patches.mean((3, 4, 5))
    assert (light == light[:, :, :1]).all() and light[..., 0].unique().numel() == 18


@pytest.mark.parametrize("encoder", [lambda: SmallNet(dim=8, width=2), lambda: SmallClips(widths=(4, 4, 8, 8))])
def test_clips_are_learned_from_and_the_puzzle_is_a_view_as_well(encoder):
    made = method(encoder(), tile=7, gap=1)
    clips = torch.rand(3, 2, 4, 3, 24, 24)
    _, (image, puzzle) = made.views_of({"frames": clips, "key": batch_of((0, 1, 2))["key"]})
    assert (image.clip, puzzle.clip) == (0, 1)
    found = made({"frames": clips, "key": batch_of((0, 1, 2))["key"]})
    found["loss"].backward()
    assert all(torch.isfinite(value) for value in found.values()) and made.branch.jigsaw_head.weight.grad.any()


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match="share must be in"):
        method(share=1.5)
    with pytest.raises(ValueError, match="at least 2 views"):
        PIRL(SmallNet(dim=8, width=2), [], items=ITEMS)
    with pytest.raises(
        ValueError, match="nine tiles of 9 px in cells of 10 px need pictures of 30 x 30 px; got 24 x 24"
    ):
        method(tile=9, gap=1)(batch_of())
