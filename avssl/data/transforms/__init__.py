"""Batched transforms of frames, on the batch's device, with chance keyed by the sample."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.data.transforms.base import Scope, Transform
    from avssl.data.transforms.color import GainOffset, Grey
    from avssl.data.transforms.cues import Aberration, Light, Lines, Texture, Vignette
    from avssl.data.transforms.draws import Draws
    from avssl.data.transforms.geometry import Crop, Flip, Resize

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "Aberration": "avssl.data.transforms.cues",
    "Crop": "avssl.data.transforms.geometry",
    "Draws": "avssl.data.transforms.draws",
    "Flip": "avssl.data.transforms.geometry",
    "GainOffset": "avssl.data.transforms.color",
    "Grey": "avssl.data.transforms.color",
    "Light": "avssl.data.transforms.cues",
    "Lines": "avssl.data.transforms.cues",
    "Resize": "avssl.data.transforms.geometry",
    "Scope": "avssl.data.transforms.base",
    "Texture": "avssl.data.transforms.cues",
    "Transform": "avssl.data.transforms.base",
    "Vignette": "avssl.data.transforms.cues",
}

__all__ = [
    "Aberration",
    "Crop",
    "Draws",
    "Flip",
    "GainOffset",
    "Grey",
    "Light",
    "Lines",
    "Resize",
    "Scope",
    "Texture",
    "Transform",
    "Vignette",
]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.data.transforms' has no attribute {name!r}")
