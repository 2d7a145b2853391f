"""Batched transforms of frames, on the batch's device, with chance keyed by the sample."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.data.transforms.base import Scope, Transform
    from avssl.data.transforms.color import GainOffset, Grey
    from avssl.data.transforms.draws import Draws
    from avssl.data.transforms.geometry import Crop, Flip, Resize

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "Crop": "avssl.data.transforms.geometry",
    "Draws": "avssl.data.transforms.draws",
    "Flip": "avssl.data.transforms.geometry",
    "GainOffset": "avssl.data.transforms.color",
    "Grey": "avssl.data.transforms.color",
    "Resize": "avssl.data.transforms.geometry",
    "Scope": "avssl.data.transforms.base",
    "Transform": "avssl.data.transforms.base",
}

__all__ = ["Crop", "Draws", "Flip", "GainOffset", "Grey", "Resize", "Scope", "Transform"]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.data.transforms' has no attribute {name!r}")
