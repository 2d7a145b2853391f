import torch
from torch import nn

from avssl.nets import SmallNet
from avssl.nets.layout import channels_last


class Viewing(nn.Module):
    """Somebody's module, which takes maps to lie as usual."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)

    def forward(self, pictures):
        return self.conv(pictures).view(len(pictures), -1)


def test_channels_lie_last_and_features_stay_the_same():
    torch.manual_seed(0)
    net, pictures = SmallNet(dim=8, width=2).eval(), torch.rand(2, 3, 20, 20)
    plain = net(pictures)
    maps = channels_last(net).taps(pictures, ["conv2"])["conv2"]
    assert maps.is_contiguous(memory_format=torch.channels_last) and not maps.is_contiguous()
    torch.testing.assert_close(net(pictures), plain)


def test_a_network_with_modules_of_unknown_packages_stays_as_it_is():
    net = nn.Sequential(nn.Conv2d(3, 3, 3), Viewing())
    strides = [weight.stride() for weight in net.parameters()]
    assert [weight.stride() for weight in channels_last(net).parameters()] == strides
    assert channels_last(net)(torch.rand(2, 3, 9, 9)).shape == (2, 100)


def test_maps_that_have_as_many_cells_as_are_asked_for_are_not_pooled():
    net = SmallNet(dim=8, width=2).eval()
    for side in (32, 48, 20):  # maps of 4, 6 and 3 cells a side
        maps = torch.rand(2, 8, side // 8 + side % 8 // 4, side // 8 + side % 8 // 4)
        wanted = nn.functional.adaptive_avg_pool2d(maps, 4)
        assert torch.equal(net.trunk.get_submodule("pool.0")(maps), wanted)
    still = torch.rand(2, 8, 4, 4)
    assert net.trunk.get_submodule("pool.0")(still) is still
