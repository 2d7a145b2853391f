"""Methods with initial weights, as rows to compare with."""

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.evaluation.sound.clips import Heard
from avssl.methods import Method
from avssl.methods.base import Batch


@torch.no_grad()
def calibrated(method: Method, heard: Heard, device: str = "cpu", most: int = 512) -> Method:
    """Set the statistics of batch normalisation to those of the data, and return the method in evaluation mode.

    Without this a random network is judged with statistics that fit no data, and looks worse than it is.

    Args:
        method: changed in place.
        heard: the data.
        device: where the method runs.
        most: rows to take the statistics of.
    """
    method.to(device)
    norms = [module for module in method.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    method.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the passes
    method(as_batch(heard.rows(torch.linspace(0, len(heard) - 1, min(most, len(heard))).long()), device))
    return method.eval()


def as_batch(heard: Heard, device: str) -> Batch:
    """Return rows as a batch of as many recordings of one clip."""
    return {
        "frames": heard.frames[:, None].to(device),
        "sound": heard.sound[:, None].to(device),
        "key": heard.key[:, :3].to(device),
        "silent": torch.zeros(len(heard), 1, dtype=torch.bool, device=device),
        "label": heard.label.to(device),
        "path": heard.paths,
    }
