"""How maps lie in memory."""

from typing import TypeVar

import torch
from torch import nn

KNOWN = ("torch", "torchvision", "avssl")  # packages whose modules take maps as they lie
AnyModule = TypeVar("AnyModule", bound=nn.Module)


def channels_last(module: AnyModule) -> AnyModule:
    """Lay a network's weights out with the channels last, in place, and return it; its maps follow.

    Convolutions of CPUs are a quarter to a half faster so. A network with modules of unknown packages stays as it is,
    for these may ask for views that only the usual layout has.

    Examples:
        >>> channels_last(nn.Conv2d(4, 8, 3)).weight.stride()
        (36, 1, 12, 4)
    """
    if all(type(one).__module__.split(".")[0] in KNOWN for one in module.modules()):
        module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return module
