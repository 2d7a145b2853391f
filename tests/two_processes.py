"""Processes that start in no time, for torch is loaded already; and two on one machine, each with its own rows."""

import multiprocessing
import time
from functools import cache
from multiprocessing.context import ForkServerContext

import torch
from torch import distributed

LOADED = ["torch.utils.tensorboard", "avssl.training.loop", "training_fakes"]  # what cannot be found is left out
PATIENCE = 600  # seconds, for a machine that is very busy; below the limit of a test


@cache
def server() -> ForkServerContext:
    """Return what starts processes; the modules that they all need are imported once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context


def begin(function, *arguments):
    """Start ``function(*arguments)`` in a process of its own."""
    process = server().Process(target=function, args=arguments)
    process.start()
    return process


def ended(*processes):
    """Return how the processes ended; none is left behind, for one whose partner died waits for half an hour."""
    last = time.monotonic() + PATIENCE
    for process in processes:
        process.join(max(0, last - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
    return [process.exitcode for process in processes]


def in_two_processes(work, folder, *arguments):
    """Return what ``work(rank, *arguments)`` gives in each of two processes that can gather."""
    assert ended(*(begin(one, rank, work, str(folder), arguments) for rank in (0, 1))) == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


def one(rank, work, folder, arguments):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.save(work(rank, *arguments), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()
