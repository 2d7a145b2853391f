"""Any module as an encoder: found by one pass, its own keys, and one line where it cannot be."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torchvision.models import resnet18
from torchvision.models.video import r3d_18

from avssl.evaluation import Probes
from avssl.evaluation.probes import Linear
from avssl.nets import Encoder, ResNet, as_encoder
from tests.features.moving import Moving


def plain(**settings):
    torch.manual_seed(0)
    parts = {"one": nn.Conv2d(3, 4, 3, stride=2), "act": nn.ReLU(inplace=True), "two": nn.Conv2d(4, 6, 3, stride=2)}
    return as_encoder(nn.Sequential(OrderedDict(parts)), **settings).eval()


def test_dim_and_layers_are_found_and_maps_are_averaged():
    encoder, images = plain(), torch.rand(2, 3, 33, 33)
    assert isinstance(encoder, Encoder) and encoder.takes == "pictures"
    assert encoder.dim == 6 and encoder.layers == ("one", "act", "two")
    assert set(encoder.trunk.state_dict()) == {"one.weight", "one.bias", "two.weight", "two.bias"}
    with torch.inference_mode():
        expected = encoder.trunk(encoder.normalized(images)).mean((2, 3))
        torch.testing.assert_close(encoder(images), expected)
        found = encoder.maps(images, "two")
    assert found.stride == (4.0, 4.0) and found.offset == (3.0, 3.0)


def test_a_layer_is_shown_as_it_was_before_the_next_one_changed_it_in_place():
    encoder, images = plain(), torch.rand(2, 3, 33, 33)
    for grad in (True, False):
        with torch.inference_mode(not grad):
            taps = encoder.taps(images, ["one", "act"])
            torch.testing.assert_close(taps["one"], encoder.trunk[0](encoder.normalized(images)))
        assert (taps["one"] < 0).any() and torch.equal(taps["one"].relu(), taps["act"])


def test_finding_leaves_the_module_as_it_was():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    module[2].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    as_encoder(module)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [part.training for part in module] == [True, True, False]
    assert not any(part._forward_hooks for part in module)


def test_torchvisions_own_network_is_our_encoder():
    module = resnet18()
    module.fc = nn.Identity()
    encoder, ours = as_encoder(module).eval(), ResNet().eval()
    ours.trunk.load_state_dict(module.state_dict())
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images), ours(images))
        torch.testing.assert_close(encoder.maps(images, "layer3").values, ours.maps(images, "layer3").values)
    assert {"layer1", "layer2", "layer3", "layer4"} <= set(encoder.layers)


def test_a_network_of_clips_is_an_encoder_of_clips():
    module = r3d_18()
    module.fc = nn.Identity()
    encoder = as_encoder(module, takes="clips", size=32).eval()
    clips = torch.rand(1, 4, 3, 32, 32)
    assert encoder.takes == "clips" and encoder.dim == 512 and "layer4" in encoder.layers
    with torch.inference_mode():
        torch.testing.assert_close(encoder(clips), module(encoder.normalized(clips).transpose(1, 2)))
        assert encoder.maps(clips, "layer1").values.ndim == 5


def test_maps_of_clips_are_averaged_over_frames_too():
    encoder = as_encoder(nn.Conv3d(3, 5, 3), layers=[], takes="clips")
    assert encoder.dim == 5 and encoder(torch.rand(2, 4, 3, 8, 8)).shape == (2, 5)


def test_what_is_given_is_taken():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.ModuleList([nn.Conv2d(3, 4, 8), nn.Flatten()])
            self.unused = nn.Linear(1, 1)

        def forward(self, images):
            for part in self.inner:
                images = part(images)
            return images

    encoder = as_encoder(Fixed(), dim=4, layers={"deep": "inner.1"}, mean=(0,) * 3, std=(1,) * 3)
    assert encoder.layers == ("deep",) and encoder(torch.rand(1, 3, 8, 8)).shape == (1, 4)
    assert as_encoder(Fixed(), size=8).layers == ("inner.0", "inner.1")
    with pytest.raises(ValueError, match="layer 'unused' of ModuleEncoder takes no part in its forward pass"):
        as_encoder(Fixed(), dim=4, layers=["unused"]).taps(torch.rand(1, 3, 8, 8), ["unused"])


class Gives(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.what, self.part = what, nn.Identity()

    def forward(self, images):
        return self.what(self.part(images))


@pytest.mark.parametrize(
    ("module", "settings", "complaint"),
    [
        (
            nn.Linear(7, 2),
            {},
            r"a picture of 64x64 px does not pass through Linear \(.*\); give size=, or dim= and layer",
        ),
        (Gives(lambda images: (images, images)), {}, r"returns vectors \(N, dim\) or maps .*; got tuple"),
        (Gives(lambda images: images.flatten(2)), {}, r"returns vectors .*; got values of shape \(1, 3, 4096\)"),
        (nn.Conv2d(3, 4, 3), {"dim": 5}, "dim: got 5; Conv2d returns vectors of 4 numbers"),
        (nn.Conv2d(3, 4, 3), {"layers": ["conv"]}, "layers: Conv2d has no module 'conv'"),
        (nn.Conv2d(3, 4, 3), {"takes": "films"}, "takes: got 'films'; needs 'pictures' or 'clips'"),
        ({"name": "x"}, {}, "module: needs a network, a torch.nn.Module; got dict"),
    ],
)
def test_what_cannot_be_an_encoder_is_said_in_one_line(module, settings, complaint):
    with pytest.raises(ValueError, match=complaint) as caught:
        as_encoder(module, **settings)
    assert "\n" not in str(caught.value)


def test_tokens_are_no_layer_that_is_found_and_an_error_where_they_are_named():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.cut, self.line, self.mix = nn.Conv2d(3, 4, 8, 8), nn.Flatten(2), nn.Identity()

        def forward(self, images):
            return self.mix(self.line(self.cut(images))).mean(2)

    assert as_encoder(Tokens()).layers == ("cut",)
    with pytest.raises(
        ValueError, match=r"layer 'mix' of ModuleEncoder gives values of shape \(1, 4, 4\), neither maps"
    ):
        as_encoder(Tokens(), layers=["mix"]).taps(torch.rand(1, 3, 16, 16), ["mix"])


@pytest.mark.parametrize("takes", ["pictures", "clips"])
def test_a_wrapped_module_is_probed_like_any_encoder(takes):
    convolution = nn.Conv2d(3, 4, 3, 2) if takes == "pictures" else nn.Conv3d(3, 4, 3, 2)
    probes = Probes(
        Moving(8), Moving(8, seed=1), layers="all", probes=[Linear(penalties=(1e-2,))], initialisations=1, quiet=True
    )
    scores = probes(as_encoder(nn.Sequential(convolution, nn.ReLU()), takes=takes))
    assert {row["layer"] for row in scores.table if row["row"] == "trained"} == {"0", "1", "output"}
