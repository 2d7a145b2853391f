"""Heat maps: exact places in and out, pictures that tell the joints, mirrors that exchange sides."""

import numpy as np
import pytest
import torch

from avssl.evaluation.keypoints.heads import HeatMaps, Labelled
from avssl.evaluation.keypoints.heads.heatmaps import Mapper
from avssl.evaluation.keypoints.heads.maps import gaussians, places
from avssl.features.cache import FeatureCache, digest
from avssl.features.layers import Extractor
from avssl.nets import ResNet, SmallNet

EXTRACT = Extractor(FeatureCache(), quiet=True)


@pytest.mark.parametrize(("decode", "off"), [("middle", 0.35), ("dark", 0.35), ("quarter", 1.2)])
@pytest.mark.parametrize("stride", [(2.0, 2.0), (4.0, 4.0), (2.0, 3.0)])
def test_a_gaussian_is_found_where_it_was_put(decode, off, stride):
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.uniform(14, 50, (20, 3, 2)).astype(np.float32))
    size = (round(64 / stride[0]), round(66 / stride[1]))
    found = places(gaussians(points, size, stride, 2.0), stride, 2.0, decode)
    assert (found - points).abs().max() < off * max(stride) / 2


def test_a_parabola_through_the_logarithm_finds_a_gaussian_exactly_away_from_the_border():
    points = torch.from_numpy(np.random.default_rng(0).uniform(40, 88, (20, 3, 2)).astype(np.float32))
    found = places(gaussians(points, (64, 64), (2.0, 2.0), 2.0), (2.0, 2.0), 2.0, "dark")
    torch.testing.assert_close(found, points, atol=2e-4, rtol=0)


def test_the_middle_of_the_picture_is_the_middle_of_the_map():
    """In half-pixel geometry the middle of 8 pixels (3.5) is the middle of 4 cells (1.5), not 3.5 / 2."""
    maps = gaussians(torch.tensor([[[3.5, 3.5]]]), (4, 4), (2.0, 2.0), 1.0)
    torch.testing.assert_close(maps, maps.flip(-1))
    torch.testing.assert_close(maps, maps.flip(-2))


@pytest.mark.parametrize("decode", ["middle", "dark", "quarter"])
def test_a_map_without_a_value_above_0_is_a_lost_joint(decode):
    maps = torch.stack([torch.zeros(4, 4), -torch.ones(4, 4), torch.eye(4)])[None]
    assert torch.isnan(places(maps, (2.0, 2.0), 2.0, decode)).all(-1).tolist() == [[True, True, False]]


@pytest.mark.parametrize("decode", ["middle", "dark", "quarter"])
def test_the_mirror_of_a_map_is_read_at_the_mirror_of_the_place(decode):
    """So no map has to be moved by a cell when the two are averaged."""
    maps = gaussians(torch.tensor([[[11.3, 20.6]], [[0.2, 31.0]]]), (16, 12), (2.0, 2.0), 1.5)
    there = places(maps, (2.0, 2.0), 1.5, decode)
    back = places(maps.flip(-1), (2.0, 2.0), 1.5, decode)
    torch.testing.assert_close(back[..., 0], 24 - 1 - there[..., 0])
    torch.testing.assert_close(back[..., 1], there[..., 1])


@pytest.mark.parametrize("decode", ["middle", "dark", "quarter"])
def test_a_flat_map_and_a_peak_in_the_corner_are_still_places_of_the_map(decode):
    maps = torch.stack([torch.ones(6, 6), torch.zeros(6, 6)])[None]
    maps[0, 1, 0, 5] = 1
    found = places(maps, (2.0, 2.0), 1.0, decode)
    assert ((found >= -1.5) & (found <= 12.5)).all()
    assert (found[0, 1] - torch.tensor([10.5, 0.5])).abs().max() <= 2


