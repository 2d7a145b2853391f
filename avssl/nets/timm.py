"""Timm's models of pictures as encoders: weights carry timm's own keys.

Wightman, "PyTorch Image Models", 2019, https://github.com/huggingface/pytorch-image-models; an extra
(extra ``timm``).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from avssl.config.build import weights_follow
from avssl.config.errors import suggest
from avssl.installed import extra
from avssl.nets.encoders import Encoder
from avssl.nets.feature_maps import Grid, grid_of, mark
from avssl.nets.wrapped import passed

SMALL = 96  # px: side of the picture that shows how long vectors are, where a model takes any


class TimmEncoder(Encoder):
    """A model of timm without its classifier, with the mean and the deviation of colours that it was made for.

    Layers are those that timm names for features; where it names none, the model's children. Tokens of patches are
    shown as maps, class tokens left out; a cell of these looks at the middle of its patch.

    Args:
        model: its name in timm, such as ``"resnet18"`` or ``"vit_small_patch16_224"``.
        pretrained: fetch timm's weights. Where the encoder is built again for weights of a run, or for a random row,
            nothing is fetched.
        settings: further arguments of ``timm.create_model``, such as ``{"img_size": 64}``.

    Raises:
        ValueError: without timm, or if it has no such model.

    Examples:
        >>> TimmEncoder("resnet18").layers
        ('act1', 'layer1', 'layer2', 'layer3', 'layer4')
    """

    def __init__(self, model: str, pretrained: bool = False, settings: Mapping[str, Any] | None = None):
        try:
            import timm
        except ImportError as error:
            raise ValueError(f"TimmEncoder needs timm: {extra('timm')}") from error
        if not timm.is_model(model.partition(".")[0]):
            raise ValueError(f"model: timm has no {model!r}{suggest(model, timm.list_models())}")
        fetch = pretrained and not weights_follow()
        options: dict[str, Any] = {"num_classes": 0} | dict(settings or {})
        try:
            trunk = timm.create_model(model, pretrained=fetch, **options)
        except (TypeError, ValueError, RuntimeError, OSError) as error:
            raise ValueError(f"timm cannot make {model!r} ({str(error).splitlines()[0]})") from error
        about: Any = trunk.default_cfg
        features: Any = getattr(trunk, "feature_info", None)
        infos = [dict(info) for info in features or ()]
        places = [str(info["module"]) for info in infos if info.get("module")]
        vectors, children = passed(trunk, torch.zeros(1, 3, *size_of(trunk)))
        known = dict(trunk.named_modules())
        places = [place for place in places if place in known] or children
        super().__init__(trunk, vectors.shape[1], {place: place for place in places}, about["mean"], about["std"])
        self._strides = {str(info["module"]): int(info["reduction"]) for info in infos if info.get("module")}
        self._name = model

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of pictures.

        Raises:
            ValueError: if the model does not take pictures of this size.
        """
        try:
            return super().forward(images)
        except AssertionError as error:  # how timm refuses
            raise ValueError(f"{self._name}: {error}; give settings={{'img_size': ...}}, or other pictures") from error

    def tapped(self, layer: str, output: Tensor, images: Tensor) -> Tensor:
        """Return what a layer gave as a map, tokens at the places of their patches."""
        stride = self._strides.get(layer)
        if stride is None or not isinstance(output, Tensor):
            return super().tapped(layer, output, images)
        rows, columns = (-(-side // stride) for side in images.shape[-2:])
        last = output.ndim == 4 and getattr(self.trunk, "output_fmt", "NCHW") == "NHWC"
        if output.ndim == 3 and output.shape[1] >= rows * columns:
            tokens = output[:, output.shape[1] - rows * columns :]  # those of no patch come first
            shown = tokens.transpose(1, 2).unflatten(2, (rows, columns))
        elif last:
            shown = output.permute(0, 3, 1, 2)
        else:
            return super().tapped(layer, output, images).clone()
        if grid_of(output) is not None:  # asked where the cells look
            mark(shown, Grid((float(stride),) * 2, ((stride - 1) / 2,) * 2))
        return shown.clone()


def size_of(trunk: nn.Module) -> tuple[int, int]:
    """Return the height and width of a picture that a model of timm takes, the smaller the better."""
    size = getattr(getattr(trunk, "patch_embed", None), "img_size", None)
    about: Mapping[str, Any] = trunk.default_cfg  # pyright: ignore[reportAssignmentType]
    if size is None:
        size = about["input_size"][1:] if about.get("fixed_input_size") else (SMALL, SMALL)
    return int(size[0]), int(size[1])
