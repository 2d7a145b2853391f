"""The samplers of other libraries, frame for frame, so that their numbers can be repeated.

The ones without chance give the same indices as the library. The random ones draw from the same set of places with the
same chances, but from our generator, so a seed of theirs does not carry over. Two things differ everywhere: what the
library does in silence (clamping, wrapping) is marked in ``Clips.valid``, and clips come as rows, ``(clips, frames)``.
"""

from avssl.sampling.presets.mmaction import (
    MMActionDenseTest,
    MMActionDenseTrain,
    MMActionTest,
    MMActionTrain,
    MMActionUniformTest,
    MMActionUniformTrain,
)
from avssl.sampling.presets.pytorchvideo import PyTorchVideoConstant, PyTorchVideoRandom, PyTorchVideoUniform
from avssl.sampling.presets.slowfast import SlowFastTest, SlowFastTrain
from avssl.sampling.presets.torchcodec import TorchCodecRandom, TorchCodecRegular
from avssl.sampling.presets.tsn import TSNTest, TSNTrain, TSNValidation
from avssl.sampling.presets.videomae import VideoMAEPretrain

__all__ = [
    "MMActionDenseTest",
    "MMActionDenseTrain",
    "MMActionTest",
    "MMActionTrain",
    "MMActionUniformTest",
    "MMActionUniformTrain",
    "PyTorchVideoConstant",
    "PyTorchVideoRandom",
    "PyTorchVideoUniform",
    "SlowFastTest",
    "SlowFastTrain",
    "TSNTest",
    "TSNTrain",
    "TSNValidation",
    "TorchCodecRandom",
    "TorchCodecRegular",
    "VideoMAEPretrain",
]
