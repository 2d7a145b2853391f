"""Cues are what they are called, the same alone and in a batch, and noise holds nothing by itself."""

import math

import pytest
import torch

from avssl.config import make
from avssl.data import Noise
from avssl.transforms import Aberration, Border, Draws, Light, Lines, Texture, Vignette
from avssl.transforms.patches import level

ALL = [Aberration(), Vignette(), Light(), Texture(), Lines(), Border()]


def keys(count):
    return torch.stack([torch.tensor([0, 3, number]) for number in range(count)])


def grey(count, side=32, value=0.6):
    return torch.full((count, 1, 3, side, side), value)


@pytest.mark.parametrize("cue", ALL, ids=lambda cue: type(cue).__name__)
def test_a_cue_is_the_same_alone_and_in_a_batch_and_in_training_and_evaluation(cue):
    frames = torch.rand(5, 2, 3, 24, 20)
    whole = cue(frames, Draws(keys(5)), train=True)
    assert whole.shape == frames.shape and not torch.allclose(whole, frames)
    assert torch.allclose(cue(frames[3:4], Draws(keys(5)[3:4]), train=False), whole[3:4], atol=1e-6)


def test_lenses_part_colours_by_the_shift_at_the_rim_and_not_in_the_middle():
    columns = torch.exp(-((torch.arange(65.0) - torch.tensor([[32.0], [56.0]])) ** 2) / 8)
    frames = columns[:, None, None, None].expand(-1, 1, 3, 65, 65)
    shown = Aberration(shift=2.0)(frames, Draws(keys(2)))[:, 0, :, 32]
    place = (shown * torch.arange(65.0)).sum(-1) / shown.sum(-1)
    assert torch.allclose(place[:, 1], torch.tensor([32.0, 56.0]), atol=1e-3)  # green stays
    assert place[0, 0].item() == pytest.approx(32.0, abs=0.01)
    assert (place[1, 0] - place[1, 1]).item() == pytest.approx(2.0 * 24 / 32.5, abs=0.15)
    assert torch.equal(shown[:, 0], shown[:, 2])


def test_no_shift_changes_nothing():
    frames = torch.rand(2, 1, 3, 16, 16)
    assert torch.allclose(Aberration(shift=0.0)(frames, Draws(keys(2))), frames, atol=1e-5)


def test_corners_lose_their_share_of_the_light_and_the_middle_none():
    shown = Vignette(strength=0.4)(grey(1, side=201), Draws(keys(1)))[0, 0, 0]
    assert shown[100, 100].item() == pytest.approx(0.6)
    assert shown[0, 0].item() == pytest.approx(0.6 * 0.6, abs=0.01)
    assert torch.allclose(shown, shown.rot90())


def test_light_falls_evenly_from_the_upper_left():
    shown = Light(strength=0.4)(grey(1), Draws(keys(1)))[0, 0, 0]
    assert (shown[0, 0] - shown[-1, -1]).item() == pytest.approx(0.4, abs=0.02)
    assert shown.diff(dim=0).std() < 1e-6 and shown.diff(dim=1).std() < 1e-6


def test_texture_runs_on_as_far_as_its_reach_and_is_the_same_law_everywhere():
    shown = Texture(reach=1.0, strength=0.2)(grey(512), Draws(keys(512)))[:, 0, 0] - 0.6
    assert shown.std(0).mean().item() == pytest.approx(0.2, rel=0.05)
    assert shown.std(0).min() > 0.17  # the rim too
    for away in (1, 4):
        found = (shown[..., away:] * shown[..., :-away]).mean() / shown.square().mean()
        assert found.item() == pytest.approx(math.exp(-(away**2) / 4), abs=0.03)


def test_lines_reach_from_rim_to_rim():
    shown = Lines(count=1)(grey(2000), Draws(keys(2000)))[:, 0, 0]
    dark = (shown < 0.4).flatten(1).sum(1)
    assert dark.max() > 28 and shown.min().item() == pytest.approx(0.2, abs=1e-6)
    often = torch.nn.functional.avg_pool2d((shown < 0.4).float().mean(0)[None, None], 8)
    assert often.max() - often.min() < 0.025  # corners as often as the middle


def test_levelled_patches_do_not_tell_by_how_much_light_fell_off():
    noise = 0.5 + 0.1 * torch.randn(64, 3, 12, 12)
    along = torch.linspace(0, 1, 12)
    dimmed = noise * (0.9 * torch.exp(-0.5 * along - 0.3 * along[:, None]))
    plain, found = level(noise), level(dimmed)
    assert (plain - found).abs().mean() < 0.03  # what is added before the logarithm
    assert torch.allclose(found.mean((-2, -1)), torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(found.std((-2, -1), correction=0), torch.tensor(0.25), atol=1e-5)
    assert torch.isfinite(level(torch.zeros(1, 3, 1, 1))).all()


@pytest.mark.parametrize(
    ("make_one", "message"),
    [
        (lambda: Aberration(shift=-1), "shift must be at least 0 pixels; got -1"),
        (lambda: Vignette(strength=2), r"must be in \[0, 1\]; got 2"),
        (lambda: Texture(reach=0), "reach must be above 0 pixels; got 0"),
        (lambda: Lines(count=0), "count must be at least 1; got 0"),
        (lambda: Noise(count=1, size=(8, 8), contrast=0.5), "contrast must be in"),
    ],
)
def test_impossible_cues_are_refused(make_one, message):
    with pytest.raises(ValueError, match=message):
        make_one()


def test_noise_is_keyed_grey_and_the_same_law_everywhere():
    noise = Noise(count=400, size=(10, 12), contrast=0.1, reach=1.0)
    frames = torch.stack([noise[1, index]["frames"][0, 0] for index in range(400)]).float() / 255
    assert torch.equal(frames[7], noise[1, 7]["frames"][0, 0].float() / 255)
    assert not torch.equal(noise[0, 7]["frames"], noise[1, 7]["frames"])
    assert torch.equal(frames[:, 0], frames[:, 2])
    spread = frames[:, 0].std(0)
    assert spread.min() > 0.085 and spread.max() < 0.115


def test_cues_are_views_that_a_config_may_name():
    assert make({"name": "Vignette", "strength": 0.2}, "avssl.transforms.Transform").strength == 0.2
