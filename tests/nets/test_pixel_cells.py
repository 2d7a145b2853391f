"""Where cells look: followed through networks, checked against gradients; and how their scores are spread."""

from functools import partial

import pytest
import torch
from torch import nn

from avssl.nets import AlexNet, CaffeNet, Encoder, ResNet, SmallNet
from avssl.nets.pixel_cells import Line, between, cells_of, even, upsample


@pytest.mark.parametrize(
    ("encoder", "layer", "side", "line"),
    [
        (partial(SmallNet, width=4, dim=8), "conv3", 72, Line(0.0, 8.0)),
        (ResNet, "layer4", 64, Line(0.0, 32.0)),
        (AlexNet, "conv4", 128, Line(15.0, 16.0)),
        (CaffeNet, "conv5", 127, Line(17.0, 16.0)),
    ],
    ids=["SmallNet", "ResNet", "AlexNet", "CaffeNet"],
)
def test_windows_are_followed_through_networks_of_every_kind(encoder, layer, side, line):
    assert cells_of(encoder(), [layer], torch.rand(1, 3, side, side))[layer] == (line, line)


def averaging(*modules):
    trunk = nn.Sequential(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0.1)
            nn.init.zeros_(module.bias)
    return Encoder(trunk, 2, {"map": str(len(modules) - 1)})


@pytest.mark.parametrize(
    "modules",
    [
        (nn.Conv2d(3, 2, 7, stride=2, padding=3), nn.Conv2d(2, 2, 3, stride=2, padding=1)),
        (nn.Conv2d(3, 2, 4, stride=2), nn.AvgPool2d(2), nn.Conv2d(2, 2, 3, padding=2, dilation=2)),
        (nn.Conv2d(3, 2, 5, padding=2), nn.ReLU(), nn.AvgPool2d(3, stride=2, padding=1)),
    ],
    ids=len,
)
def test_a_cell_looks_where_its_gradient_has_its_middle(modules):
    encoder, cell = averaging(*modules), 4
    image = torch.ones(1, 3, 48, 48, requires_grad=True)  # bright: every rectifier lets it through
    encoder.taps(image, ["map"])["map"][0, :, cell, cell].sum().backward()
    weight = image.grad[0].sum(0)
    middle = (weight.sum(0) * torch.arange(48)).sum() / weight.sum()
    (line, _) = cells_of(encoder, ["map"], torch.rand(1, 3, 48, 48))["map"]
    assert line.first + cell * line.step == pytest.approx(float(middle), abs=1e-4)


class Joins(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.after = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Identity()

    def forward(self, images):
        return self.after(nn.functional.avg_pool2d(self.conv(images), 2)).mean((2, 3))


def test_behind_what_cannot_be_followed_cells_divide_the_picture_evenly():
    encoder = Encoder(Joins(), 4, {"conv": "conv", "after": "after"})
    found = cells_of(encoder, ["conv", "after"], torch.rand(1, 3, 32, 64))
    assert found["conv"] == (Line(0.0, 2.0), Line(0.0, 2.0))
    assert found["after"] == (even(32, 8), even(64, 16)) == (Line(1.5, 4.0), Line(1.5, 4.0))


def test_spreading_is_linear_between_cells_and_level_beyond():
    weights = between(Line(1.0, 4.0), cells=3, pixels=12, like=torch.zeros(1))
    assert weights[0].tolist() == [1, 0, 0] and weights[1].tolist() == [1, 0, 0]
    assert (
        weights[3].tolist() == [0.5, 0.5, 0] and weights[9].tolist() == [0, 0, 1] and weights[11].tolist() == [0, 0, 1]
    )
    assert torch.equal(weights.sum(1), torch.ones(12))


def test_spreading_an_even_division_equals_torchs_own():
    scores = torch.rand(2, 3, 5, 7)
    ours = upsample(scores, (even(20, 5), even(21, 7)), (20, 21))
    assert torch.allclose(ours, nn.functional.interpolate(scores, (20, 21), mode="bilinear"), atol=1e-6)


def test_one_cell_alone_speaks_for_every_pixel():
    assert torch.equal(upsample(torch.ones(1, 1, 1, 1), (even(4, 1), even(6, 1)), (4, 6)), torch.ones(1, 1, 4, 6))
