"""Processes that train together, as torchrun starts them."""

import os
import socket

import torch
from training_fakes import Dots, Linear, run

from avssl.training import SGD

COMMON = {"optim": SGD(lr=0.1, momentum=0.9), "schedule": None, "ema": None, "steps": 4, "batch_size": 2}


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def become(rank, port):
    """Take on the environment that torchrun gives to one process of two."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"GROUP_RANK": "0", "ROLE_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"TORCHELASTIC_RUN_ID": "test", "GLOO_SOCKET_IFNAME": "lo"}


def one_of_two(rank, port, out, bad, settings, method=Linear):
    """Train in one process of two."""
    become(rank, port)
    torch.manual_seed(rank)  # only the first process's start counts
    run(out, method=method(), data=Dots(12, bad=bad), devices=2, strategy="ddp", **(COMMON | settings))
