"""Tracking by colorizing: nothing of the colour is seen, clusters come from the data, and copying works."""

import pytest
import torch

from avssl.methods import ColourPointer
from avssl.methods.rows import features_of
from avssl.nets import MapNet, SmallNet


def pointer(grey=True, **settings):
    torch.manual_seed(0)
    return ColourPointer(MapNet(dim=8, width=4, grey=grey), **({"layer": "conv3", "dim": 8} | settings))


def batch_of(items=4, frames=4, seed=0):
    chance = torch.Generator().manual_seed(seed)
    key = torch.tensor([[0, 0, index] for index in range(items)])
    return {"frames": torch.rand(items, 1, frames, 3, 32, 32, generator=chance), "key": key}


@pytest.mark.parametrize("grey", [True, False])
def test_no_channel_carries_chroma(grey):
    method = pointer(grey).eval()
    frames = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    luma = torch.tensor([0.299, 0.587, 0.114])
    red, green, blue = (frames * 0.5).unbind(1)
    turned = torch.stack([red, green + 0.1, blue - 0.1 * 0.587 / 0.114], 1)  # of another hue, as bright
    torch.testing.assert_close((turned.movedim(1, 3) @ luma), (frames * 0.5).movedim(1, 3) @ luma)
    torch.testing.assert_close(method.maps(turned), method.maps(frames * 0.5), rtol=1e-4, atol=1e-5)


def test_what_is_exported_sees_pictures_in_colour_as_training_saw_them():
    method, frames = pointer().eval(), torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(method.head(method.encoder.taps(frames, ["conv3"])["conv3"]), method.maps(frames))
    assert pointer().facts() == [] and "give it grey ones" in pointer(grey=False).facts()[0]


def test_clusters_are_those_of_the_data_made_once_and_rare_colours_weigh_more():
    method = pointer(clusters=2)
    assert method.weights().tolist() == [1, 1]
    frames = torch.zeros(8, 1, 2, 3, 16, 16)
    frames[..., 2, :, :] = 1.0
    frames[..., :4, :] = torch.tensor([1.0, 0, 0]).view(3, 1, 1)  # a quarter is red, the rest blue
    batch = {"frames": frames, "key": torch.tensor([[0, 0, index] for index in range(8)])}
    method.before_epoch(features_of([batch]))
    share, weights = method.shares.sort().values, method.weights()
    assert share[0] == pytest.approx(0.25, abs=0.06) and float(method.shares.sum()) == pytest.approx(1)
    rare = int(method.shares.argmin())
    wanted = [1 / (0.5 * float(one) + 0.25) for one in share]
    assert float(weights[rare] / weights[1 - rare]) == pytest.approx(wanted[0] / wanted[1], rel=1e-4)
    assert float((method.shares * weights).sum()) == pytest.approx(1)
    kept = method.centres.clone()
    method.before_epoch(features_of([batch_of()]))
    assert method.centres.equal(kept)


def test_a_still_clip_of_distinct_cells_is_coloured_right_and_one_without_texture_knows_the_commonest_colour():
    method = pointer(temperature=1e-3).eval()
    still = {"frames": torch.rand(2, 1, 1, 3, 32, 32).expand(-1, -1, 3, -1, -1, -1), "key": torch.zeros(2, 3).long()}
    method.maps = lambda frames: torch.eye(64).view(1, 64, 8, 8).expand(len(frames), -1, -1, -1)
    found = method(still)
    assert found["accuracy"] == 1 and found["still_accuracy"] == 1 and found["loss"] < 1e-4
    method.maps = lambda frames: torch.ones(len(frames), 8, 8, 8)
    commonest = method.colours(still["frames"][:, 0, 0], (8, 8)).float().mode(1).values
    truth = method.colours(still["frames"][:, 0, 0], (8, 8))
    wanted = (truth == commonest[:, None]).float().mean()
    torch.testing.assert_close(method(still)["accuracy"], wanted)


def test_pairs_of_frames_are_enough_and_one_frame_or_no_map_is_refused_in_one_line():
    pairs = {"frames": torch.rand(2, 2, 1, 3, 32, 32), "key": torch.zeros(2, 3).long()}
    assert pointer()(pairs)["loss"].requires_grad
    with pytest.raises(ValueError, match="ColourPointer goes from frame to frame and needs clips of at least 2 frames"):
        pointer()(torch.rand(2, 3, 32, 32))
    with pytest.raises(ValueError, match="gives vectors"):
        ColourPointer(SmallNet(dim=8, width=2), layer="fc")
