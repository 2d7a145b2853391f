"""One run at a time in a folder."""

from contextlib import ExitStack, closing
from pathlib import Path

from lightning_fabric import Fabric

from avssl.lock import Lock
from avssl.training.errors import TrainingError


def hold(fabric: Fabric, folder: Path) -> ExitStack:
    """Let the first of all processes hold a folder until what is returned is closed.

    Raises:
        TrainingError: in every process, if another run holds it.
        OSError: in the first, if the folder cannot be written to.
    """
    ends, holder = ExitStack(), ""
    if fabric.is_global_zero:
        lock = ends.enter_context(closing(Lock(folder)))
        holder = lock.holder
    holder = fabric.broadcast(holder)
    if holder:
        raise TrainingError(
            f"{folder} is being written by another run ({holder}); wait until it ends, stop it, or give another out="
        )
    return ends
