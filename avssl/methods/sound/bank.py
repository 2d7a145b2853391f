"""A memory of what was seen and heard of each recording.

Morgado, Vasconcelos and Misra, "Audio-Visual Instance Discrimination with Cross-Modal Agreement", CVPR 2021, section 3,
https://arxiv.org/abs/2004.12943.
"""

import torch
from torch import Tensor, nn

from avssl.distributed import all_gather
from avssl.methods.banks import register_owners
from avssl.nets import Bank
from avssl.nets.older_names import load_older_names


class PairBank(nn.Module):
    """A running unit vector of each modality of each recording; part of checkpoints.

    Several windows of a recording in a batch share its entry, which takes their mean.

    Args:
        recordings: how many the data has.
        dim: length of the vectors.
        momentum: share of an entry that is kept when its recording is seen.

    Attributes:
        owners: the recording of each entry, int64 ``(recordings,)``; -1 where it was not seen yet.

    Raises:
        ValueError: if there is nothing to tell recordings from, or a momentum that cannot be.
    """

    owners: Tensor

    def __init__(self, recordings: int, dim: int, momentum: float = 0.5):
        super().__init__()
        chance = torch.Generator().manual_seed(0)
        self.pictures = Bank(recordings, dim, momentum, chance, "recordings")
        self.sounds = Bank(recordings, dim, momentum, chance, "recordings")
        register_owners(self, recordings)
        load_older_names(self, {"pictures": "pictures.rows", "sounds": "sounds.rows"})

    def __len__(self) -> int:
        return len(self.pictures)

    def entries(self, key: Tensor) -> Tensor:
        """Return the entry of each row of keys ``(N, parts)``: the number of its recording.

        Raises:
            ValueError: if the data has more recordings than the bank.
        """
        return self.pictures.check(key[:, 2])

    @torch.no_grad()
    def update(self, index: Tensor, pictures: Tensor, sounds: Tensor, heard: Tensor) -> None:
        """Move entries towards the mean embedding of their recordings, over all processes.

        Args:
            index: entries, ``(N,)``.
            pictures: unit vectors, ``(N, dim)``.
            sounds: unit vectors, ``(N, dim)``.
            heard: rows that count, ``(N,)``.
        """
        index, heard = all_gather(index), all_gather(heard)
        self.pictures.update(index[heard], all_gather(pictures)[heard])
        self.sounds.update(index[heard], all_gather(sounds)[heard])
