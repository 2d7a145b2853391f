"""How much room there is: in memory, and on the disk of a folder."""

import os
import shutil
from pathlib import Path

GIGABYTE = 10**9
SHARE = 0.8  # of what is free that may be taken: the rest is for batches, other programs, and what grows
MEMORY, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Return how many bytes may be taken before the system, or the container that this runs in, has none left."""
    try:
        told = dict(line.split(":", 1) for line in MEMORY.read_text().splitlines())
        free = int(told["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # not Linux: what is installed is the best there is to know
        names = getattr(os, "sysconf_names", {})
        if not {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(names):
            return 2**62
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        free = min(free, int((GROUP / "memory.max").read_text()) - int((GROUP / "memory.current").read_text()))
    except (OSError, ValueError):  # no container, or one without a limit: "max"
        return free
    return max(0, free)


def free_disk(folder: Path) -> int:
    """Return how many bytes are free on the disk of a folder."""
    return shutil.disk_usage(folder).free
