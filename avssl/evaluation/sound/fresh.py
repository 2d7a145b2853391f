"""Methods with initial weights, as rows to compare with."""

import torch
from torch import Tensor

from avssl.evaluation.baselines import calibrated
from avssl.features.runs import FreshMethod
from avssl.methods import Method
from avssl.methods.sound.base import JointEmbedder, PairScorer
from avssl.methods.sound.pairs import view_clips


def untrained(
    fresh: FreshMethod, seed: int, frames: Tensor, sound: Tensor, device: str = "cpu", count: int = 512
) -> Method:
    """Return a method with initial weights, its batch statistics those of data, in evaluation mode.

    Args:
        fresh: makes methods with initial weights.
        seed: of the weights.
        frames: uint8 ``(N, frames, 3, H, W)``.
        sound: windows, ``(N, channels, samples)``.
        device: where the method runs.
        count: rows to take the statistics of, spread evenly.
    """
    method = fresh(seed)
    assert isinstance(method, PairScorer | JointEmbedder)

    def run(frames: Tensor, windows: Tensor) -> None:
        key = torch.zeros(len(frames), 1, dtype=torch.int64, device=device)
        pictures = view_clips(frames.float() / 255, key, method.views)
        if isinstance(method, PairScorer):
            method.score_pairs(pictures, windows)
        else:
            method.embed_pictures(pictures)
            method.embed_sounds(windows)

    rows = torch.linspace(0, len(frames) - 1, min(count, len(frames))).long()
    return calibrated(method, frames[rows], sound[rows], run=run, device=device, batch=None)
