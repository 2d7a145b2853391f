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


def unmade(kind, /, **settings):
    """Return a network without numbers, which takes no time to make."""
    with torch.device("meta"):
        return kind(**settings).eval()


def smoothed(encoder):
    """Return a network of the same geometry that weighs all that a cell sees alike about its centre.

    Weights are positive and constant, maxima are means, so a cell's gradient lies about the middle of what it sees.
    """
    for name, module in list(encoder.trunk.named_modules(remove_duplicate=False)):
        if isinstance(module, nn.MaxPool2d):
            mean = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
            encoder.trunk.set_submodule(name, mean)
        elif isinstance(module, nn.LocalResponseNorm | nn.ReLU | nn.Linear):
            encoder.trunk.set_submodule(name, nn.Identity())
    for module in encoder.to_empty(device="cpu").modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            module.reset_parameters()
    nn.init.zeros_(encoder.mean)
    nn.init.ones_(encoder.std)
    return encoder


def moved(images, values, axis):
    """Return how much each pixel (or frame) of an axis moves the cell in the middle of a map."""
    cell = tuple(cells // 2 for cells in values.shape[2:])
    (gradient,) = torch.autograd.grad(values[(0, slice(None), *cell)].sum(), images)
    weights = gradient[0].double().abs().sum(0 if images.ndim == 4 else 1)
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
    encoder = smoothed(unmade(kind, **settings))
    clips = isinstance(encoder, ClipEncoder)
    narrow = 99 if kind in (CaffeNet, AlexNet) else 16
    for axis in range(3 if clips else 2):
        sizes = [5, narrow, narrow] if clips else [narrow, narrow]
        sizes[axis] = 21 if clips and axis == 0 else size
        images = torch.rand((1, sizes[0], 3, *sizes[1:]) if clips else (1, 3, *sizes), requires_grad=True)
        found = encoder.maps(images, layer)
        along = moved(images, found.values, axis)
        assert along[0] == along[-1] == 0 and len(along) == sizes[axis]  # the border cuts nothing
        middle, cell = float((along * torch.arange(len(along))).sum() / along.sum()), found.values.shape[2 + axis] // 2
        assert middle == pytest.approx(found.offset[axis] + found.stride[axis] * cell, abs=1e-2)
        assert middle == pytest.approx(float(found.pixels(axis)[cell].detach()), abs=1e-2)


@pytest.mark.parametrize(
    ("encoder", "layer", "stride", "offset"),
    [
        (SmallNet(), "conv3", 8, 0),
        (unmade(ResNet), "layer4", 32, 0),
        (unmade(ResNet, stride=16), "layer4", 16, 0),
        (unmade(ResNet, stride=8, dilated=True), "layer4", 8, 0),
        (unmade(CaffeNet), "conv1", 8, 9),  # (11 - 1) / 2, and one cell of 4 px more by the pooling
        (unmade(CaffeNet), "conv5", 16, 17),
        (unmade(AlexNet), "conv4", 16, 15),
        (unmade(AlexNet), "conv5", 32, 31),  # the pooling is its last part
        (SmallVision(), "conv4", 8, 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Encoder) else None,
)
def test_strides_and_offsets_by_hand(encoder, layer, stride, offset):
    with torch.no_grad():
        found = encoder.eval().maps(torch.rand(1, 3, 128, 160, device=encoder.mean.device), layer)
    assert (found.stride, found.offset) == ((stride, stride), (offset, offset))


def test_a_map_is_what_is_tapped_and_carries_nothing_else():
    encoder, images = SmallNet().eval(), torch.rand(2, 3, 32, 32)
    found = encoder.maps(images, "conv3")
    assert torch.equal(found.values, encoder.taps(images, ["conv3"])["conv3"])
    assert grid_of(found.values) is None and not vars(images)
    assert not encoder.trunk._forward_pre_hooks


def test_the_last_pooling_looks_at_the_middle():
    found = unmade(ResNet).maps(torch.rand(1, 3, 224, 224, device="meta"), "pool")
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


@pytest.mark.parametrize(
    "other",
    [
        lambda images: F.max_pool2d(F.pad(images, (0, 1, 0, 1)), 2, 1),  # of the same size, half a pixel beside it
        lambda images: F.avg_pool2d(images, (16, 1)),  # one row for all
    ],
)
def test_branches_that_look_elsewhere_are_an_error(other):
    class Branches(nn.Module):
        def forward(self, images):
            return F.conv2d(images, torch.ones(3, 3, 3, 3), padding=1) + other(images)

    encoder = Encoder(Branches(), 3, {"map": ""})
    with pytest.raises(ValueError, match=r"cannot be known behind _*add"):
        encoder.maps(torch.rand(1, 3, 16, 16), "map")


def test_vectors_and_unknown_layers_are_said_in_one_line():
    with pytest.raises(ValueError, match="'fc' gives vectors, which look at no place"):
        SmallNet().eval().maps(torch.rand(1, 3, 32, 32), "fc")
    with pytest.raises(ValueError, match="SmallNet has no layer 'conv9'"):
        SmallNet().maps(torch.rand(1, 3, 32, 32), "conv9")


# --- strides of residual networks -----------------------------------------------------------------------------------
def test_a_dilated_network_holds_the_cells_of_the_network_as_it_was():
    torch.manual_seed(0)
    plain, images = ResNet(18).eval(), torch.rand(1, 3, 75, 32)
    with torch.no_grad():
        expected = plain.maps(images, "layer4").values
        for stride in (16, 8):
            dense = unmade(ResNet, depth=18, stride=stride, dilated=True)
            dense.trunk.load_state_dict(plain.trunk.state_dict(), assign=True)
            dense.mean, dense.std = plain.mean, plain.std
            found = dense.maps(images, "layer4").values[..., :: 32 // stride, :: 32 // stride]
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_a_dilated_network_is_torchvisions_where_that_has_it():
    torch.manual_seed(0)
    theirs = models.resnet50(weights=None, replace_stride_with_dilation=[False, True, True]).eval()
    theirs.fc = nn.Identity()
    ours = unmade(ResNet, depth=50, stride=8, dilated=True)
    ours.trunk.load_state_dict(theirs.state_dict(), assign=True)
    images = torch.rand(1, 3, 33, 17)
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
        values = encoder.maps(torch.full((1, 3, 48, 48), 0.3), "layer4").values
        edged = ResNet().eval().maps(torch.full((1, 3, 48, 48), 0.3), "layer2").values
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
