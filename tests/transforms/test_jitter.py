"""Jitter of colours beside torchvision's functions, one item at a time."""

import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from avssl.transforms import ColorJitter, Draws
from avssl.transforms.jitter import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation

CASES = [
    (adjust_brightness, tv.adjust_brightness, [0.0, 0.3, 1.0, 1.7, 3.0]),
    (adjust_contrast, tv.adjust_contrast, [0.0, 0.3, 1.0, 1.7, 3.0]),
    (adjust_saturation, tv.adjust_saturation, [0.0, 0.3, 1.0, 1.7, 3.0]),
    (adjust_hue, tv.adjust_hue, [-0.5, -0.2, 0.0, 0.1, 0.5]),
]


def pictures(kind, noise):
    """Return pictures of five items, of noise or of colours at the corners of the cube, where hues are on the edge."""
    if kind == "noise":
        return noise(5)
    levels = torch.randint(0, 3, (5, 1, 3, 24, 32), generator=torch.Generator().manual_seed(0))
    return levels / 2 if kind == "corners" else levels[:, :, :1].expand(-1, -1, 3, -1, -1) / 2


@pytest.mark.parametrize("kind", ["noise", "corners", "grey"])
@pytest.mark.parametrize(("ours", "theirs", "values"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_item_is_changed_as_torchvision_changes_it(noise, ours, theirs, values, kind):
    frames = pictures(kind, noise)
    changed = ours(frames, torch.tensor(values).view(5, 1, 1, 1, 1))
    for item, value in enumerate(values):
        torch.testing.assert_close(changed[item], theirs(frames[item], value), atol=3e-6, rtol=0)


def test_golden_values():
    pixel = torch.tensor([0.2, 0.4, 0.6]).view(1, 1, 3, 1, 1)
    half = torch.tensor(0.5).view(1, 1, 1, 1, 1)
    grey = 0.2989 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6
    for adjust, expected in (
        (adjust_brightness, [0.1, 0.2, 0.3]),
        (adjust_contrast, [(value + grey) / 2 for value in (0.2, 0.4, 0.6)]),
        (adjust_saturation, [(value + grey) / 2 for value in (0.2, 0.4, 0.6)]),
        (adjust_hue, [0.6, 0.4, 0.2]),  # the opposite hue: blue's place is red's
    ):
        torch.testing.assert_close(adjust(pixel, half).flatten(), torch.tensor(expected))
    third = torch.tensor(1 / 3).view(1, 1, 1, 1, 1)
    torch.testing.assert_close(adjust_hue(pixel, third).flatten(), torch.tensor([0.6, 0.2, 0.4]))


def test_a_full_turn_of_the_hue_changes_nothing(noise):
    whole = torch.ones(5, 1, 1, 1, 1)
    torch.testing.assert_close(adjust_hue(noise(5), whole), noise(5), atol=3e-6, rtol=0)


def told(jitter, draws, frames):
    """Return what a jitter draws, in its own order of drawing."""
    tuples = len(frames)
    changed = draws.uniform(1, 1, 1, 1).view(tuples) < jitter.chance
    order = draws.uniform(1, 4).view(tuples, 4).argsort(dim=-1, stable=True)
    sizes = [draws.uniform(1, 1, 1, 1, low=low, high=high).view(tuples) for low, high in jitter.ranges]
    return changed, order, torch.stack(sizes, 1)


def test_a_batch_is_jittered_as_torchvision_does_item_by_item(keys, noise):
    frames, jitter = noise(60), ColorJitter(0.8, 0.8, 0.8, 0.2, chance=0.8)
    found = jitter(frames, Draws(keys(60)))
    changed, order, sizes = told(jitter, Draws(keys(60)), frames)
    steps = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    for item in range(60):
        expected = frames[item]
        for number in order[item].tolist() if changed[item] else []:
            expected = steps[number](expected, float(sizes[item, number]))
        torch.testing.assert_close(found[item], expected, atol=1e-5, rtol=0)
    assert 38 < changed.sum() < 58
    assert len({tuple(row) for row in order.tolist()}) > 18  # of 24 orders
    assert found.min() >= 0 and found.max() <= 1


def test_orders_and_factors_are_uniform(keys, noise):
    jitter = ColorJitter(0.4, (0.5, 0.7), 1.5, 0.1)
    _, order, sizes = told(jitter, Draws(keys(4800)), noise(1).expand(4800, -1, -1, -1, -1))
    counts = torch.unique(order, dim=0, return_counts=True)[1]
    assert len(counts) == 24 and counts.min() > 140 and counts.max() < 260
    for column, (low, high) in enumerate([(0.6, 1.4), (0.5, 0.7), (0.0, 2.5), (-0.1, 0.1)]):
        assert jitter.ranges[column] == pytest.approx((low, high))
        shares = torch.histc(sizes[:, column], 4, low, high) / 4800
        torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.03, rtol=0)


def test_frames_of_a_tuple_share_the_jitter_and_the_mean_grey(keys, noise):
    frames = noise(12, 3)
    shared = ColorJitter(0, 0.9, 0, 0)(frames, Draws(keys(12)))
    tall = frames.transpose(1, 2).flatten(2, 3)  # a clip's frames below one another are one picture
    factor = told(ColorJitter(0, 0.9, 0, 0), Draws(keys(12)), frames)[2][:, 1]
    for item in range(12):
        expected = tv.adjust_contrast(tall[item], float(factor[item])).unflatten(1, (3, 24)).transpose(0, 1)
        torch.testing.assert_close(shared[item], expected, atol=1e-5, rtol=0)
    own = ColorJitter(0.9, scope="frame")(frames[:, :1].expand(-1, 3, -1, -1, -1), Draws(keys(12)))
    assert (own[:, 0] != own[:, 1]).flatten(1).any(1).all()


def test_grey_pictures_keep_their_values_under_saturation_and_hue(keys):
    grey = torch.linspace(0, 1, 24).view(1, 1, 1, 24, 1).expand(20, 1, 3, -1, 8)
    changed = ColorJitter(0, 0, 0.8, 0.2)(grey, Draws(keys(20)))
    torch.testing.assert_close(changed, grey, atol=1e-4, rtol=0)  # torchvision's luma sums to 0.9999
    torch.testing.assert_close(ColorJitter(hue=0.5)(grey, Draws(keys(20))), grey, atol=1e-6, rtol=0)


def test_evaluation_and_neutral_settings_change_nothing(keys, noise):
    assert torch.equal(ColorJitter(0.8, 0.8, 0.8, 0.2)(noise(4), Draws(keys(4)), train=False), noise(4))
    assert torch.equal(ColorJitter()(noise(4), Draws(keys(4))), noise(4))


def test_the_given_frames_stay_as_they_are(keys, noise):
    frames = noise(4)
    ColorJitter(0.8, 0.8, 0.8, 0.2)(frames, Draws(keys(4)))
    assert torch.equal(frames, noise(4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"brightness": -1}, "brightness must be at least 0"),
        ({"contrast": (1.2, 0.8)}, "contrast must be at least 0, or a pair of bounds"),
        ({"hue": 0.6}, r"hue must lie in \[0, 0.5\]"),
        ({"chance": 2}, "chance"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ColorJitter(**settings)
