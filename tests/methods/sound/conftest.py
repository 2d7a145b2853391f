"""Lets the tests of this folder import what they share."""

import sys
from pathlib import Path

HERE, TESTS = str(Path(__file__).parent), str(Path(__file__).parents[2])

for folder in (HERE, TESTS):
    if folder not in sys.path:
        sys.path.insert(0, folder)  # for buzzing and two_processes
