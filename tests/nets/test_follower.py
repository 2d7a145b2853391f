import torch
from torch.nn import functional as F

from avssl.nets.follower import Follower

STEPS = 6


def film(seed=0, across=2, down=-1):
    """Return a textured square over a still texture, frames (1, 1, 64, 64), and its centres."""
    chance = torch.Generator().manual_seed(seed)

    def texture(side):
        return F.interpolate(torch.rand(1, 1, side // 3 + 1, side // 3 + 1, generator=chance), (side, side))

    ground, thing = texture(64) * 0.4, texture(13)
    frames, places = [], []
    for time in range(STEPS):
        frame, (left, top) = ground.clone(), (20 + across * time, 30 + down * time)
        frame[..., top : top + 13, left : left + 13] = thing
        frames.append(frame)
        places.append((left + 6.0, top + 6.0))
    return frames, torch.tensor(places)[:, None, None]


def follower(**settings):
    return Follower(features=lambda windows: windows, size=32, sigma=1.5, **settings)


def test_a_moving_thing_is_followed_to_the_pixel():
    frames, places = film()
    found, extents = follower()(frames, places[0], torch.full((1, 1, 2), 32.0))
    assert torch.equal(found, places) and (extents == 32).all()


def test_several_windows_and_videos_are_followed_each_for_itself():
    (one, first), (other, second) = film(0), film(1, across=-2, down=2)
    both = [torch.cat(pair) for pair in zip(one, other, strict=True)]
    still = torch.tensor([50.0, 12.0])
    start = torch.stack([torch.stack([first[0, 0, 0], still]), torch.stack([second[0, 0, 0], still])])
    found, _ = follower()(both, start, torch.full((2, 2, 2), 32.0))
    assert torch.equal(found[:, 0, :1], first[:, 0]) and torch.equal(found[:, 1, :1], second[:, 0])


def test_a_window_that_grows_is_followed_in_scale():
    chance = torch.Generator().manual_seed(0)
    thing = F.interpolate(torch.rand(1, 1, 12, 12, generator=chance), (60, 60), mode="bicubic")
    frames = [F.interpolate(thing, scale_factor=1.05**step, mode="bilinear")[..., :60, :60] for step in range(4)]
    frames = [F.pad(frame, (0, 60 - frame.shape[-1], 0, 60 - frame.shape[-2])) for frame in frames]
    start = torch.tensor([[[24.0, 24.0]]])
    _, sizes = follower(scales=(1 / 1.05, 1.0, 1.05))(frames, start, torch.full((1, 1, 2), 30.0))
    assert sizes[-1, 0, 0, 0] > 32


def test_coarse_features_are_enlarged():
    frames, places = film()
    coarse = Follower(features=lambda windows: F.avg_pool2d(windows, 2), size=32, sigma=1.5)
    found, _ = coarse(frames, places[0], torch.full((1, 1, 2), 32.0))
    assert (found - places).abs().max() <= 1.5
