"""Processes that train together, as torchrun starts them."""

import json
import os
import signal
import socket

import torch
from torch.distributed import run as torchrun
from torch.distributed.launcher.api import elastic_launch
from training_fakes import Dots, Linear, run

from avssl.training import SGD
from avssl.training.feed import UNSEEN

COMMON = {"optim": SGD(lr=0.1, momentum=0.9), "schedule": None, "ema": None, "steps": 4, "batch_size": 2}
EXACT = (
    "ddp_find_unused_parameters_true"  # plain DDP lays gradients out anew after its first step: sums of three or more
)


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def become(rank, port, nodes=1):
    """Take on the environment that torchrun gives to one process, of two on each machine."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank % 2),
        "WORLD_SIZE": str(2 * nodes),
        "LOCAL_WORLD_SIZE": "2",
    }
    os.environ |= {"GROUP_RANK": str(rank // 2), "GROUP_WORLD_SIZE": str(nodes), "ROLE_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"TORCHELASTIC_RUN_ID": "test", "GLOO_SOCKET_IFNAME": "lo"}


def one_of_two(rank, port, out, bad, settings, method=Linear):
    """Train in one process of two."""
    become(rank, port)
    torch.manual_seed(rank)  # only the first process's start counts
    run(out, method=method(), data=Dots(12, bad=bad), devices=2, strategy="ddp", **(COMMON | settings))


class Noted(Dots):
    """Dots that note which of them training drew, in this process."""

    def __init__(self, size: int = 12):
        super().__init__(size)
        self.drawn = []

    def __getitem__(self, key):
        if key[0] < UNSEEN:
            self.drawn.append(key)
        return super().__getitem__(key)


def run_noting(out, **settings):
    """Train in one process of several, and write down which items it drew."""
    data = Noted()
    known = {
        "strategy": EXACT,
        "devices": 2,
        "batch_size": 1,
        "accumulate": 2,
        "save_every": 1,
        "measure_every": 100,
        "held_out": None,
    }
    torch.manual_seed(int(os.environ["RANK"]))
    run(out, method=Linear(), data=data, **(COMMON | known | settings))
    (out / f"drawn-{os.environ['RANK']}.json").write_text(json.dumps(data.drawn))


def one_noting(rank, port, nodes, out, settings):
    """Be one process of two on each of some machines."""
    become(rank, port, nodes)
    run_noting(out, **settings)


def one_dying(out, steps, death):
    """Be one process that torchrun started; die without a word if ``death`` is its rank, after the step there."""

    def after_step(_method, step, *_):
        if death == (int(os.environ["RANK"]), step):
            os.kill(os.getpid(), signal.SIGKILL)

    Linear.after_step = after_step
    run_noting(out, steps=steps)


def agent_of_two(rank, port, *arguments):
    """Be torchrun on one machine of two, with two processes; they are forked, for torch is loaded already."""
    where = ["--nnodes", "2", "--node-rank", str(rank), "--nproc-per-node", "2", "--start-method", "fork"]
    where += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    settings, *_ = torchrun.config_from_args(torchrun.parse_args([*where, "a script"]))
    elastic_launch(settings, one_dying)(*arguments)
