"""WHEN to look: pure functions of a recording's metadata and a generator. NumPy only.

``avssl.sampling.presets`` holds the samplers of other libraries, frame for frame.
"""

from avssl.sampling import presets
from avssl.sampling.base import Clips, Sampler, Timeline, rng_for
from avssl.sampling.clips import RandomClip, UniformClips
from avssl.sampling.ordered import OrderedFrames
from avssl.sampling.pairs import PairOfClips
from avssl.sampling.rows import OrderedClips
from avssl.sampling.segments import DenseClips, Segments
from avssl.sampling.sound import MisalignedSound, WithSound
from avssl.sampling.stride import Stride, fps, frames, seconds
from avssl.sampling.whole import Consecutive, SlidingClips
from avssl.sampling.wrappers import MotionWeighted, Views

__all__ = [
    "Clips",
    "Consecutive",
    "DenseClips",
    "MisalignedSound",
    "MotionWeighted",
    "OrderedClips",
    "OrderedFrames",
    "PairOfClips",
    "RandomClip",
    "Sampler",
    "Segments",
    "SlidingClips",
    "Stride",
    "Timeline",
    "UniformClips",
    "Views",
    "WithSound",
    "fps",
    "frames",
    "presets",
    "rng_for",
    "seconds",
]