@pytest.mark.parametrize(("encoder", "layer", "side", "ups", "stride"), [
    (SmallNet(width=4), "conv3", 32, 2, 2.0),
    (SmallNet(width=4), "conv1", 32, 0, 2.0),
    (ResNet(18), "layer4", 256, 3, 4.0),
])  # fmt: skip
def test_there_are_as_many_deconvolutions_as_the_stride_asks_for(encoder, layer, side, ups, stride):
    pictures = torch.zeros(1, 3, side, side, dtype=torch.uint8)
    network = Mapper(encoder, layer, pictures, 5, 8).eval()
    assert network.deconvolutions == ups and network.stride == (stride, stride)
    told = HeatMaps(layer=layer).chosen(encoder, pictures)
    assert told == {"layer": layer, "deconvolutions": ups, "stride": (stride, stride)}
    with torch.inference_mode():
        assert network(torch.rand(2, 3, side, side)).shape == (2, 5, side / stride, side / stride)


def dots(count, seed, side=32):
    """Two joints, a red and a green dot, on grey noise."""
    rng = np.random.default_rng(seed)
    points = rng.integers(4, side - 4, (count, 2, 2))
    pictures = rng.integers(90, 130, (count, 3, side, side)).astype(np.uint8)
    for picture, joints in zip(pictures, points, strict=True):
        for color, (x, y) in enumerate(joints):
            picture[:, y - 1 : y + 2, x - 1 : x + 2] = 0
            picture[color, y - 1 : y + 2, x - 1 : x + 2] = 255
    labelled = Labelled(
        images=torch.from_numpy(pictures),
        points=points.astype(np.float32),
        counted=np.ones((count, 2), bool),
        mirrored=(0, 1),
    )
    return labelled, torch.from_numpy(pictures), points


@pytest.mark.parametrize("settings", [{}, {"decode": "quarter", "flip": 0.5, "flip_test": True}])
def test_joints_that_pictures_tell_are_found(settings):
    labelled, _, _ = dots(60, 0)
    _, test, truth = dots(20, 1)
    encoder = SmallNet(width=8, dim=8)
    before = digest(encoder)
    head = HeatMaps(width=16, steps=150, layer="conv2", sigma=1.5, lr=3e-3, head_lr=1e-2, **settings)
    found = head(encoder, labelled, test, EXTRACT, 0)
    assert digest(encoder) == before  # what is judged is not changed
    far = np.linalg.norm(found - truth, axis=-1)
    assert np.nanmedian(far) < 2.0 and np.isnan(far).mean() < 0.1


def test_the_same_seed_finds_the_same_places():
    labelled, test, _ = dots(8, 0)
    head = HeatMaps(width=4, steps=3, freeze=True)
    encoder = SmallNet(width=4)
    one, other = (head(encoder, labelled, test, EXTRACT, 5) for _ in range(2))
    assert np.array_equal(one, other, equal_nan=True)
    assert head.name == "frozen heat maps" and head.settings()["width"] == 4


def test_half_the_squared_error_of_counted_joints_equals_the_loss_of_the_released_code():
    rng = torch.Generator().manual_seed(0)
    points, counted = torch.rand(3, 2, 2, generator=rng) * 30, torch.tensor([[True, True], [True, False], [True, True]])
    maps = torch.rand(3, 2, 16, 16, generator=rng)
    truth = gaussians(points, (16, 16), (2.0, 2.0), 2.0)
    slow = [
        0.5 * ((maps[one, joint] - truth[one, joint]) ** 2).mean()
        for one in range(3)
        for joint in range(2)
        if counted[one, joint]
    ]
    found = HeatMaps(sigma=2.0).loss(lambda pictures: maps, torch.zeros(3, 3, 32, 32), points, counted)
    torch.testing.assert_close(found, sum(slow) / 5)


def test_a_layer_that_is_no_map_is_refused():
    pictures = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    with pytest.raises(ValueError, match="layer: heat maps need a map, and 'fc' of SmallNet is a vector"):
        HeatMaps(layer="fc").chosen(SmallNet(width=4), pictures)


@pytest.mark.parametrize("settings", [{"sigma": 0}, {"width": 0}])
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError, match="width must be at least 1 and sigma above 0"):
        HeatMaps(**settings)
