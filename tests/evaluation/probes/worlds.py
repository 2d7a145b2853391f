"""The world of colours, with several labels an item."""

import torch

from tests.evaluation.retrieval.worlds import Colors


class Tagged(Colors):
    """Colours, where an item may show several."""

    def __getitem__(self, key):
        index = key[1] if isinstance(key, tuple) else key
        item = super().__getitem__(key)
        labels = torch.zeros(3)
        labels[index % 3] = 1
        labels[(index + 1) % 3] = torch.nan if index % 4 == 0 else 0
        return item | {"labels": labels, "label": -1}
