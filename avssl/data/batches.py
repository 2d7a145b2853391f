"""Items to batches."""

from typing import Any

from torch import Tensor
from torch.utils.data import default_collate

from avssl.data.base import DataError


def collate(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Stack the items of a batch.

    Tensors gain a first dimension, ``path`` becomes a list. Items that could not be read are left out and told
    under ``failures``, a list of dicts with ``path`` and ``error``; a batch of failures alone holds nothing else.

    Raises:
        DataError: if frames of different sizes meet.

    Examples:
        >>> import torch
        >>> good, bad = {"frames": torch.zeros(1, 2)}, {"failure": {"path": "a.mp4", "error": "empty"}}
        >>> batch = collate([good, bad, good])
        >>> batch["frames"].shape, batch["failures"]
        (torch.Size([2, 1, 2]), [{'path': 'a.mp4', 'error': 'empty'}])
    """
    failures = [item["failure"] for item in items if "failure" in item]
    good = [item for item in items if "failure" not in item]
    for name in good[0] if good else ():
        shapes = {tuple(item[name].shape): item.get("path", "") for item in good if isinstance(item[name], Tensor)}
        if len(shapes) > 1:
            (one, path), (other, elsewhere) = list(shapes.items())[:2]
            raise DataError(
                f"{name} of different shapes cannot be stacked: {one} from {path} and {other} from {elsewhere}; "
                "set size=[height, width] on the data"
            )
    batch = default_collate(good) if good else {}
    return batch | {"failures": failures}
