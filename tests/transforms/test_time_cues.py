"""Cues of time are planted by the numbers of frames, the same whatever the batch."""

import pytest
import torch

from avssl.transforms import Trim
from avssl.transforms.draws import Draws
from avssl.transforms.time_cues import TIME_CUES, Bars, Flicker, Pulse

KEY = torch.tensor([[0, 0, 1], [0, 0, 2]])
INDEX = torch.tensor([[0, 5, 11, 12], [30, 36, 40, 50]])


@pytest.mark.parametrize("name", TIME_CUES)
def test_a_cue_hangs_on_key_and_number_alone(name):
    frames, cue = torch.rand(2, 4, 3, 16, 16), TIME_CUES[name]
    both = cue(frames, INDEX, KEY)
    assert torch.equal(cue(frames[1:], INDEX[1:], KEY[1:]), both[1:]) and not torch.equal(both, frames)
    order = [2, 0, 3, 1]
    assert torch.equal(cue(frames[:, order], INDEX[:, order], KEY), both[:, order])


def test_flicker_is_a_ramp():
    frames = torch.full((2, 4, 3, 4, 4), 0.5)
    light = Flicker(strength=0.5, frames=50)(frames, INDEX, KEY).mean((2, 3, 4))
    torch.testing.assert_close(light, 0.25 + 0.5 * INDEX / 50)


def test_bars_are_black_at_key_frames_and_their_noise_grows_until_the_next():
    frames = torch.full((2, 4, 3, 16, 16), 0.5)
    shown = Bars(width=3, strength=0.3, group=12)(frames, INDEX, KEY)
    assert (shown[:, :, :, 3:-3] == 0.5).all()
    noise = torch.cat([shown[..., :3, :], shown[..., -3:, :]], 3).mean((2, 3, 4))
    assert noise[0, 0] == noise[0, 3] == noise[1, 1] == 0
    torch.testing.assert_close(noise[0, 2] / noise[0, 1], torch.tensor(11 / 5))
    trimmed = Trim(3)(shown, Draws(KEY))
    assert trimmed.shape == (2, 4, 3, 10, 10) and (trimmed == 0.5).all()
    with pytest.raises(ValueError, match="cannot trim 8 pixels"):
        Trim(8)(shown, Draws(KEY))


def test_key_frames_are_blurred_and_no_others():
    frames = torch.rand(2, 4, 3, 16, 16)
    shown = Pulse(reach=1.0, group=12)(frames, INDEX, KEY)
    changed = (shown != frames).flatten(2).any(2)
    assert torch.equal(changed, INDEX % 12 == 0)
    assert shown[0, 0].std() < 0.6 * frames[0, 0].std()
    assert shown[0, 0].mean() == pytest.approx(frames[0, 0].mean().item(), abs=0.02)


@pytest.mark.parametrize("make", [lambda: Bars(width=0), lambda: Pulse(reach=0), lambda: Flicker(2), lambda: Trim(-1)])
def test_what_cannot_be_planted_is_said(make):
    with pytest.raises(ValueError, match="must be"):
        make()
