"""What to learn from: datasets, and the order their items are drawn in."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.data.base import DataError, Dataset
    from avssl.data.batches import collate
    from avssl.data.endless import Endless
    from avssl.data.idx import IdxPictures
    from avssl.data.noise import Noise
    from avssl.data.persons import Persons
    from avssl.data.pictures import Pictures
    from avssl.data.recordings import Recording, find_recordings
    from avssl.data.scenes import Scenes
    from avssl.data.sounds import Sounds
    from avssl.data.stills import Stills
    from avssl.data.videos import Videos

WHERE = {  # public name -> the module that holds it, imported when the name is first used
    "DataError": "avssl.data.base",
    "Dataset": "avssl.data.base",
    "Endless": "avssl.data.endless",
    "IdxPictures": "avssl.data.idx",
    "Noise": "avssl.data.noise",
    "Persons": "avssl.data.persons",
    "Pictures": "avssl.data.pictures",
    "Recording": "avssl.data.recordings",
    "Scenes": "avssl.data.scenes",
    "Sounds": "avssl.data.sounds",
    "Stills": "avssl.data.stills",
    "Videos": "avssl.data.videos",
    "collate": "avssl.data.batches",
    "find_recordings": "avssl.data.recordings",
}

__all__ = [
    "DataError",
    "Dataset",
    "Endless",
    "IdxPictures",
    "Noise",
    "Persons",
    "Pictures",
    "Recording",
    "Scenes",
    "Sounds",
    "Stills",
    "Videos",
    "collate",
    "find_recordings",
]


def __getattr__(name: str):
    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    raise AttributeError(f"module 'avssl.data' has no attribute {name!r}")
