"""Methods with initial weights, as rows to compare with."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.methods import Method
from avssl.methods.sound.base import JointEmbedder, PairScorer
from avssl.methods.sound.pairs import view_clips


@torch.no_grad()
def calibrated(method: Method, frames: Tensor, sound: Tensor, device: str = "cpu", most: int = 512) -> Method:
    """Set the statistics of batch normalisation to those of the data, and return the method in evaluation mode.

    Without this a random network is judged with statistics that fit no data, and looks worse than it is.

    Args:
        method: changed in place.
        frames: uint8 ``(N, frames, 3, H, W)``.
        sound: windows, ``(N, channels, samples)``.
        device: where the method runs.
        most: rows to take the statistics of, spread evenly.
    """
    assert isinstance(method, PairScorer | JointEmbedder)
    method.to(device)
    forget(method)
    rows = torch.linspace(0, len(frames) - 1, min(most, len(frames))).long()
    key = torch.zeros(len(rows), 1, dtype=torch.int64, device=device)
    pictures = view_clips(frames[rows].to(device).float() / 255, key, method.views)
    windows = sound[rows].to(device)
    if isinstance(method, PairScorer):
        method.score_pairs(pictures, windows)
    else:
        method.embed_pictures(pictures)
        method.embed_sounds(windows)
    return method.eval()


def forget(module: nn.Module) -> None:
    """Let batch normalisation take new statistics, a plain mean over the passes to come; set training mode."""
    module.train()
    for norm in module.modules():
        if isinstance(norm, _BatchNorm) and norm.track_running_stats:
            norm.reset_running_stats()
            norm.momentum = None
