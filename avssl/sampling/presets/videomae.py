"""VideoMAE's clip for pre-training.

Tong et al., "VideoMAE", NeurIPS 2022, https://arxiv.org/abs/2203.12602; https://github.com/MCG-NJU/VideoMAE
"""

from dataclasses import dataclass

import numpy as np

from avssl.sampling.base import Clips, Sampler, Timeline, needs_rng
from avssl.sampling.checks import check_count
from avssl.sampling.grid import time_of


@dataclass(frozen=True, kw_only=True)
class VideoMAEPretrain(Sampler):
    """One clip at random, its span counted as ``frames * stride``, so that the last starts are never drawn, as there.

    A recording shorter than that starts at 0; once a step would reach the last frame or pass it, the frame repeats.

    Args:
        frames: ``num_frames``.
        stride: ``sampling_rate``.
    """

    frames: int = 16
    stride: int = 4

    def __post_init__(self):
        check_count(self, "frames")
        check_count(self, "stride")

    def __call__(self, timeline: Timeline, rng: np.random.Generator | None = None) -> Clips:
        rng = needs_rng(rng, self)
        legal = len(timeline) - self.frames * self.stride + 1
        start = int(rng.integers(legal)) if legal > 0 else 0
        positions = start + np.arange(self.frames) * self.stride
        # The loader steps only to frames before the last one: 1-based ``offset + step < duration``.
        reached = (positions < len(timeline) - 1) | (np.arange(self.frames) == 0)
        index = np.where(reached, positions, positions[reached][-1])
        return Clips(index=index[None], times=time_of(timeline, positions)[None], valid=reached[None])
