"""Tracked patches: windows that move are chosen and followed, and negatives are those of other recordings."""

import pytest
import torch
from torch.nn import functional as F

from avssl.methods import TrackedPatches
from avssl.methods.correspondence.mining import follow_windows, moving_windows
from avssl.nets import MapNet, SmallNet
from avssl.nets.map_net import grey_pictures
from avssl.transforms import Draws

KEYS = torch.tensor([[0, 0, index] for index in range(4)])


def clips(items=4, frames=5, seed=0):
    """Return clips in which a textured square moves by (2, 1) px a frame over a still texture, and its middles."""
    chance = torch.Generator().manual_seed(seed)

    def texture(side):
        return F.interpolate(torch.rand(items, 3, side // 4, side // 4, generator=chance), (side, side))

    ground, thing, found, middles = texture(48) * 0.3, texture(12), [], []
    for time in range(frames):
        frame = ground.clone()
        frame[:, :, 14 + time : 26 + time, 12 + 2 * time : 24 + 2 * time] = thing
        found.append(frame)
        middles.append([17.5 + 2 * time, 19.5 + time])
    return torch.stack(found, 1), torch.tensor(middles)


def grey(frames):
    return grey_pictures(frames)[:, :, :1]


def method(**settings):
    torch.manual_seed(0)
    return TrackedPatches(MapNet(dim=8, width=4), **({"layer": "conv3", "patch": 12, "dim": 8} | settings))


def test_windows_are_chosen_where_something_moves():
    frames, middles = clips()
    found = moving_windows(grey(frames), Draws(KEYS), 12, 2, train=False)
    assert (found - middles[1]).abs().max() < 8
    drawn = moving_windows(grey(frames), Draws(KEYS), 12, 2, train=True)
    assert (drawn - middles[1]).abs().max() < 14 and not torch.equal(drawn, found)
    assert torch.equal(moving_windows(grey(frames)[1:], Draws(KEYS[1:]), 12, 2, train=True), drawn[1:])


def test_a_moving_window_is_followed_to_its_end_and_comes_back():
    frames, middles = clips()
    tracks = follow_windows(grey(frames), middles[0].expand(4, 1, 2), 12)
    assert (tracks.last[:, 0] - middles[-1]).abs().max() <= 1 and tracks.inside.all()
    assert (tracks.moved - (middles[-1] - middles[0]).norm()).abs().max() <= 1
    assert (tracks.error <= 1).float().mean() >= 0.75  # one of the textures loses its way
    still = follow_windows(grey(frames), torch.tensor([38.0, 10.0]).expand(4, 1, 2), 12)
    assert (still.moved[still.inside] == 0).all() and still.inside.float().mean() >= 0.75  # one loses its way


def test_tracks_that_stand_still_or_lose_their_way_do_not_count():
    frames, _ = clips()
    batch = {"frames": frames[:, None], "key": KEYS}
    assert method().eval()(batch)["kept"] > 0.5
    noise = torch.rand(4, 1, 5, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    lost = method(error=0.5).eval()({"frames": noise, "key": KEYS})
    assert lost["kept"] < 0.3
    still = method().eval()({"frames": frames[:, None, :1].expand(-1, -1, 5, -1, -1, -1), "key": KEYS})
    assert still["kept"] == 0 and still["loss"] == 0


def test_patches_of_one_recording_are_never_negatives_of_each_other():
    frames, _ = clips()
    batch = {"frames": frames[:, None], "key": KEYS, "path": ["a"] * 4, "group": [""] * 4}
    found = method().eval()(batch)
    assert found["kept"] > 0.5 and found["loss"] == 0 and found["accuracy"] == 0  # there is no triplet
    assert method().eval()(batch | {"path": list("abcd")})["loss"] > 0


def test_negatives_are_random_at_first_and_the_hardest_after_a_share_of_the_training():
    frames, _ = clips(items=4)
    batch = {"frames": frames[:, None], "key": KEYS}
    early = method(negatives=1, hard_after=0.5, margin=2.0).eval()
    late = method(negatives=1, hard_after=0.5, margin=2.0).eval()
    early.after_step(49, 100)
    late.after_step(50, 100)
    assert late(batch)["loss"] > early(batch)["loss"]  # with so large a margin the loss is that of the similarity
    assert "progress" in late.state_dict()


def test_features_that_are_all_alike_lose_the_margin():
    frames, _ = clips()
    same = method().eval()
    for weight in same.head.parameters():
        torch.nn.init.ones_(weight)
    torch.nn.init.zeros_(same.head.weight)
    with torch.no_grad():
        found = same({"frames": frames[:, None], "key": KEYS})
    assert float(found["loss"]) == pytest.approx(0.5) and found["active"] == 1


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(
        ValueError, match="TrackedPatches goes from frame to frame and needs clips of at least 2 frames"
    ):
        method()(torch.rand(2, 3, 32, 32))
    with pytest.raises(ValueError, match=r"frames of 8x40 px hold no window of 12 px"):
        method()(torch.rand(2, 3, 3, 8, 40))
    with pytest.raises(ValueError, match="gives vectors"):
        TrackedPatches(SmallNet(dim=8, width=2), layer="fc")
    with pytest.raises(ValueError, match="a margin above 0"):
        method(margin=0.0)
