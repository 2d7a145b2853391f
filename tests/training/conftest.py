"""Helpers of the training tests, and cheap child processes for what must die."""

import multiprocessing
import os
import sys
from pathlib import Path

import pytest
import torch

HERE, BESIDE = str(Path(__file__).parent), str(Path(__file__).parents[1] / "methods")
for folder in (HERE, BESIDE):
    if folder not in sys.path:
        sys.path.insert(0, folder)  # for training_fakes, and for every


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Let arithmetic run on one thread: sums then have one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def start():
    """Start ``function(*arguments)`` in a process of its own; torch is imported once for all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", HERE + os.pathsep + os.environ.get("PYTHONPATH", ""))
        patch.setenv("OMP_NUM_THREADS", "1")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["training_fakes", "torch.utils.tensorboard"])

        def begin(function, *arguments):
            process = context.Process(target=function, args=arguments)
            process.start()
            return process

        yield begin
