"""Processes that share the work of one evaluation: started by torchrun, they divide pieces and meet in one folder."""

import os
from dataclasses import dataclass

import torch.distributed as distributed


@dataclass(frozen=True)
class Share:
    """This process's place among those that share the work.

    Args:
        rank: number of this process.
        world: how many there are.
    """

    rank: int = 0
    world: int = 1

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.world == 1:
            return
        if not distributed.is_initialized():
            distributed.init_process_group("gloo")
        distributed.barrier()


def from_environment() -> Share:
    """Return the share that ``torchrun`` gave this process; the whole work without it."""
    return Share(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
