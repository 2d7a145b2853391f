"""Helpers of the training tests, and cheap child processes for what must die."""

import os
import sys
from pathlib import Path

import pytest
import torch

HERE, TESTS = str(Path(__file__).parent), str(Path(__file__).parents[1])
BESIDE = str(Path(TESTS) / "methods")
for folder in (HERE, BESIDE, TESTS):
    if folder not in sys.path:
        sys.path.insert(0, folder)  # for training_fakes, for every and for two_processes

from two_processes import begin  # noqa: E402


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
        yield begin
