"""Where cells look: by impulses through the network itself; and strides of residual networks."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from avssl.nets import AlexNet, CaffeNet, ResNet, SmallClips, SmallNet, SmallVision, VideoResNet
from avssl.nets.clips import ClipEncoder
from avssl.nets.encoders import Encoder
from avssl.nets.feature_maps import Following, Grid, grid_of, start


def smoothed(encoder):
    """Return a network of the same geometry that weighs all that a cell sees alike about its centre.

    Weights are positive and constant, maxima are means, so a cell's gradient lies about the middle of what it sees.
    """
    for name, module in list(encoder.trunk.named_modules(remove_duplicate=False)):
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
        elif isinstance(module, nn.MaxPool2d):
            mean = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
            encoder.trunk.set_submodule(name, mean)
        elif isinstance(module, nn.LocalResponseNorm | nn.ReLU | nn.Linear):
            encoder.trunk.set_submodule(name, nn.Identity())
    return encoder.double().eval()


def moved(encoder, layer, shape, cell, axis):
    """Return how much each pixel (or frame) of an axis moves a cell."""
    images = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    encoder.maps(images, layer).values[(0, slice(None), *cell)].sum().backward()
    weights = images.grad[0].abs().sum(0 if len(shape) == 4 else 1)
    return weights.sum([other for other in range(weights.ndim) if other != axis])


CASES = [  # pixels (and frames) along the axis that is looked at, which hold all that a cell sees
    *((SmallNet, {}, layer, 48) for layer in ("conv1", "conv2", "conv3")),
    *((CaffeNet, {}, layer, 299) for layer in ("conv1", "conv2", "conv5")),
    *((AlexNet, {}, layer, 320) for layer in ("conv1", "conv3", "conv5")),
    *((ResNet, {}, layer, size) for layer, size in (("layer1", 64), ("layer2", 128), ("layer3", 240), ("layer4", 480))),
    (ResNet, {"stride": 8}, "layer4", 320),
    (ResNet, {"stride": 16, "dilated": True}, "layer4", 480),
    (ResNet, {"padding": "reflect"}, "layer2", 128),
    (SmallVision, {}, "conv4", 64),
    *((SmallClips, {}, layer, 64) for layer in ("conv1", "conv4")),
    (VideoResNet, {"kind": "r3d"}, "layer1", 48),
]


@pytest.mark.parametrize(
    ("kind", "settings", "layer", "size"), CASES, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_cell_looks_at_the_middle_of_what_moves_it(kind, settings, layer, size):
    encoder = smoothed(kind(**settings))
    clips = isinstance(encoder, ClipEncoder)
    for axis in range(3 if clips else 2):
        sizes = [7 if clips else 99, 64, 64][: 3 if clips else 2] if kind in (CaffeNet, AlexNet) else [5, 32, 32]
        sizes = sizes if clips else sizes[-2:]
        sizes[axis] = 21 if clips and axis == 0 else size
        shape = (1, sizes[0], 3, *sizes[1:]) if clips else (1, 3, *sizes)
        with torch.no_grad():
            found = encoder.maps(torch.rand(shape, dtype=torch.float64), layer)
        cell = tuple(cells // 2 for cells in found.values.shape[2:])
        along = moved(encoder, layer, shape, cell, axis)
        assert along[0] == along[-1] == 0 and len(along) == sizes[axis]  # the border cuts nothing
        middle = float((along * torch.arange(len(along))).sum() / along.sum())
        assert middle == pytest.approx(found.offset[axis] + found.stride[axis] * cell[axis], abs=1e-6)
        assert middle == pytest.approx(float(found.pixels(axis)[cell[axis]]), abs=1e-6)


@pytest.mark.parametrize(
    ("encoder", "layer", "stride", "offset"),
    [
        (SmallNet(), "conv3", 8, 0),
        (ResNet(), "layer4", 32, 0),
        (ResNet(stride=16), "layer4", 16, 0),
        (ResNet(stride=8, dilated=True), "layer4", 8, 0),
        (CaffeNet(), "conv1", 8, 9),  # (11 - 1) / 2, and one cell of 4 px more by the pooling
        (CaffeNet(), "conv5", 16, 17),
        (AlexNet(), "conv4", 16, 15),
        (AlexNet(), "conv5", 32, 31),  # the pooling is its last part
        (SmallVision(), "conv4", 8, 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Encoder) else None,
)
def test_strides_and_offsets_by_hand(encoder, layer, stride, offset):
    with torch.no_grad():
        found = encoder.eval().maps(torch.rand(1, 3, 128, 160), layer)
    assert (found.stride, found.offset) == ((stride, stride), (offset, offset))


def test_a_map_is_what_is_tapped_and_carries_nothing_else():
    encoder, images = SmallNet().eval(), torch.rand(2, 3, 32, 32)
    found = encoder.maps(images, "conv3")
    assert torch.equal(found.values, encoder.taps(images, ["conv3"])["conv3"])
    assert grid_of(found.values) is None and not vars(images)
    assert not encoder.trunk._forward_pre_hooks


def test_the_last_pooling_looks_at_the_middle():
    found = ResNet().eval().maps(torch.rand(1, 3, 224, 224), "pool")
    assert found.values.shape[2:] == (1, 1) and found.offset == (96, 96)  # cells look at 0, 32 ... 192


class Gated(nn.Module):
    """A convolution whose channels are weighed by their means."""

    def forward(self, images):
        images = F.conv2d(F.pad(images, (3, 1, 0, 2)), torch.ones(3, 3, 2, 2), stride=2)
        return images * images.mean((2, 3), keepdim=True).sigmoid() + images


def test_functions_are_followed_as_well_as_modules():
    images = torch.rand(1, 3, 16, 16)
    start(images)
    with Following():
        assert grid_of(Gated()(images)) == Grid((2, 2), (0.5, -2.5))
        assert grid_of(F.avg_pool2d(images, (2, 4))) == Grid((2, 4), (0.5, 1.5))
        assert grid_of(F.max_pool2d(images, 3, 2, 1, 2, ceil_mode=True)) == Grid((2, 2), (1, 1))
        assert grid_of(torch.cat([F.relu(images), images], 1)) == Grid((1, 1), (0, 0))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda images: images.transpose(2, 3), "transpose"),
        (lambda images: images.flip(3), "flip"),
        (lambda images: F.interpolate(images, scale_factor=2), "interpolate"),
        (lambda images: F.adaptive_avg_pool2d(images, 5), r"adaptive_avg_pool2d of \(16, 16\) cells to \(5, 5\)"),
        (lambda images: images + images.roll(1, 2), "roll|add"),
        (lambda images: images[..., 1:, 1:], "getitem"),
    ],
)  # fmt: skip
def test_places_that_cannot_be_known_are_an_error_and_no_guess(change, named):
    class Changed(nn.Module):
        def forward(self, images):
            return change(images)

    encoder = Encoder(nn.Sequential(Changed(), nn.ReLU()), 3, {"map": "1"})
    with pytest.raises(ValueError, match=f"'map' look cannot be known behind _*({named})"):
        encoder.maps(torch.rand(1, 3, 16, 16), "map")


def test_branches_that_look_elsewhere_are_an_error():
    class Branches(nn.Module):
        def forward(self, images):
            return (
                F.conv2d(images, torch.ones(1, 3, 3, 3), padding=1)
                + F.max_pool2d(F.pad(images, (0, 1, 0, 1)), 2, 1)[:, :1]
            )

    encoder = Encoder(Branches(), 3, {"map": ""})
    with pytest.raises(ValueError, match="cannot be known behind"):
        encoder.maps(torch.rand(1, 3, 16, 16), "map")


def test_vectors_and_unknown_layers_are_said_in_one_line():
    with pytest.raises(ValueError, match="'fc' gives vectors, which look at no place"):
        SmallNet().eval().maps(torch.rand(1, 3, 32, 32), "fc")
    with pytest.raises(ValueError, match="SmallNet has no layer 'conv9'"):
        SmallNet().maps(torch.rand(1, 3, 32, 32), "conv9")


# --- strides of residual networks -----------------------------------------------------------------------------------
@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("stride", [16, 8])
def test_a_dilated_network_holds_the_cells_of_the_network_as_it_was(depth, stride):
    torch.manual_seed(0)
    plain, dense = ResNet(depth).eval(), ResNet(depth, stride=stride, dilated=True).eval()
    dense.trunk.load_state_dict(plain.trunk.state_dict())
    images = torch.rand(1, 3, 75, 64, dtype=torch.float64)
    with torch.no_grad():
        expected, found = (encoder.double().maps(images, "layer4").values for encoder in (plain, dense))
    torch.testing.assert_close(found[..., :: 32 // stride, :: 32 // stride], expected)


def test_a_dilated_network_is_torchvisions_where_that_has_it():
    torch.manual_seed(0)
    theirs = models.resnet50(weights=None, replace_stride_with_dilation=[False, True, True]).eval()
    ours = ResNet(50, stride=8, dilated=True).eval()
    ours.trunk.load_state_dict(
        {name: value for name, value in theirs.state_dict().items() if not name.startswith("fc.")}
    )
    theirs.fc = nn.Identity()
    images = torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        assert torch.allclose(ours.trunk(images), theirs(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("settings", [{"stride": 8}, {"stride": 16, "dilated": True}, {"padding": "reflect"}])
@pytest.mark.parametrize("depth", [18, 50])
def test_weights_of_torchvision_load_strictly_whatever_the_stride(settings, depth):
    build = {18: models.resnet18, 50: models.resnet50}[depth]
    with torch.device("meta"):
        weights = {name: value for name, value in build().state_dict().items() if not name.startswith("fc.")}
        ResNet(depth, **settings).trunk.load_state_dict(weights, strict=True, assign=True)


def test_a_reflected_border_shows_no_edge():
    encoder = ResNet(padding="reflect", stride=8).eval()
    with torch.no_grad():
        values = encoder.maps(torch.full((1, 3, 64, 64), 0.3), "layer4").values
        edged = ResNet(stride=8).eval().maps(torch.full((1, 3, 64, 64), 0.3), "layer4").values
    assert values.flatten(2).std(2).max() < 1e-4 * values.abs().max() and edged.flatten(2).std(2).max() > 1e-3


def test_defaults_are_the_network_as_it_was():
    torch.manual_seed(0)
    ours = ResNet(18).eval()
    torch.manual_seed(0)
    theirs = models.resnet18(weights=None).eval()
    theirs.fc = nn.Identity()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours.trunk(images), theirs(images))


@pytest.mark.parametrize("settings", [{"stride": 4}, {"dilated": True}, {"padding": "circular"}])
def test_settings_that_cannot_be_are_said_in_one_line(settings):
    with pytest.raises(ValueError, match="needs stride 8, 16 or 32, dilated only with 8 or 16"):
        ResNet(18, **settings)
