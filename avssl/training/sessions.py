"""When, on what and with what a run was trained: a line for each session, from its start or a resume to its end."""

import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from avssl.installed import HOME, is_checkout
from avssl.version import __version__

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # slow to load, and evaluation needs none of it

PACKAGES = ("torch", "torchvision", "torchaudio", "numpy", "av", "lightning-fabric", "scikit-learn")


class Session:
    """A training's stay with a run.

    Args:
        fabric: knows the device and how many processes there are.
        step: that it begins after.

    Attributes:
        data: what is to be said of the data, such as which stay decoded.
    """

    def __init__(self, fabric: "Fabric", step: int):
        self._began, self.data = time.monotonic(), ""
        self._facts = {"began": datetime.now(UTC).isoformat(timespec="seconds"), "from_step": step} | facts_of(fabric)

    def line(self, step: int) -> dict[str, Any]:
        """Return what is to be said of it when it ends after a step."""
        return self._facts | {"data": self.data, "to_step": step, "seconds": round(time.monotonic() - self._began, 1)}


def facts_of(fabric: "Fabric") -> dict[str, str]:
    """Return the device, the machine, the versions and, where the code lies in a checkout, its commit."""
    device = str(fabric.device)
    if fabric.device.type == "cuda":
        device = torch.cuda.get_device_name(fabric.device)
    if fabric.world_size > 1:
        device = f"{fabric.world_size} processes, each on {device}"
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    found = {"device": device, "machine": machine(), "versions": f"avssl {__version__}, {versions}"}
    commits = {"avssl's own checkout": HOME} if is_checkout() else {}
    where = {commit_of(folder): name for name, folder in {"the folder of the call": Path.cwd(), **commits}.items()}
    return found | {"commit": "; ".join(f"{commit} ({name})" for commit, name in where.items() if commit)}


def machine() -> str:
    """Return the Python, the system and the processor of this machine; no name that tells whose it is."""
    count = torch.get_num_threads()
    threads = f"{count} thread{'s' if count != 1 else ''}"
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {threads}"


def commit_of(folder: Path) -> str:
    """Return the commit that is checked out where a folder lies, and whether files differ from it; nothing without git.

    Examples:
        >>> commit_of(Path("/"))
        ''
    """
    told = []
    for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]):
        try:
            done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        if done.returncode:
            return ""
        told.append(done.stdout.strip())
    return f"{told[0]}, with changes" if told[1] else told[0]
