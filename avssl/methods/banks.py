"""Noise contrast against a bank of a data set's items: which entries are noise, which count, and the loss.

Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018, section 3.2,
https://arxiv.org/abs/1805.01978.
"""

from typing import Any

import torch
from torch import Tensor, nn

from avssl.distributed import all_gather
from avssl.losses import contrast_with_bank
from avssl.nets import Bank
from avssl.transforms import Draws

NOISE_STREAM = -3  # last number of the key that noise is drawn by, so that it shares no chance with views


def contrast_entries(
    rows: Tensor,
    bank: Bank,
    entries: Tensor,
    temperature: float,
    constant: Tensor,
    train: bool,
    true: int = 1,
    own: Tensor | None = None,
) -> Tensor:
    """Return the noise contrast of rows with entries of a bank, in nats, ``(N,)`` of all processes.

    Args:
        rows: unit vectors, ``(N, dim)``.
        bank: what they are compared with.
        entries: of the bank, true ones first, ``(N, true + noise)``.
        temperature: similarities are divided by it.
        constant: what makes exponentials a distribution over the bank, one number; 0 where it is not known yet. It is
            then estimated from this batch, and in training filled in, as InstDisc does.
        train: whether to fill it in.
        true: how many entries are true.
        own: noise that does not count since it is of the row's own recording, bool like ``entries``; None: all counts.
    """
    known = None if constant == 0 else constant.log()
    counts = None if own is None else ~own[:, true:]
    each, log_constant = contrast_with_bank(rows, bank.rows, entries, temperature, known, true, counts, all_gather)
    if train and known is None:
        constant.copy_(log_constant.exp())
    return all_gather(each)


def noise_entries(key: Tensor, excluded: Tensor, noise: int, entries: int) -> Tensor:
    """Return entries of a bank for each row, drawn by its key, with equal chance for all that are not excluded.

    Args:
        key: identifies each row, int64 ``(N, parts)``.
        excluded: entries that must not come, different ones in each row, ``(N, some)``.
        noise: how many to draw.
        entries: of the bank.

    Returns:
        int64 ``(N, noise)``; an entry may come twice.

    Raises:
        ValueError: if nothing is left to draw from.

    Examples:
        >>> noise_entries(torch.tensor([[0, 0, 7]]), torch.tensor([[0, 2]]), noise=100, entries=4).unique().tolist()
        [1, 3]
    """
    left = entries - excluded.shape[1]
    if left < 1:
        raise ValueError(f"a bank of {entries} entries has no noise beside {excluded.shape[1]} that are excluded")
    drawn = Draws(torch.cat([key, torch.full_like(key[:, :1], NOISE_STREAM)], 1)).integers(noise, low=0, high=left - 1)
    passed = excluded.sort(1).values - torch.arange(excluded.shape[1], device=excluded.device)
    return drawn + torch.searchsorted(passed.contiguous(), drawn, right=True)  # steps over what is excluded


def own_noise(owners: Tensor, index: Tensor, recording: Tensor, entries: Tensor, known: bool) -> Tensor:
    """Return which entries of a bank are of the row's own recording, as another item, bool like ``entries``.

    Args:
        owners: recording of each entry, -1 for those not seen yet, ``(bank,)``; takes up this batch's in place.
        index: entry of each row, ``(N,)``.
        recording: of each row, ``(N,)``.
        entries: that rows are contrasted with, ``(N, some)``.
        known: whether to take them up; False where entries are not those of this data, as in evaluation.
    """
    if known:
        owners[all_gather(index)] = all_gather(recording)
    return owners[entries] == recording[:, None]


def register_owners(module: nn.Module, entries: int) -> None:
    """Give a module the buffer ``owners``: the recording of each entry of its bank, -1 where it was not seen yet."""
    module.register_buffer("owners", torch.full((entries,), -1))
    module.register_load_state_dict_pre_hook(without_owners)


def without_owners(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Let a checkpoint from before owners were kept be loaded: they are as they were made, and are seen again."""
    state.setdefault(f"{prefix}owners", module.get_buffer("owners"))
