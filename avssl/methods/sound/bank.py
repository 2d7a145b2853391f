"""A memory of what was seen and heard of each recording, and noise-contrastive estimation against it.

Morgado, Vasconcelos and Misra, "Audio-Visual Instance Discrimination with Cross-Modal Agreement", CVPR 2021, section 3,
https://arxiv.org/abs/2004.12943; after Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance
Discrimination", CVPR 2018, https://arxiv.org/abs/1805.01978.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.transforms import Draws
from avssl.transforms.draws import index_of, stream_of

NOISE_STREAM = -3  # last number of the key that noise is drawn by, so that it shares no chance with views


class Bank(nn.Module):
    """A running unit vector of each modality of each recording; part of checkpoints.

    Several windows of a recording in a batch share its entry, which takes their mean.

    Args:
        recordings: how many the data has.
        dim: length of the vectors.
        momentum: share of an entry that is kept when its recording is seen.

    Raises:
        ValueError: if there is nothing to tell recordings from, or a momentum that cannot be.
    """

    pictures: Tensor
    sounds: Tensor
    owners: Tensor

    def __init__(self, recordings: int, dim: int, momentum: float = 0.5):
        super().__init__()
        if recordings <= 1 or not 0 <= momentum < 1:
            raise ValueError(f"a bank needs recordings > 1 and momentum in [0, 1); got {recordings} and {momentum}")
        self.momentum = momentum
        chance = torch.Generator().manual_seed(0)
        for name in ("pictures", "sounds"):
            self.register_buffer(name, F.normalize(torch.randn(recordings, dim, generator=chance), dim=1))
        self.register_buffer("owners", torch.full((recordings,), -1))  # the recording of each; -1: not seen yet
        self.register_load_state_dict_pre_hook(without_owners)

    def __len__(self) -> int:
        return len(self.pictures)

    def places(self, key: Tensor) -> Tensor:
        """Return the entry of each row of keys ``(N, parts)``.

        Raises:
            ValueError: if the data has more recordings than the bank.
        """
        return places(key, len(self), "recordings")

    @torch.no_grad()
    def store(self, index: Tensor, pictures: Tensor, sounds: Tensor, heard: Tensor) -> None:
        """Move entries towards the mean embedding of their recordings, over all processes.

        Args:
            index: entries, ``(N,)``.
            pictures: unit vectors, ``(N, dim)``.
            sounds: unit vectors, ``(N, dim)``.
            heard: rows that count, ``(N,)``.
        """
        index, heard = all_gather(index), all_gather(heard)
        for bank, found in ((self.pictures, all_gather(pictures)), (self.sounds, all_gather(sounds))):
            move(bank, index[heard], found[heard], self.momentum)


def without_owners(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Let a checkpoint from before owners were kept be loaded: they are as they were made, and are seen again."""
    state.setdefault(f"{prefix}owners", module.get_buffer("owners"))


def places(key: Tensor, entries: int, things: str) -> Tensor:
    """Return the entry of a bank for each row of keys ``(N, parts)``: the number of its item.

    Raises:
        ValueError: if the data has more items than the bank; ``things`` is what they and the setting are called.
    """
    index = index_of(key)
    if int(index.max()) >= entries:
        raise ValueError(
            f"the data has {things[:-1]} number {int(index.max())} and the bank {entries} entries; set {things} to the "
            f"number of {things}"
        )
    return index


def own_noise(owners: Tensor, index: Tensor, recording: Tensor, entries: Tensor, known: bool) -> Tensor:
    """Return which entries of a bank are of the row's own recording, as another item, bool like ``entries``.

    Args:
        owners: recording of each entry, -1 for those not seen yet, ``(bank,)``; takes up this batch's in place.
        index: entry of each row, ``(N,)``.
        recording: of each row, ``(N,)``.
        entries: that rows are told from, ``(N, some)``.
        known: whether to take them up; False where entries are not those of this data, as in evaluation.
    """
    if known:
        owners[all_gather(index)] = all_gather(recording)
    return owners[entries] == recording[:, None]


