"""What the C library does with memory that is freed."""

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # mallopt(3)
LARGEST = 32 << 20  # bytes that glibc lets a heap serve at most; what is larger is mapped each time
SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory(megabytes: int = 256) -> bool:
    """Let this process keep memory that it frees, for it asks for the same again in the next step.

    Without, glibc gives large arrays back to the system, which hands them out page by page the next time: up to a fifth
    of the time that small networks take on a CPU. No number changes. For programs, not for libraries: it holds for the
    whole process, and for those that it forks.

    Args:
        megabytes: of freed memory that stay with the process at most.

    Returns:
        Whether that is done: on Linux with glibc, unless a person has set the environment's words for it
        (``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_MMAP_THRESHOLD_`` or ``GLIBC_TUNABLES``).
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # not glibc
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST) and mallopt(TRIM_THRESHOLD, megabytes << 20))
