"""Timm's models as encoders: their own keys, their layers as maps, and no weights fetched for what is built again."""

import builtins

import pytest
import torch

from avssl import config
from avssl.features.runs import fresh_like

timm = pytest.importorskip("timm")

from avssl.nets import TimmEncoder  # noqa: E402

VIT = "vit_tiny_patch16_224", {"img_size": 32, "patch_size": 8, "depth": 2, "embed_dim": 24, "num_heads": 2}
SWIN = "swin_tiny_patch4_window7_224", {
    "img_size": 64, "window_size": 4, "embed_dim": 8, "depths": (1, 1), "num_heads": (1, 1),
}  # fmt: skip


def made(name, settings=None):
    torch.manual_seed(0)
    return TimmEncoder(name, settings=settings).eval()


@pytest.mark.parametrize(("name", "settings"), [("resnet18", None), ("convnext_atto", None), VIT, SWIN])
def test_vectors_and_layers_are_timms_own(name, settings):
    encoder = made(name, settings)
    side = 32 if settings is VIT[1] else 64
    images = torch.rand(2, 3, side, side)
    with torch.inference_mode():
        vectors, taps = encoder(images), encoder.taps(images, encoder.layers)
        expected = encoder.trunk.forward_intermediates(
            encoder.normalized(images), indices=len(encoder.layers), intermediates_only=True
        )
        torch.testing.assert_close(vectors, encoder.trunk(encoder.normalized(images)))
    assert vectors.shape == (2, encoder.dim)
    for (layer, found), wanted in zip(taps.items(), expected, strict=True):
        assert found.shape == wanted.shape, layer
        torch.testing.assert_close(found, wanted)


def test_weights_keep_timms_keys_and_pictures_its_colours():
    encoder, model = made("convnext_atto"), timm.create_model("convnext_atto", num_classes=0)
    assert encoder.trunk.state_dict().keys() == model.state_dict().keys()
    assert encoder.mean.flatten().tolist() == pytest.approx(list(model.default_cfg["mean"]))


def test_tokens_look_at_the_middle_of_their_patches():
    with torch.inference_mode():
        found = made(*VIT).maps(torch.rand(1, 3, 32, 32), "blocks.1")
        assert found.values.shape == (1, 24, 4, 4) and found.stride == (8.0, 8.0) and found.offset == (3.5, 3.5)
        found = made(*SWIN).maps(torch.rand(1, 3, 64, 64), "layers.1")
        assert found.values.shape == (1, 16, 8, 8) and found.stride == (8.0, 8.0) and found.offset == (3.5, 3.5)
        found = made("resnet18").maps(torch.rand(1, 3, 64, 64), "layer2")
        assert found.stride == (8.0, 8.0) and found.offset == (0.0, 0.0)


def test_it_is_built_again_from_its_settings_and_fetches_nothing_then(monkeypatch):
    asked = []

    def created(name, pretrained, **settings):
        asked.append(pretrained)
        return timm_create(name, pretrained=False, **settings)

    timm_create = timm.create_model
    monkeypatch.setattr(timm, "create_model", created)
    encoder = TimmEncoder(VIT[0], pretrained=True, settings=VIT[1])
    settings = config.describe(encoder)
    assert settings == {"name": "TimmEncoder", "model": VIT[0], "pretrained": True, "settings": VIT[1]}
    again = config.rebuild(settings, "avssl.nets.Encoder")
    assert again.trunk.state_dict().keys() == encoder.trunk.state_dict().keys()
    fresh_like(encoder)(0)
    config.make(settings, "avssl.nets.Encoder")
    assert asked == [True, False, False, True]


def test_an_unknown_model_and_wrong_sizes_and_settings_are_said_in_one_line():
    with pytest.raises(ValueError, match=r"model: timm has no 'resnet81' \(did you mean 'resnet18'\?\)"):
        TimmEncoder("resnet81")
    with pytest.raises(ValueError, match=r"vit_tiny_patch16_224: Input height \(40\).*; give settings="):
        made(*VIT)(torch.rand(1, 3, 40, 40))
    with pytest.raises(ValueError, match=r"timm cannot make 'resnet18' \(.*colour.*\)"):
        TimmEncoder("resnet18", settings={"colour": 3})


def test_without_timm_one_line_says_how_to_get_it(monkeypatch):
    imported = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "timm":
            raise ImportError("no timm")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ValueError, match=r'^TimmEncoder needs timm: python.* -m pip install -e "\.\[timm\]"$'):
        TimmEncoder("resnet18")
