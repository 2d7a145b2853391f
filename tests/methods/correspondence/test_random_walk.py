"""The contrastive random walk: what its edges and crops are drawn by, and what it learns."""

import pytest
import torch

from avssl.losses import palindrome_walk
from avssl.methods import RandomWalk
from avssl.nets import MapNet
from avssl.transforms import Crop

KEYS = torch.tensor([[0, 0, index] for index in range(6)])


def walk(**settings):
    torch.manual_seed(0)
    return RandomWalk(MapNet(dim=8, width=4), **({"layer": "conv3", "patch": 16, "stride": 8, "dim": 8} | settings))


def edges(items=6, **settings):
    nodes = torch.zeros(items, 4, 49, 8)
    return walk(**settings).train().dropped(nodes, KEYS[:items])[:2]


def test_edges_are_dropped_apart_there_and_back_and_as_often_as_asked():
    there, back = edges()
    total = there.numel()
    for share, wanted in ((there, 0.1), (back, 0.1), (there & back.mT, 0.01)):
        assert abs(share.float().mean() - wanted) < 3 * (wanted * (1 - wanted) / total) ** 0.5


def test_shared_edges_are_those_of_the_released_code_which_loses_19_of_100_on_the_way_back():
    there, back = edges(shared=True)
    assert (back | ~there.mT).all() and abs(back.float().mean() - 0.19) < 0.005


def test_edges_of_an_item_do_not_depend_on_its_batch_and_none_are_dropped_in_evaluation():
    whole, part = edges(), edges(items=2)
    assert all(one[:2].equal(other) for one, other in zip(whole, part, strict=True))
    assert walk().eval().dropped(torch.zeros(2, 4, 49, 8), KEYS[:2])[:2] == (None, None)


def test_each_frame_and_each_patch_is_cropped_on_its_own():
    still = torch.rand(1, 1, 3, 40, 40, generator=torch.Generator().manual_seed(0)).expand(2, 3, -1, -1, -1)
    method = walk(views=[Crop(32)], area=None).train()  # a crop whose scope is the tuple
    frames = method.nodes(still, KEYS[:2])
    assert not torch.allclose(frames[0, 0], frames[0, 1]) and not torch.allclose(frames[0], frames[1])
    flat = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    patches = walk(area=(0.3, 0.5)).train().patches(flat.contiguous(), KEYS[:1])
    column = patches[0, ::7]  # patches one below the other: alike but for their crops
    assert not torch.allclose(column[0], column[1])
    assert walk(area=None).train().patches(flat, KEYS[:1])[0, ::7].std(0).max() < 1e-6


def test_patches_lie_where_they_should_and_a_cell_of_a_whole_map_where_it_should():
    picture = torch.arange(64 * 64.0).view(1, 1, 64, 64).expand(-1, 3, -1, -1) / 4096
    patches = walk(area=None).patches(picture, KEYS[:1])
    assert patches.shape == (1, 49, 3, 16, 16) and patches[0, 8].equal(picture[0, :, 8:24, 8:24])
    assert walk(patch=None).eval().nodes(torch.rand(1, 2, 3, 64, 64), KEYS[:1]).shape == (1, 2, 64, 8)


def test_patches_do_not_know_where_they_lie():
    noise = torch.rand(1, 3, 32, 32)
    shifted = torch.cat([noise[..., 8:], noise[..., :8]], -1)
    method = walk(area=None).eval()
    one, other = (
        method.nodes(frames[:, None].expand(-1, 2, -1, -1, -1), KEYS[:1])[0, 0] for frames in (noise, shifted)
    )
    torch.testing.assert_close(one.view(3, 3, 8)[:, 1:], other.view(3, 3, 8)[:, :-1])


def test_two_frames_are_enough_and_one_is_refused_in_one_line():
    assert walk()(torch.rand(2, 2, 3, 32, 32))["loss"].requires_grad
    for frames, settings, least in ((1, {}, 2), (2, {"shortest": 2}, 3)):
        with pytest.raises(ValueError, match=f"RandomWalk goes from frame to frame .* at least {least} frames; got"):
            walk(**settings)(torch.rand(2, frames, 3, 32, 32))
    with pytest.raises(ValueError, match="frames of 12x12 px hold no patch of 16 px"):
        walk()(torch.rand(2, 2, 3, 12, 12))


def test_clips_of_one_frame_each_are_one_clip_and_padded_clips_do_not_count():
    method, frames = walk().eval(), torch.rand(3, 1, 4, 3, 32, 32)
    batch = {"frames": frames, "key": KEYS[:3]}
    torch.testing.assert_close(method(batch | {"frames": frames.transpose(1, 2)})["loss"], method(batch)["loss"])
    valid = torch.ones(3, 1, 4, dtype=torch.bool)
    valid[2, 0, 3] = False
    two = {"frames": frames[:2], "key": KEYS[:2]}
    torch.testing.assert_close(method(batch | {"valid": valid})["loss"], method(two)["loss"])
    none = method(batch | {"valid": ~valid & False})
    assert none["loss"] == 0 and torch.isfinite(none["returned"])


def test_the_walk_learns_what_moves_and_nothing_of_frames_that_have_nothing_in_common():
    def clips(seed, moving):
        chance = torch.Generator().manual_seed(seed)
        frames = torch.rand(4, 3, 3, 24, 24, generator=chance)
        return frames[:, :1].roll(4, -1).expand(-1, 3, -1, -1, -1) if moving else frames

    gains = []
    for moving in (True, False):
        method = walk(area=None, temperature=0.2).train()
        optimiser = torch.optim.Adam(method.parameters(), 5e-3)
        found = []
        for step in range(30):
            loss = method(clips(step, moving))["loss"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            found.append(float(loss.detach()))
        gains.append(sum(found[:3]) / 3 - sum(found[-3:]) / 3)
    assert gains[0] > 2 * max(gains[1], 0.0) and gains[0] > 0.2


def test_the_loss_is_that_of_the_nodes():
    method = walk(shortest=2).eval()
    clips = torch.rand(2, 4, 3, 32, 32)
    wanted = palindrome_walk(method.nodes(clips, KEYS[:2]), 0.07, shortest=2).loss.mean()
    torch.testing.assert_close(method({"frames": clips, "key": KEYS[:2]})["loss"], wanted)
