"""Two processes on one machine, each with its own rows."""

import torch
from torch import distributed, multiprocessing


def in_two_processes(work, folder, *arguments):
    """Return what ``work(rank, *arguments)`` gives in each of two processes that can gather."""
    multiprocessing.spawn(one, (work, str(folder), arguments), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


def one(rank, work, folder, arguments):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.save(work(rank, *arguments), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()
