"""Checkpoints of earlier versions: names of tensors that changed since."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn


def load_older_names(module: nn.Module, names: Mapping[str, str]) -> None:
    """Let a module load states in which some of its tensors have the names of an earlier version.

    Args:
        module: what loads.
        names: the earlier name of a tensor within the module, and the one of now.

    Examples:
        >>> net = nn.Sequential(nn.Linear(2, 1))
        >>> load_older_names(net, {"fc.weight": "0.weight", "fc.bias": "0.bias"})
        >>> net.load_state_dict({"fc.weight": net[0].weight, "fc.bias": net[0].bias})
        <All keys matched successfully>
    """
    module.register_load_state_dict_pre_hook(partial(rename, dict(names)))


def rename(names: Mapping[str, str], _: nn.Module, state: dict[str, Tensor], prefix: str, *__: Any) -> None:
    """Give tensors of a state the names of now, where it has earlier ones."""
    for before, now in names.items():
        if prefix + before in state:
            state[prefix + now] = state.pop(prefix + before)
