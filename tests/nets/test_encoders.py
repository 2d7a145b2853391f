"""Encoders keep their contract: features, layers and torchvision's keys."""

import copy
import pickle

import pytest
import torch
from torchvision import models

from avssl.config import describe
from avssl.nets import VGG16, AlexNet, CaffeNet, LinearHead, MLPHead, RelationHead, ResNet, SmallNet

ENCODERS = [(SmallNet, {}, 32), (SmallNet, {"dim": 7, "width": 4}, 50), (ResNet, {"depth": 18}, 64), (AlexNet, {}, 128)]


@pytest.mark.parametrize(("kind", "settings", "side"), ENCODERS, ids=lambda value: getattr(value, "__name__", None))
def test_pictures_become_vectors_of_the_promised_length_and_every_layer_can_be_tapped(kind, settings, side):
    encoder = kind(**settings).eval()
    images = torch.rand(2, 3, side, side)
    assert encoder(images).shape == (2, encoder.dim)
    taps = encoder.taps(images, encoder.layers)
    assert tuple(taps) == encoder.layers
    assert all(len(tap) == 2 and tap.ndim in (2, 4) for tap in taps.values())


def test_the_last_tap_is_the_feature():
    encoder = SmallNet().eval()
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(encoder.taps(images, ["fc"])["fc"], encoder(images))


def test_an_unknown_layer_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"SmallNet has no layer 'conv9'; it has conv1, conv2, conv3, fc"):
        SmallNet().taps(torch.rand(1, 3, 32, 32), ["conv9"])


def test_what_lies_behind_the_layers_asked_for_need_not_run():
    encoder, images = SmallNet(width=4, dim=8).eval(), torch.rand(1, 3, 32, 32)
    ran = []
    encoder.trunk.fc.register_forward_hook(lambda *_: ran.append(1))
    expected = encoder.taps(images, ["conv3", "conv1"])
    found = encoder.taps(images, ["conv3", "conv1"], whole=False)
    assert ran == [1] and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("kind", "build"), [(ResNet, models.resnet18), (AlexNet, models.alexnet), (VGG16, models.vgg16)]
)
def test_trunk_weights_carry_torchvisions_own_keys(kind, build):
    with torch.device("meta"):
        ours, theirs = kind().trunk.state_dict(), build().state_dict()
    assert set(ours) <= set(theirs)
    assert {name for name in set(theirs) - set(ours) if not name.startswith(("fc.", "classifier.6."))} == set()
    assert all(ours[name].shape == theirs[name].shape for name in ours)


def test_caffenet_has_the_released_layer_sizes():
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in CaffeNet().trunk.named_parameters()}
    weights = [shapes[name] for name in shapes if name.endswith("0.weight")]
    assert weights == [
        (96, 3, 11, 11),
        (256, 48, 5, 5),
        (384, 256, 3, 3),
        (384, 192, 3, 3),
        (256, 192, 3, 3),
        (4096, 9216),
        (4096, 4096),
    ]
    assert not [name for name in shapes if ".1." in name]  # batch normalisation learns no scale


def test_pictures_are_normalised_inside():
    encoder = SmallNet().eval()
    flat = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    seen = {}
    encoder.trunk.register_forward_pre_hook(lambda module, inputs: seen.update(images=inputs[0]))
    encoder(flat)
    torch.testing.assert_close(seen["images"], torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize("head", [LinearHead, MLPHead, RelationHead])
def test_a_head_scores_each_group_of_features(head):
    assert head(dim=8, members=3, classes=5)(torch.rand(4, 3, 8)).shape == (4, 5)


def test_a_relation_head_sees_how_far_members_differ_and_not_which_way():
    head = RelationHead(dim=2, members=3)
    seen = []
    head.layers.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = torch.tensor([[[1.0, 2.0], [4.0, 0.0], [0.0, 9.0]]])
    head.eval()(features)
    assert seen[0].tolist() == [[1, 2, 4, 0, 0, 9, 3, 2, 1, 7, 4, 9]]


def test_a_linear_head_is_additive_in_the_members():
    head = LinearHead(dim=4, members=3)
    a, b = torch.rand(2, 3, 4), torch.rand(2, 3, 4)
    swapped_a, swapped_b = a.clone(), b.clone()
    swapped_a[:, 1], swapped_b[:, 1] = b[:, 1], a[:, 1]
    torch.testing.assert_close(head(a) + head(b), head(swapped_a) + head(swapped_b))


def test_an_encoder_built_in_python_can_be_described_and_built_again():
    settings = describe(SmallNet(8, width=4))
    assert settings == {"name": "SmallNet", "dim": 8, "width": 4, "norm": "batch"}
    assert describe(ResNet(depth=18))["zero_init_residual"] is False
    assert describe(copy.deepcopy(SmallNet(8))) == describe(pickle.loads(pickle.dumps(SmallNet(8))))


def test_small_nets_are_normalised_by_the_batch_under_the_names_they_had_or_by_each_picture_alone():
    pictures, other = torch.rand(4, 3, 32, 32), torch.rand(4, 3, 32, 32)
    other[0] = pictures[0]
    torch.manual_seed(0)
    plain = SmallNet(dim=8, width=4).train()
    torch.manual_seed(0)
    grouped = SmallNet(dim=8, width=4, norm="group").train()
    assert {"conv1.1.running_mean", "conv3.1.weight", "fc.1.num_batches_tracked"} <= plain.trunk.state_dict().keys()
    assert plain.trunk.conv2[0].weight.equal(grouped.trunk.conv2[0].weight)
    assert torch.allclose(grouped(pictures)[0], grouped(other)[0], atol=1e-6)
    assert not torch.allclose(plain(pictures)[0], plain(other)[0], atol=1e-2)
    assert grouped(pictures[:1]).shape == (1, 8)
    with pytest.raises(ValueError, match=r"norm 'batch' or 'group'; got 8, 4 and 'layer'$"):
        SmallNet(dim=8, width=4, norm="layer")
