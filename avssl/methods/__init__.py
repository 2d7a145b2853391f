"""Ways to learn without labels, one file each."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.methods.base import Method
    from avssl.methods.order.shuffle_and_learn import ShuffleAndLearn
    from avssl.methods.pretext.colorization import Colorization
    from avssl.methods.pretext.context_encoder import ContextEncoder
    from avssl.methods.pretext.hypercolumns import HypercolumnColorization
    from avssl.methods.pretext.jigsaw import Jigsaw
    from avssl.methods.pretext.jigsaw_plus_plus import JigsawPlusPlus
    from avssl.methods.pretext.relative_position import RelativePosition
    from avssl.methods.pretext.rotation import Rotation
    from avssl.methods.pretext.rotation_decoupling import RotationDecoupling
    from avssl.methods.several import SeveralTasks
    from avssl.methods.sound.ave import AVE
    from avssl.methods.sound.avol import AVOL
    from avssl.methods.sound.avts import AVTS
    from avssl.methods.sound.cma import CMA
    from avssl.methods.sound.l3 import L3
    from avssl.methods.sound.nce import CrossModalNCE
    from avssl.methods.sound.selavi import SeLaVi
    from avssl.methods.sound.xdc import XDC

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "AVE": "avssl.methods.sound.ave",
    "AVOL": "avssl.methods.sound.avol",
    "AVTS": "avssl.methods.sound.avts",
    "CMA": "avssl.methods.sound.cma",
    "Colorization": "avssl.methods.pretext.colorization",
    "ContextEncoder": "avssl.methods.pretext.context_encoder",
    "CrossModalNCE": "avssl.methods.sound.nce",
    "HypercolumnColorization": "avssl.methods.pretext.hypercolumns",
    "Jigsaw": "avssl.methods.pretext.jigsaw",
    "JigsawPlusPlus": "avssl.methods.pretext.jigsaw_plus_plus",
    "L3": "avssl.methods.sound.l3",
    "Method": "avssl.methods.base",
    "RelativePosition": "avssl.methods.pretext.relative_position",
    "Rotation": "avssl.methods.pretext.rotation",
    "RotationDecoupling": "avssl.methods.pretext.rotation_decoupling",
    "SeLaVi": "avssl.methods.sound.selavi",
    "SeveralTasks": "avssl.methods.several",
    "ShuffleAndLearn": "avssl.methods.order.shuffle_and_learn",
    "XDC": "avssl.methods.sound.xdc",
}

__all__ = [
    "AVE",
    "AVOL",
    "AVTS",
    "CMA",
    "L3",
    "XDC",
    "Colorization",
    "ContextEncoder",
    "CrossModalNCE",
    "HypercolumnColorization",
    "Jigsaw",
    "JigsawPlusPlus",
    "Method",
    "RelativePosition",
    "Rotation",
    "RotationDecoupling",
    "SeLaVi",
    "SeveralTasks",
    "ShuffleAndLearn",
]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.methods' has no attribute {name!r}")
