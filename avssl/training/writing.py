"""How Fabric writes a checkpoint's file; apart from those who read it, as Fabric takes long to load."""

from io import BytesIO
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO


class Straight(TorchCheckpointIO):
    """Writes a checkpoint straight to its file, so that what goes wrong is an OSError.

    Fabric's own is copied from the system's folder of temporary files, stays there where the copy fails, and passes
    over missing rights.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        made = BytesIO()
        torch.save(checkpoint, made)
        with open(path, "wb") as file:
            file.write(made.getbuffer())
