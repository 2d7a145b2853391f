"""What an encoder is compared with: random initialisations of its own architecture, and plain pixels."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.evaluation.features import unit
from avssl.nets import Encoder

TRAINED, RANDOM, PIXELS = "trained", "random", "pixels"  # the rows that every evaluator has


class Pixels(Encoder):
    """No network: the picture itself, averaged to at most ``side`` x ``side`` cells.

    Args:
        side: the finest grid that is kept.
    """

    def __init__(self, side: int = 32):
        trunk = nn.Sequential()
        trunk.add_module("pixels", Shrink(side))
        trunk.add_module("flat", nn.Flatten())
        super().__init__(trunk, 3 * side * side, {"pixels": "pixels"}, mean=(0.0,) * 3, std=(1.0,) * 3)


class Shrink(nn.Module):
    """Averages pictures to at most ``side`` cells a side; smaller pictures stay as they are."""

    def __init__(self, side: int):
        super().__init__()
        self.side = side

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        return nn.functional.adaptive_avg_pool2d(images, (min(height, self.side), min(width, self.side)))


def reinitialised(encoder: Encoder, seed: int) -> Encoder:
    """Return a copy with initial weights, by each module's own ``reset_parameters``.

    An architecture that sets its initial weights in another way should be built anew instead.

    Raises:
        ValueError: if a module with weights cannot reset them.
    """
    copy = deepcopy(encoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in copy.named_modules():
            if not list(module.parameters(recurse=False)) and not isinstance(module, _BatchNorm):
                continue
            reset = getattr(module, "reset_parameters", None)
            if reset is None:
                raise ValueError(
                    f"{type(encoder).__name__}: {name or 'the encoder'} ({type(module).__name__}) has weights but no "
                    "reset_parameters; pass fresh= to build random initialisations"
                )
            reset()
    return copy


@torch.no_grad()
def calibrated(encoder: Encoder, pool: Tensor, device: torch.device | str = "cpu", batch: int = 256) -> Encoder:
    """Set the statistics of batch normalisation to those of a pool of pictures, and return the encoder.

    Without this a random network is judged with statistics that fit no data, and looks worse than it is.

    Args:
        encoder: changed in place; left in evaluation mode.
        pool: uint8 RGB ``(pictures, 3, H, W)``.
        device: where the encoder runs.
        batch: pictures a pass; the mean over passes counts.
    """
    encoder = encoder.to(device).eval()
    norms = [module for module in encoder.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        return encoder
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the passes
        norm.train()
    passes = max(1, len(pool) // batch)  # no small last pass: it would weigh as much as a full one
    for images in pool.chunk(passes):
        encoder(unit(images.to(device)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return encoder.eval()
