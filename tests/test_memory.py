import os
import subprocess
import sys

import pytest

from avssl.memory import SETTINGS

TIMES = """
import resource, sys
from avssl.memory import keep_freed_memory
import numpy as np
done = keep_freed_memory() if sys.argv[1] == "kept" else None
def step():
    held = [np.ones(1 << 18) for _ in range(8)]  # maps of 2 MB, which a step holds for its backward pass

step()
begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(done, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin)
"""


def faults(word: str, **environment: str) -> tuple[str, int]:
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    run = subprocess.run(
        [sys.executable, "-c", TIMES, word], capture_output=True, text=True, check=True, env=clean | environment
    )
    done, count = run.stdout.split()
    return done, int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_memory_that_is_freed_is_there_for_the_next_array():
    done, kept = faults("kept")
    if done == "False":
        pytest.skip("the C library is not glibc")
    assert done == "True"
    assert kept < 100


def test_what_a_person_sets_in_the_environment_stays():
    assert faults("kept", MALLOC_TRIM_THRESHOLD_="131072")[0] == "False"
