"""RandAugment beside torchvision's class, one item and one operation at a time."""

import pytest
import torch
from torchvision.transforms import InterpolationMode, v2

from avssl.transforms import Draws, RandAugment
from avssl.transforms.rand_augment import OPERATIONS, operate

THEIRS = dict(zip(OPERATIONS, v2.RandAugment._AUGMENTATION_SPACE, strict=True))  # the same order


def theirs(name, picture, magnitude, negative, bins=31):
    """Do an operation as torchvision's class does, its strength out of its own table."""
    augment = v2.RandAugment()
    table, signed = augment._AUGMENTATION_SPACE[THEIRS[name]]
    strengths = table(bins, *picture.shape[-2:])
    strength = 0.0 if strengths is None else float(strengths[magnitude])
    strength = -strength if negative and signed else strength
    return augment._apply_image_or_video_transform(picture, THEIRS[name], strength, InterpolationMode.NEAREST, {})


def told(augment, draws, tuples):
    """Return which operations are drawn, and which have a negative sign, in its own order of drawing."""
    numbers = draws.uniform(1, augment.num_ops, 3)[:, 0]
    which = (numbers[..., 0] * len(OPERATIONS)).long()
    return which.where(numbers[..., 2] < augment.chance, 0), numbers[..., 1] < 0.5


@pytest.mark.parametrize("magnitude", [0, 3, 9, 17, 30])
def test_a_batch_is_changed_as_torchvision_does_item_by_item(keys, noise, magnitude):
    count, augment = 120, RandAugment(num_ops=2, magnitude=magnitude)
    frames = noise(count, 1, 24, 33)
    found = augment(frames, Draws(keys(count)))
    which, negative = told(augment, Draws(keys(count)), count)
    names = list(OPERATIONS)
    for item in range(count):
        expected = frames[item, 0]
        for step in range(2):
            expected = theirs(names[which[item, step]], expected, magnitude, bool(negative[item, step]))
        torch.testing.assert_close(found[item, 0], expected, atol=1e-5, rtol=0)
    assert set(which.flatten().tolist()) == set(range(14))


def test_the_set_and_the_greatest_strengths_are_torchvisions():
    assert list(THEIRS.values()) == [
        "Identity",
        "ShearX",
        "ShearY",
        "TranslateX",
        "TranslateY",
        "Rotate",
        "Brightness",
        "Color",
        "Contrast",
        "Sharpness",
        "Posterize",
        "Solarize",
        "AutoContrast",
        "Equalize",
    ]


def test_frames_of_a_tuple_share_the_operations(keys, noise):
    frames = noise(60, 1).expand(-1, 3, -1, -1, -1)
    shared = RandAugment()(frames, Draws(keys(60)))
    torch.testing.assert_close(shared, shared[:, :1].expand_as(shared), atol=1e-6, rtol=0)
    own = RandAugment(scope="frame")(frames, Draws(keys(60)))
    assert (own[:, 0] != own[:, 1]).flatten(1).any(1).sum() > 40


def test_what_looks_at_all_values_sees_all_frames_of_a_tuple_at_once():
    dark, bright = torch.full((2, 1, 1, 3, 4, 4), 0.2)
    clip = torch.cat([dark, bright + 0.4], 1)
    clip[:, 0, :, 0, 0] = 0.1
    stretched = operate("autocontrast", clip, 0.0)
    torch.testing.assert_close(stretched, (clip - 0.1) / 0.5, atol=1e-6, rtol=0)


def test_operations_are_drawn_evenly_and_done_by_chance(keys):
    which, negative = told(RandAugment(), Draws(keys(7000)), 7000)
    counts = which.flatten().bincount(minlength=14)
    assert counts.min() > 850 and counts.max() < 1150
    assert 6700 < negative.sum() < 7300
    half = told(RandAugment(chance=0.5), Draws(keys(7000)), 7000)[0]
    assert 0.47 < (half != 0).float().mean() / (13 / 14) < 0.53


def test_evaluation_changes_nothing_and_nor_do_no_operations(keys, noise):
    assert torch.equal(RandAugment()(noise(4), Draws(keys(4)), train=False), noise(4))
    assert torch.equal(RandAugment(num_ops=0)(noise(4), Draws(keys(4))), noise(4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_ops": -1}, "num_ops must be at least 0"),
        ({"magnitude": 31}, "magnitude must be in"),
        ({"magnitude": 0, "num_magnitude_bins": 1}, "of at least 2 bins"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        RandAugment(**settings)
