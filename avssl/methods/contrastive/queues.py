"""Several queues of keys of the same items, as MoCo has one.

He et al., "Momentum Contrast" (MoCo), CVPR 2020, https://arxiv.org/abs/1911.05722.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.methods.base import Batch
from avssl.methods.recordings import recordings_of
from avssl.methods.views import MultiViewMethod
from avssl.nets import Queue, Teacher


class Queues(nn.Module):
    """Queues of keys of different kinds, which take in keys of the same items at the same time.

    Args:
        count: how many kinds.
        size: places of each.
        dim: length of the keys.
    """

    def __init__(self, count: int, size: int, dim: int):
        super().__init__()
        self.all: Sequence[Queue] = nn.ModuleList(  # pyright: ignore[reportAttributeAccessIssue]
            Queue(size, dim) for _ in range(count)
        )
        self.fresh: list[tuple[list[Tensor], Tensor]] = []  # keys of this step and their items, until they may come in

    def negatives(self, keys: Sequence[Tensor], items: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return what keys are told from: those of the queues, and in evaluation those of the batch of all processes.

        So what is measured is the same question at the start and at the end of a run. In training keys are noted.

        Args:
            keys: of each kind, of any length, without gradient, ``(N, dim)``.
            items: the recording of each, ``(N,)``; its own keys are no negatives.

        Returns:
            Negatives of each kind, ``(K, dim)``, and which count for an item, bool ``(N, K)``.
        """
        keys = [F.normalize(each.float(), dim=1) for each in keys]
        if self.training:
            self.fresh.append((keys, items))
            return [queue.rows for queue in self.all], self.all[0].counts(items)
        return [all_gather(each) for each in keys], items[:, None] != all_gather(items)

    def take_in(self) -> None:
        """Let the keys that were noted in all processes come in; after backward, as losses have read the queues."""
        for keys, items in self.fresh:
            everyone = all_gather(items)
            for queue, rows in zip(self.all, keys, strict=True):
                queue.enqueue(all_gather(rows), everyone)
        self.fresh.clear()


class QueuedMethod(MultiViewMethod):
    """A method of a student, its teacher, and several queues of the teacher's keys: DenseCL and DetCo.

    All parameters of the student are decayed, as in MoCo's code.

    Attributes:
        teacher: a moving average of the student.
        queues: of the teacher's keys.
    """

    teacher: Teacher
    queues: Queues

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the student's parameters, all of which are decayed."""
        return [group | {"decay_all": True} for group in super().parameter_groups()]

    def after_backward(self, step: int, steps: int) -> None:
        """Let the keys of all processes come into the queues."""
        self.queues.take_in()


def items_of(given: Batch | Tensor, batch: Batch) -> Tensor:
    """Return a number for the recording of each item; what comes without key and path is new each time.

    Args:
        given: the batch as it came.
        batch: the same with keys (`avssl.methods.inputs.as_batch`).
    """
    if isinstance(given, dict) and ("key" in given or "path" in given):
        return recordings_of(batch)
    return batch["key"][:, 0] + batch["key"][:, 2]  # a drawn seed, and a place
