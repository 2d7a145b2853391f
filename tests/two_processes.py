"""Processes that start in no time, for torch is loaded already; and two on one machine, each with its own rows."""

import multiprocessing
from functools import cache
from multiprocessing.context import ForkServerContext

import torch
from torch import distributed

LOADED = ["torch.utils.tensorboard", "avssl.training.loop", "training_fakes"]  # what cannot be found is left out


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


def in_two_processes(work, folder, *arguments):
    """Return what ``work(rank, *arguments)`` gives in each of two processes that can gather."""
    processes = [begin(one, rank, work, str(folder), arguments) for rank in (0, 1)]
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


def one(rank, work, folder, arguments):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.set_num_threads(1)
    torch.save(work(rank, *arguments), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()
