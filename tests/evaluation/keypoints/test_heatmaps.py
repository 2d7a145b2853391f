"""Heat maps: exact places in and out, pictures that tell the joints, mirrors that exchange sides."""

import numpy as np
import pytest
import torch

from avssl.evaluation.features import Extractor
from avssl.evaluation.kept import Kept, digest
from avssl.evaluation.keypoints.heads import HeatMaps, Labelled
from avssl.evaluation.keypoints.heads.heatmaps import Mapper, gaussians, mirror, places
from avssl.nets import ResNet, SmallNet

EXTRACT = Extractor(Kept(), quiet=True)


@pytest.mark.parametrize(("decode", "off"), [("middle", 0.35), ("quarter", 1.2)])
@pytest.mark.parametrize("stride", [(2.0, 2.0), (4.0, 4.0), (2.0, 3.0)])
def test_a_gaussian_is_found_where_it_was_put(decode, off, stride):
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.uniform(14, 50, (20, 3, 2)).astype(np.float32))
    size = (round(64 / stride[0]), round(66 / stride[1]))
    found = places(gaussians(points, size, stride, 2.0), stride, 2.0, decode)
    assert (found - points).abs().max() < off * max(stride) / 2


def test_the_middle_of_the_picture_is_the_middle_of_the_map():
    """In half-pixel geometry the middle of 8 pixels (3.5) is the middle of 4 cells (1.5), not 3.5 / 2."""
    maps = gaussians(torch.tensor([[[3.5, 3.5]]]), (4, 4), (2.0, 2.0), 1.0)
    torch.testing.assert_close(maps, maps.flip(-1))
    torch.testing.assert_close(maps, maps.flip(-2))


def test_a_map_without_a_value_above_0_is_a_lost_joint():
    maps = torch.stack([torch.zeros(4, 4), -torch.ones(4, 4), torch.eye(4)])[None]
    assert torch.isnan(places(maps, (2.0, 2.0), 2.0, "middle")).all(-1).tolist() == [[True, True, False]]


def test_a_mirror_moves_joints_and_exchanges_sides():
    pictures = torch.zeros(2, 3, 8, 10)
    pictures[:, :, 2, 1] = 1
    points = torch.tensor([[[1.0, 2.0], [7.0, 5.0]]] * 2)
    counted = torch.tensor([[True, False]] * 2)
    turned = mirror(pictures, points, counted, torch.tensor([True, False]), torch.tensor([1, 0]))
    assert turned[0][0, 0, 2, 8] == 1 and turned[0][1, 0, 2, 1] == 1
    assert turned[1].tolist() == [[[2.0, 5.0], [8.0, 2.0]], [[1.0, 2.0], [7.0, 5.0]]]
    assert turned[2].tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(("encoder", "layer", "side", "ups", "stride"), [
    (SmallNet(width=4), "conv3", 32, 2, 2.0),
    (SmallNet(width=4), "conv1", 32, 0, 2.0),
    (ResNet(18), "layer4", 256, 3, 4.0),
])  # fmt: skip
def test_there_are_as_many_deconvolutions_as_the_stride_asks_for(encoder, layer, side, ups, stride):
    network = Mapper(encoder, layer, torch.zeros(1, 3, side, side, dtype=torch.uint8), 5, 8).eval()
    assert len(network.head) == ups + 1 and network.stride == (stride, stride)
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
    head = HeatMaps(width=16, steps=150, layer="conv2", sigma=1.5, rate=3e-3, head_rate=1e-2, **settings)
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


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="sigma > 0 and flip in"):
        HeatMaps(sigma=0)
