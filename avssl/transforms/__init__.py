"""Batched transforms of frames, on the batch's device, with chance keyed by the sample."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.transforms.base import Scope, Transform
    from avssl.transforms.color import GainOffset, Grey
    from avssl.transforms.cues import Aberration, Light, Lines, Texture, Vignette
    from avssl.transforms.draws import Draws
    from avssl.transforms.geometry import Crop, Flip, Resize

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "Aberration": "avssl.transforms.cues",
    "Crop": "avssl.transforms.geometry",
    "Draws": "avssl.transforms.draws",
    "Flip": "avssl.transforms.geometry",
    "GainOffset": "avssl.transforms.color",
    "Grey": "avssl.transforms.color",
    "Light": "avssl.transforms.cues",
    "Lines": "avssl.transforms.cues",
    "Resize": "avssl.transforms.geometry",
    "Scope": "avssl.transforms.base",
    "Texture": "avssl.transforms.cues",
    "Transform": "avssl.transforms.base",
    "Vignette": "avssl.transforms.cues",
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
    raise AttributeError(f"module 'avssl.transforms' has no attribute {name!r}")
