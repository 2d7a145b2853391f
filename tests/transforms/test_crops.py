"""Random windows beside torchvision: drawn with its chances, cut to its values."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from avssl.transforms import Draws, RandomResizedCrop
from avssl.transforms.crops import cut, draw_boxes
from avssl.transforms.resampling import resize_weights


def test_windows_are_cut_and_resized_as_torchvision_does(keys, noise):
    frames = noise(40, 2, 37, 50)
    boxes = draw_boxes(Draws(keys(40)), frames)
    for size in ((24, 24), (64, 48), (7, 90)):
        found = cut(frames, boxes, size)
        for item, box in enumerate(boxes[:, 0].tolist()):
            expected = tv.resized_crop(frames[item], *box, size=list(size), antialias=True)
            torch.testing.assert_close(found[item], expected, atol=1e-6, rtol=0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_stretch_of_any_length_is_resized_as_interpolate_does(data):
    given_, wanted = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    length = data.draw(st.integers(1, given_))
    start = data.draw(st.integers(0, given_ - length))
    line = torch.rand(given_, generator=torch.Generator().manual_seed(given_))
    weights = resize_weights(torch.tensor([start]), torch.tensor([length]), given_, wanted)[0]
    stretch = line[start : start + length].view(1, 1, 1, -1)
    expected = torch.nn.functional.interpolate(stretch, size=(1, wanted), mode="bilinear", antialias=True).flatten()
    torch.testing.assert_close(weights @ line, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(weights.sum(1), torch.ones(wanted))


def test_whole_numbers_are_read_as_values_from_0_to_1(keys):
    pictures = torch.randint(0, 256, (5, 1, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    crop = RandomResizedCrop(12)
    assert torch.equal(crop(pictures, Draws(keys(5))), crop(pictures.float() / 255, Draws(keys(5))))
    assert crop(pictures.double() / 255, Draws(keys(5))).dtype == torch.float64
    assert crop((pictures.float() / 255).bfloat16(), Draws(keys(5))).dtype == torch.float32
    with pytest.raises(ValueError, match=r"frames are uint8, or float in \[0, 1\]; got torch.int64"):
        crop(pictures.long(), Draws(keys(5)))


@pytest.mark.parametrize(
    ("height", "width", "scale", "ratio"),
    [(32, 32, (0.08, 1.0), (3 / 4, 4 / 3)), (24, 60, (0.2, 1.0), (3 / 4, 4 / 3)), (40, 30, (0.05, 0.14), (0.5, 2.0))],
)
def test_windows_have_the_distribution_of_torchvision(keys, noise, height, width, scale, ratio):
    count = 3000
    ours = draw_boxes(Draws(keys(count)), noise(1, 1, height, width).expand(count, -1, -1, -1, -1), scale, ratio)[:, 0]
    crop = v2.RandomResizedCrop(8, scale=scale, ratio=ratio)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        picture = torch.zeros(3, height, width)
        drawn = [crop.make_params([picture]) for _ in range(count)]
    theirs = torch.tensor([[box[name] for name in ("top", "left", "height", "width")] for box in drawn])
    for column in range(4):
        # Kolmogorov and Smirnov's distance of two samples, far out in its tail
        grid = torch.arange(-1, max(height, width) + 1)
        shares = [(boxes[:, column, None] <= grid).double().mean(0) for boxes in (ours, theirs)]
        assert (shares[0] - shares[1]).abs().max() < 2.2 * math.sqrt(2 / count)


def test_windows_lie_within_the_frame_and_reach_its_rims(keys, noise):
    frames = noise(1, 1, 20, 30).expand(2000, -1, -1, -1, -1)
    top, left, height, width = draw_boxes(Draws(keys(2000)), frames)[:, 0].unbind(1)
    assert (top >= 0).all() and (left >= 0).all() and (height > 0).all() and (width > 0).all()
    assert (top + height).max() == 20 and (left + width).max() == 30 and top.min() == left.min() == 0
    assert ((width / height > 0.6) & (width / height < 1.7)).all()


@pytest.mark.parametrize(
    ("height", "width", "box"), [(10, 100, [0, 43, 10, 13]), (100, 9, [44, 0, 12, 9]), (20, 20, [0, 0, 20, 20])]
)
def test_where_no_window_fits_the_largest_in_the_middle_is_taken(keys, noise, height, width, box):
    frames = noise(50, 1, height, width)
    ratio = (3 / 4, 4 / 3) if height != width else (1.0, 1.0)
    boxes = draw_boxes(Draws(keys(50)), frames, scale=(1.0, 1.0), ratio=ratio)
    assert boxes[:, 0].tolist() == [box] * 50


def test_frames_of_a_tuple_share_a_window_or_have_one_each(keys, noise):
    frames = noise(20, 1).expand(-1, 4, -1, -1, -1)
    shared, own = (RandomResizedCrop(16, scope=scope)(frames, Draws(keys(20))) for scope in ("tuple", "frame"))
    assert torch.equal(shared, shared[:, :1].expand_as(shared))
    assert (own[:, 0] != own[:, 1]).flatten(1).any(1).all()
    boxes = RandomResizedCrop(16, scope="frame").window(frames, Draws(keys(20))).boxes
    assert boxes.shape == (20, 4, 4)
    torch.testing.assert_close(own[:, 2:3], cut(frames[:, 2:3], boxes[:, 2:3], (16, 16)))


def test_a_window_may_be_resized_to_more_pixels_than_the_frame_has(keys, noise):
    grown = RandomResizedCrop(50)(noise(3, 1, 10, 8), Draws(keys(3)))
    assert grown.shape == (3, 1, 3, 50, 50) and 0 <= grown.min() <= grown.max() <= 1


def test_evaluation_shows_the_largest_window_in_the_middle(keys, noise):
    frames = noise(2, 1, 24, 32)
    shown = RandomResizedCrop(24)(frames, Draws(keys(2)), train=False)
    torch.testing.assert_close(shown, frames[..., 4:28], atol=1e-6, rtol=0)
    assert RandomResizedCrop((12, 32)).window(frames, Draws(keys(2)), train=False).boxes[0, 0].tolist() == [
        6,
        0,
        12,
        32,
    ]


def test_values_are_full_under_autocast(keys, noise):
    plain = RandomResizedCrop(16)(noise(4), Draws(keys(4)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(RandomResizedCrop(16)(noise(4), Draws(keys(4))), plain)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size must be a side"),
        ({"size": 8, "scale": (0.5, 0.2)}, "scale must rise within"),
        ({"size": 8, "scale": (0.5, 1.2)}, "scale must rise within"),
        ({"size": 8, "ratio": (0, 1)}, "ratio must rise above 0"),
    ],
)
def test_settings_that_are_none_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        RandomResizedCrop(**settings)
