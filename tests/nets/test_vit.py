"""The vision transformer: torchvision's own, its positions, frozen patches, pictures of several sizes, maps."""

import math

import pytest
import torch
from torchvision.models.vision_transformer import VisionTransformer

from avssl.config import describe, rebuild
from avssl.nets import ViT
from avssl.nets.vit import sincos

SMALL = {"patch": 7, "width": 16, "depth": 2, "heads": 2, "size": 28}


def vit(**settings):
    torch.manual_seed(0)
    return ViT(**SMALL | settings).eval()


@pytest.mark.parametrize("positions", ["learned", "sincos"])
def test_it_is_torchvisions_transformer_with_its_keys(positions):
    encoder, images = vit(positions=positions), torch.rand(2, 3, 28, 28)
    theirs = VisionTransformer(28, 7, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=64)
    missing, left = theirs.load_state_dict(encoder.trunk.state_dict(), strict=False)
    assert set(missing) == {"heads.head.weight", "heads.head.bias"} and not left
    theirs.heads = torch.nn.Identity()
    torch.testing.assert_close(encoder(images), theirs.eval()(encoder.normalized(images)))


def test_sincos_positions_are_those_of_the_formula():
    rows, columns, width = 3, 5, 12
    found = sincos(rows, columns, width)
    for row in range(rows):
        for column in range(columns):
            for number in range(3):
                angle = 10_000 ** (-number / 3)
                wanted = [f(place * angle) for place in (row, column) for f in (math.sin, math.cos)]
                assert found[row * columns + column, number::3].tolist() == pytest.approx(wanted, abs=1e-6)
    kept = vit(positions="sincos").trunk.encoder.pos_embedding
    torch.testing.assert_close(kept[0, 1:].data, sincos(4, 4, 16))
    assert not kept[0, 0].any() and not kept.requires_grad and vit().trunk.encoder.pos_embedding.requires_grad


def test_frozen_patches_get_no_gradient_and_stay():
    for frozen in (True, False):
        encoder = vit(frozen_patches=frozen)
        encoder(torch.rand(2, 3, 28, 28)).square().sum().backward()
        gradients = {name: value.grad for name, value in encoder.trunk.named_parameters()}
        assert (gradients["conv_proj.weight"] is None) == (gradients["conv_proj.bias"] is None) == frozen
        assert all(value is not None for name, value in gradients.items() if not name.startswith("conv_proj"))


def test_initial_weights_are_those_of_moco_v3():
    trunk = vit(width=64, heads=4).trunk
    attention = trunk.encoder.layers[0].self_attention
    bounds = {"in_proj": math.sqrt(6 / 128), "out_proj": math.sqrt(6 / 128), "conv": math.sqrt(6 / (147 + 64))}
    for name, weight in (
        ("in_proj", attention.in_proj_weight),
        ("out_proj", attention.out_proj.weight),
        ("conv", trunk.conv_proj.weight),
    ):
        assert 0.95 * bounds[name] < weight.abs().max() <= bounds[name]
    assert not trunk.encoder.layers[0].mlp[0].bias.any() and trunk.class_token.abs().max() < 1e-4


@pytest.mark.parametrize("positions", ["learned", "sincos"])
def test_pictures_of_other_sizes_and_shapes_are_taken_and_their_positions_learn(positions):
    encoder = vit(positions=positions)
    for height, width in ((14, 14), (35, 35), (14, 42)):
        found = encoder(torch.rand(2, 3, height, width))
        assert found.shape == (2, 16) and found.isfinite().all()
    found.sum().backward()
    assert (encoder.trunk.encoder.pos_embedding.grad is None) == (positions == "sincos")


def test_positions_of_other_sizes_lie_where_the_patches_do():
    trunk = vit().trunk
    grid = torch.arange(4.0)[:, None, None].expand(4, 4, 16).flatten(0, 1)  # of rows alone
    trunk.encoder.pos_embedding.data[0, 1:] = grid
    found = trunk.positions(2, 3)[0, 1:].unflatten(0, (2, 3))
    assert torch.allclose(found, found[:, :1]) and found[0, 0, 0] < 1 < 2 < found[1, 0, 0]
    assert trunk.positions(2, 3)[0, 0].equal(trunk.encoder.pos_embedding[0, 0])
    assert trunk.positions(4, 4) is trunk.encoder.pos_embedding
    fixed = vit(positions="sincos").trunk.positions(2, 6)
    torch.testing.assert_close(fixed[0, 1:], sincos(2, 6, 16))


def test_blocks_are_maps_of_patches_that_look_at_their_middles():
    encoder = vit()
    seen = []
    encoder.trunk.encoder.layers[1].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        found = encoder.maps(torch.rand(2, 3, 14, 28), "block2")
    assert found.values.shape == (2, 16, 2, 4) and found.stride == (7.0, 7.0) and found.offset == (3.0, 3.0)
    torch.testing.assert_close(found.values[:, :, 1, 2], seen[0][:, 1 + 1 * 4 + 2])
    taps = encoder.taps(torch.rand(2, 3, 28, 28), encoder.layers)
    assert list(taps) == ["block1", "block2"] and all(tap.shape == (2, 16, 4, 4) for tap in taps.values())


def test_it_is_built_again_from_its_settings():
    settings = describe(vit(positions="sincos", frozen_patches=True))
    again = rebuild(settings, "avssl.nets.Encoder")
    assert settings["positions"] == "sincos" and not again.trunk.conv_proj.weight.requires_grad


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": 30}, "a size that is a multiple of patch"),
        ({"heads": 3}, "width that is one of heads"),
        ({"depth": 0}, "at least 1"),
        ({"positions": "sincos", "width": 18}, "multiple of 4; got 'sincos' and width=18"),
        ({"positions": "none"}, "got 'none'"),
    ],
)
def test_sizes_that_cannot_be_are_refused_in_one_line(settings, said):
    with pytest.raises(ValueError, match=said):
        vit(**settings)


def test_pictures_that_do_not_divide_into_patches_are_refused_in_one_line():
    with pytest.raises(ValueError, match="multiples of its patch of 7 px; got 28 x 30 px"):
        vit()(torch.rand(1, 3, 28, 30))
