"""Batched transforms of frames, on the batch's device, with chance keyed by the sample."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.data.transforms.base import Scope, Transform
    from avssl.data.transforms.blur import GaussianBlur
    from avssl.data.transforms.color import GainOffset, Grey, Solarize
    from avssl.data.transforms.crops import RandomResizedCrop
    from avssl.data.transforms.cues import Aberration, Light, Lines, Texture, Vignette
    from avssl.data.transforms.draws import Draws
    from avssl.data.transforms.geometry import Crop, Flip, Resize
    from avssl.data.transforms.jitter import ColorJitter
    from avssl.data.transforms.multiview import MultiView, View
    from avssl.data.transforms.rand_augment import RandAugment

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "Aberration": "avssl.data.transforms.cues",
    "ColorJitter": "avssl.data.transforms.jitter",
    "Crop": "avssl.data.transforms.geometry",
    "Draws": "avssl.data.transforms.draws",
    "Flip": "avssl.data.transforms.geometry",
    "GainOffset": "avssl.data.transforms.color",
    "GaussianBlur": "avssl.data.transforms.blur",
    "Grey": "avssl.data.transforms.color",
    "Light": "avssl.data.transforms.cues",
    "Lines": "avssl.data.transforms.cues",
    "MultiView": "avssl.data.transforms.multiview",
    "RandAugment": "avssl.data.transforms.rand_augment",
    "RandomResizedCrop": "avssl.data.transforms.crops",
    "Resize": "avssl.data.transforms.geometry",
    "Scope": "avssl.data.transforms.base",
    "Solarize": "avssl.data.transforms.color",
    "Texture": "avssl.data.transforms.cues",
    "Transform": "avssl.data.transforms.base",
    "View": "avssl.data.transforms.multiview",
    "Vignette": "avssl.data.transforms.cues",
}

__all__ = [
    "Aberration",
    "ColorJitter",
    "Crop",
    "Draws",
    "Flip",
    "GainOffset",
    "GaussianBlur",
    "Grey",
    "Light",
    "Lines",
    "MultiView",
    "RandAugment",
    "RandomResizedCrop",
    "Resize",
    "Scope",
    "Solarize",
    "Texture",
    "Transform",
    "View",
    "Vignette",
]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.data.transforms' has no attribute {name!r}")