@torch.no_grad()
def move(bank: Tensor, index: Tensor, rows: Tensor, momentum: float) -> None:
    """Move entries ``(entries, dim)`` of a bank towards the mean of their rows ``(N, dim)``, in place."""
    entries, place = index.unique(return_inverse=True)
    sums = rows.new_zeros(len(entries), rows.shape[1]).float().index_add_(0, place, rows.float())
    means = sums / torch.bincount(place, minlength=len(entries))[:, None]
    bank[entries] = F.normalize(momentum * bank[entries] + (1 - momentum) * means, dim=1)


def noise_entries(key: Tensor, excluded: Tensor, noise: int, entries: int) -> Tensor:
    """Return entries of a bank for each row, drawn by its key, with equal chance for all that are not excluded.

    Args:
        key: names each row, int64 ``(N, parts)``.
        excluded: entries that must not come, different ones in each row, ``(N, some)``.
        noise: how many to draw.
        entries: of the bank.

    Returns:
        int64 ``(N, noise)``; an entry may come twice.

    Examples:
        >>> noise_entries(torch.tensor([[0, 0, 7]]), torch.tensor([[0, 2]]), noise=100, entries=4).unique().tolist()
        [1, 3]
    """
    left = entries - excluded.shape[1]
    if left < 1:
        raise ValueError(f"a bank of {entries} entries has no noise beside {excluded.shape[1]} that are excluded")
    drawn = Draws(stream_of(key, NOISE_STREAM)).integers(noise, low=0, high=left - 1)
    passed = excluded.sort(1).values - torch.arange(excluded.shape[1], device=excluded.device)
    return drawn + torch.searchsorted(passed.contiguous(), drawn, right=True)  # steps over what is excluded


def told_apart(
    own: Tensor,
    memory: Tensor,
    entries: Tensor,
    temperature: float,
    constant: Tensor,
    estimate: bool,
    true: int = 1,
    left_out: Tensor | None = None,
) -> Tensor:
    """Return the loss of telling embeddings' true entries from noise, a row each, of all processes, in nats.

    Args:
        own: unit vectors, ``(N, dim)``.
        memory: of a modality, ``(recordings, dim)``.
        entries: places in it, true ones first, ``(N, true + noise)``.
        temperature: similarities are divided by it.
        constant: what makes exponentials a distribution over the bank, one number; 0 where it is not known yet.
        estimate: whether to fill it in from this batch then, as both papers do.
        true: how many entries are true.
        left_out: noise that does not count, as it is of the own recording, bool like ``entries``; None: all counts.
    """
    raw = (torch.einsum("nd,nkd->nk", own.float(), memory[entries]) / temperature).exp()
    if estimate and constant == 0:
        constant.fill_(all_gather(raw.detach()).mean() * len(memory))
    return all_gather(noise_contrast(raw, constant.clamp(min=1e-12), len(memory), true, left_out))


def noise_contrast(
    raw: Tensor, constant: Tensor, recordings: int, true: int = 1, left_out: Tensor | None = None
) -> Tensor:
    """Return AVID's loss of each row (section 3.2), in nats: the mean over true entries, the sum over noise.

    Args:
        raw: exponentials of similarities with true entries (first) and with noise, ``(N, true + noise)``.
        constant: what makes them a distribution over the bank.
        recordings: entries of the bank; noise is uniform over them.
        true: how many entries are true.
        left_out: noise that does not count, bool like ``raw``.
    """
    found, noise = raw / constant, (raw.shape[1] - true) / recordings
    yes = found[:, :true] / (found[:, :true] + noise)
    no = noise / (found[:, true:] + noise)
    apart = no.clamp(min=1e-12).log()
    if left_out is not None:
        apart = apart.masked_fill(left_out[:, true:], 0)
    return -(yes.clamp(min=1e-12).log().mean(1) + apart.sum(1))
