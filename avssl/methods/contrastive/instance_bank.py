"""A bank of items' vectors that views are told apart against: what InstDisc and PIRL share.

Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018, sections 3.1 and 3.2,
https://arxiv.org/abs/1805.01978.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.losses import noise_contrast
from avssl.methods.banks import noise_entries, own_noise, register_owners
from avssl.methods.base import Batch
from avssl.methods.recordings import recordings_of
from avssl.methods.views import MultiViewMethod
from avssl.nets import Bank
from avssl.transforms.draws import index_of, stream_of

COPYING = 2  # products that take as long as copying one number, about, on a CPU
AGAIN_STREAM = -13  # last number of the key that another look at an item is drawn by


class Told(NamedTuple):
    """What is found of each view of each item, of all processes, ``(N, views)`` each.

    Attributes:
        contrast: with the bank, in nats.
        moved: squared distance to the item's own entry, 0 to 4.
        right: whether the own entry is nearer than all others it was told from, 0 or 1.
    """

    contrast: Tensor
    moved: Tensor
    right: Tensor


class InstanceBank(nn.Module):
    """A bank that is read in ``forward`` and written after the gradients.

    Views of an item share one draw of noise. The constant that makes exponentials of similarities a distribution over
    the bank is estimated on the first batch and kept, as in InstDisc.

    Args:
        items: how many the data has.
        dim: length of the vectors.
        noise: entries that are drawn for each item, never its own.
        temperature: similarities are divided by it.
        momentum: share of an entry that is kept when its item is seen.

    Raises:
        ValueError: if a number cannot be.
    """

    owners: Tensor
    log_constant: Tensor

    def __init__(self, items: int, dim: int, noise: int, temperature: float, momentum: float):
        super().__init__()
        if noise < 1 or not temperature > 0:
            raise ValueError(f"needs noise of at least 1 and temperature above 0; got {noise} and {temperature}")
        self.noise, self.temperature = noise, temperature
        self.bank = Bank(items, dim, momentum)
        register_owners(self, items)
        self.register_buffer("log_constant", torch.tensor(math.inf))  # until it is known
        self.waiting: list[tuple[Tensor, ...]] = []

    def forward(self, rows: Tensor, batch: Batch) -> Told:
        """Tell the views of items from noise.

        Args:
            rows: of any length, ``(N, views, dim)``.
            batch: with the ``key`` of each item, whose index is its entry.
        """
        index, views = self.bank.check(index_of(batch["key"])), rows.shape[1]
        entries = noise_entries(batch["key"], index[:, None], self.noise, len(self.bank))
        with torch.autocast(rows.device.type, enabled=False):
            rows = F.normalize(rows.float(), dim=2)
            true, false = rows @ self.bank.rows[index][:, :, None], self.similar(rows, entries)
        logits = torch.cat([true, false], 2) / self.temperature
        counts = ~own_noise(self.owners, index, recordings_of(batch), entries, False)
        flat, constant = logits.flatten(0, 1), self.constant_for(logits)
        each = noise_contrast(flat, constant, len(self.bank), counts=counts.repeat_interleave(views, 0))
        others = logits[..., 1:].masked_fill(~counts[:, None], -math.inf)
        return told(each.view_as(logits[..., 0]), true, others, logits[..., 0])

    def compare(self, rows: Tensor, batch: Batch, memory: Tensor) -> Told:
        """Tell the views of items from each other, where the bank has none of them: the contrast is InfoNCE.

        Args:
            rows: of any length, ``(N, views, dim)``.
            batch: with the ``key`` of each item.
            memory: what stands in for the items' entries, of length 1, ``(N, dim)``.
        """
        own = recordings_of(batch)[:, None, None] == all_gather(recordings_of(batch))
        with torch.autocast(rows.device.type, enabled=False):
            rows = F.normalize(rows.float(), dim=2)
            true, false = rows @ memory[:, :, None], rows @ all_gather(memory).T
        logits = torch.cat([true, false.masked_fill(own, -math.inf)], 2) / self.temperature
        return told(logits.logsumexp(2) - logits[..., 0], true, logits[..., 1:], logits[..., 0])

    def similar(self, rows: Tensor, entries: Tensor) -> Tensor:
        """Return products of rows ``(N, views, dim)`` with entries ``(N, noise)``, ``(N, views, noise)``.

        With the whole bank where that is quicker than to copy the entries of each item.
        """
        views, dim = rows.shape[1:]
        if len(self.bank) * views > entries.shape[1] * dim / COPYING:
            return rows @ self.bank.rows[entries].mT
        return (rows @ self.bank.rows.T).gather(2, entries[:, None].expand(-1, views, -1))

    def constant_for(self, logits: Tensor) -> Tensor:
        """Return the log of the constant: the one that is kept, or this batch's, which is kept if it is learned from.

        Chosen on the device, which waits for nobody.
        """
        own = logits.detach().flatten().logsumexp(0)
        totals = all_gather(torch.stack([own, torch.full_like(own, math.log(logits.numel()))])[None]).logsumexp(0)
        found = totals[0] - totals[1] + math.log(len(self.bank))
        found = torch.where(self.log_constant.isinf(), found, self.log_constant)
        if self.training:
            self.log_constant.copy_(found)
        return found

    def keep(self, rows: Tensor, batch: Batch) -> None:
        """Keep rows ``(N, views, dim)`` of a batch's items until `write`: entries move towards their means."""
        means = F.normalize(rows.detach().float(), dim=2).mean(1)
        self.waiting.append((index_of(batch["key"]), means, recordings_of(batch)))

    @torch.no_grad()
    def write(self) -> None:
        """Write what was kept, of all processes and of all batches of the step."""
        if self.waiting:
            index, rows, owners = (all_gather(torch.cat(part)) for part in zip(*self.waiting, strict=True))
            self.bank.update(index, rows)
            self.owners[index] = owners
            self.waiting.clear()


def told(contrast: Tensor, true: Tensor, others: Tensor, own: Tensor) -> Told:
    """Return what was found, of all processes: contrast, distance to what is true, and whether nothing is nearer."""
    return Told(*(all_gather(part) for part in (contrast, 2 - 2 * true[..., 0], (own > others.amax(2)).float())))


@torch.no_grad()
def embed_again(method: MultiViewMethod, batch: Batch, views: int) -> Tensor:
    """Return what a bank would hold of items after another look at them, of length 1, ``(N, dim)``.

    Args:
        method: makes views and embeddings.
        batch: items, with ``frames`` and ``key``.
        views: how many of the method's views, the first ones.
    """
    looked = method.views(batch["frames"], stream_of(batch["key"], AGAIN_STREAM))[:views]
    rows = F.normalize(torch.stack(method.embed(looked), 1).float(), dim=2)
    return F.normalize(rows.mean(1), dim=1)
