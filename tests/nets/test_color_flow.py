"""Maps of colours: their inverse and volume; encoders of two halves of colours, to every use of an encoder."""

import math

import pytest
import torch
from torch import nn

from avssl import load_encoder
from avssl.config import describe
from avssl.nets import ColorFlow, ColorSpace, SmallClips, SmallNet, SplitColors
from avssl.nets.clips import encode_clips, encode_maps
from avssl.training.export import write_export

LAYERS = ("conv1", "conv2", "conv3", "fc")


def drawn(**settings):
    """Return a flow that is far from the identity."""
    torch.manual_seed(0)
    flow = ColorFlow(**{"couplings": 3, "width": 8} | settings)
    for parameter in flow.parameters():
        nn.init.normal_(parameter, std=0.7)
    return flow


def encoder(flow=None, dim=8):
    torch.manual_seed(0)
    return SplitColors(SmallNet(dim=dim, width=2), SmallNet(dim=4, width=2), flow).eval()


@pytest.mark.parametrize("affine", [False, True])
def test_a_flow_has_an_inverse_and_begins_as_the_identity(affine):
    colors = torch.rand(2, 5, 3, 4, 6)
    assert ColorFlow(affine=affine)(colors).equal(colors)
    flow = drawn(affine=affine)
    mapped = flow(colors)
    assert (mapped - colors).abs().mean((0, 1, 3, 4)).min() > 0.1  # all three channels
    torch.testing.assert_close(flow.inverse(mapped), colors, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("affine", [False, True])
def test_the_log_determinant_is_that_of_the_jacobian_and_0_for_additive_couplings(affine):
    flow, colors = drawn(affine=affine), torch.rand(3, 3, 2, 1)
    found = flow.log_determinant(colors)
    assert found.shape == (3, 2, 1)
    pixel = colors[1, :, 1, 0]
    jacobian = torch.autograd.functional.jacobian(lambda each: flow(each[:, None, None])[:, 0, 0], pixel)
    assert found[1, 1, 0].item() == pytest.approx(math.log(torch.linalg.det(jacobian).item()), abs=1e-4)
    assert found.any() == affine


def test_a_flow_maps_each_pixel_by_itself():
    flow, colors = drawn(affine=True), torch.rand(2, 3, 4, 4)
    other = colors.clone()
    other[:, :, 1, 2] = 0
    changed = (flow(other) != flow(colors)).any(1)
    assert changed[:, 1, 2].all() and changed.sum() == 2
    torch.testing.assert_close(flow(colors.flip(-1)), flow(colors).flip(-1))


def test_an_encoder_sees_its_own_channels_and_nothing_of_the_others():
    made, pictures = encoder(), torch.rand(2, 3, 16, 16)
    shown = {}
    for side in ("first", "second"):
        hook = lambda _module, inputs, side=side: shown.update({side: inputs[0]})  # noqa: E731
        made.side(side).trunk.register_forward_pre_hook(hook)
    features = made(pictures)
    assert not shown["first"][:, 1:].any() and not shown["second"][:, :1].any()
    torch.testing.assert_close(shown["first"][:, :1], made.side("first").normalized(pictures)[:, :1])
    torch.testing.assert_close(shown["second"][:, 1:], made.side("second").normalized(pictures)[:, 1:])
    red = pictures.clone()
    red[:, 0] = 0.5
    assert features.shape == (2, 12) == (2, made.dim)
    assert made(red)[:, 8:].equal(features[:, 8:]) and not made(red)[:, :8].equal(features[:, :8])


def test_a_map_before_the_halves_is_the_encoder_of_mapped_pictures():
    flow, pictures = drawn(), torch.rand(2, 3, 16, 16)
    plain, mapped = encoder(), encoder(flow)
    torch.testing.assert_close(mapped(pictures), plain(flow(pictures)))
    for layer in ("conv2", "fc"):
        torch.testing.assert_close(mapped.taps(pictures, [layer])[layer], plain.taps(flow(pictures), [layer])[layer])


def test_layers_stand_side_by_side_and_maps_say_where_their_cells_look():
    made, pictures = encoder(drawn()), torch.rand(2, 3, 32, 32)
    assert made.layers == LAYERS
    shown = made.taps(pictures, ["conv2", "fc"])
    halves = made.halves(made.flow(pictures))
    for layer, values in shown.items():
        each = [
            made.side(side).taps(half, [layer])[layer] for side, half in zip(("first", "second"), halves, strict=True)
        ]
        assert values.equal(torch.cat(each, 1))
    found, inner = made.maps(pictures, "conv2"), made.side("first").maps(pictures, "conv2")
    assert found.values.equal(shown["conv2"]) and (found.stride, found.offset) == (inner.stride, inner.offset)
    features, (values,) = encode_maps(made, pictures[:, None], ["conv2"])
    assert features.equal(made(pictures)) and values.equal(shown["conv2"])
    assert made.taps(pictures, ["conv1"], whole=False)["conv1"].shape == (2, 4, 16, 16)


def test_an_export_is_loaded_with_map_and_both_encoders(tmp_path):
    made, pictures = encoder(drawn(affine=True)), torch.rand(2, 3, 16, 16)
    path = write_export(tmp_path / "encoder.safetensors", describe(made), made.trunk.state_dict(), {})
    found = load_encoder(path)
    assert isinstance(found, SplitColors) and found(pictures).equal(made(pictures))


def test_encoders_of_clips_take_halves_as_well():
    made = SplitColors(SmallClips(widths=(4, 4, 8, 8)), SmallClips(widths=(4, 4, 8, 8)), drawn()).eval()
    clips = torch.rand(2, 4, 3, 24, 24)
    assert made.takes == "clips" and made(clips).shape == (2, 16) and encode_clips(made, clips).equal(made(clips))
    assert made.taps(clips, ["conv2"])["conv2"].shape[:2] == (2, 8)


def test_what_cannot_be_is_refused_in_one_line():
    one = SmallNet(dim=8, width=2)
    with pytest.raises(ValueError, match="two encoders, both of pictures or both of clips; got the same one twice"):
        SplitColors(one, one)
    with pytest.raises(ValueError, match="got pictures and clips"):
        SplitColors(one, SmallClips(widths=(4, 4, 8, 8)))
    with pytest.raises(ValueError, match="couplings and width of at least 1; got 0 and 16"):
        ColorFlow(couplings=0)
    with pytest.raises(ValueError, match="SplitColors has no layer 'conv9'; it has conv1, conv2, conv3, fc"):
        encoder().taps(torch.rand(1, 3, 16, 16), ["conv9"])
    with pytest.raises(ValueError, match="takes pictures"):
        encoder()(torch.rand(1, 2, 3, 16, 16))


@pytest.mark.parametrize("space", ["lab", "ydbdr"])
def test_a_colour_space_parts_light_from_colour(space):
    shown = torch.rand(2, 5, 3, 4, 6)
    grey = shown[..., :1, :, :].expand(-1, -1, 3, -1, -1)
    light, *others = ColorSpace(space)(grey).unbind(-3)
    assert light.min() >= 0 and light.max() <= 1 and light.flatten().argsort().equal(grey[:, :, 0].flatten().argsort())
    for each in others:
        torch.testing.assert_close(each, torch.full_like(each, 0.5), atol=2e-3, rtol=0)
    assert all(channel.std() > 0.02 for channel in ColorSpace(space)(shown).unbind(-3))


def test_colours_have_their_known_places_in_a_space():
    red = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1)
    torch.testing.assert_close(
        ColorSpace("ydbdr")(red).flatten(), torch.tensor([0.299, 0.3312, 0.0]), atol=1e-3, rtol=0
    )
    lab = torch.tensor([0.5324, 80.09 / 200 + 0.5, 67.20 / 200 + 0.5])
    torch.testing.assert_close(ColorSpace("lab")(red).flatten(), lab, atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match="space must be 'lab' or 'ydbdr'; got 'hsv'"):
        ColorSpace("hsv")


def test_an_encoder_behind_a_colour_space_is_built_again_from_its_file(tmp_path):
    made = encoder(ColorSpace("lab"))
    write_export(tmp_path / "encoder.safetensors", describe(made), made.trunk.state_dict(), {})
    shown = torch.rand(2, 3, 24, 24)
    torch.testing.assert_close(load_encoder(tmp_path / "encoder.safetensors")(shown), made(shown))
