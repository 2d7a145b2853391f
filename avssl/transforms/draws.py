"""Random numbers that depend on a sample's key alone: equal on every device, in every batch and process.

Each number is a hash of the key and a counter (splitmix64's finaliser: Steele, Lea and Flood, "Fast Splittable
Pseudorandom Number Generators", OOPSLA 2014, figure 17), so nothing has to be saved to resume.
"""

import torch
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # the constants of the paper, as signed 64-bit numbers
FIRST = 0xBF58476D1CE4E5B9 - (1 << 64)
SECOND = 0x94D049BB133111EB - (1 << 64)


class Draws:
    """A stream of random numbers for each sample of a batch.

    Args:
        key: whole numbers that name each sample, such as (seed, epoch, index), int64 ``(samples, parts)``.

    Examples:
        >>> key = torch.tensor([[0, 3, 17], [0, 3, 18]])
        >>> both, alone = Draws(key).uniform(2), Draws(key[1:]).uniform(2)
        >>> torch.equal(both[1:], alone)
        True
    """

    def __init__(self, key: Tensor):
        if key.ndim != 2 or key.dtype != torch.int64:
            raise ValueError(f"a key is int64 (samples, parts); got {key.dtype} {tuple(key.shape)}")
        state = torch.zeros(len(key), dtype=torch.int64, device=key.device)
        for part in key.unbind(1):
            state = mix((state ^ part) + GOLDEN)
        self.state, self.drawn = state, 0

    def __len__(self) -> int:
        return len(self.state)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return the next numbers in [low, high), float32 ``(samples, *shape)``."""
        count = torch.Size(shape).numel()
        places = torch.arange(self.drawn + 1, self.drawn + count + 1, device=self.state.device)
        self.drawn += count
        bits = shift(mix(self.state[:, None] + places * GOLDEN), 40)  # 24 bits: all that float32 holds
        return (bits.float() * (high - low) / (1 << 24) + low).view(len(self), *shape)

    def integers(self, *shape: int, low: int, high: int) -> Tensor:
        """Return the next whole numbers in [low, high], both included, int64 ``(samples, *shape)``."""
        return (self.uniform(*shape) * (high - low + 1)).long().clamp(max=high - low) + low


def seed_of(key: Tensor) -> Tensor:
    """Return the seed that keys ``(N, parts)`` are drawn under, their first part, int64 ``(N,)``."""
    return named_part(key, 0)


def epoch_of(key: Tensor) -> Tensor:
    """Return the epoch of keys ``(N, parts)``, their second part, int64 ``(N,)``."""
    return named_part(key, 1)


def index_of(key: Tensor) -> Tensor:
    """Return the number of the item in its data set, the third part of keys ``(N, parts)``, int64 ``(N,)``.

    Examples:
        >>> index_of(torch.tensor([[0, 3, 17, 1], [0, 3, 18, 0]])).tolist()
        [17, 18]
    """
    return named_part(key, 2)


def named_part(key: Tensor, place: int) -> Tensor:
    """Return a part of keys that has a name: seed, epoch, index; the parts behind number clips, frames and views."""
    if key.ndim != 2 or key.shape[1] < 3:
        raise ValueError(f"a key is (seed, epoch, index) first, int64 (N, 3 or more); got {tuple(key.shape)}")
    return key[:, place]


def stream_of(key: Tensor, number: int) -> Tensor:
    """Return keys ``(N, parts + 1)`` of another stream of chance, such as labels beside views.

    Args:
        key: names each sample, ``(N, parts)``.
        number: of the stream; negative, as parts of an item are numbered from 0.

    Examples:
        >>> stream_of(torch.tensor([[0, 3, 17]]), -2).tolist()
        [[0, 3, 17, -2]]
    """
    return torch.cat([key, torch.full_like(key[:, :1], number)], 1)


def numbered(key: Tensor, count: int) -> Tensor:
    """Return keys for ``count`` parts of each sample, ``(samples, count, parts + 1)``: the sample's, and a number.

    Examples:
        >>> numbered(torch.tensor([[0, 3, 17]]), 2).tolist()
        [[[0, 3, 17, 0], [0, 3, 17, 1]]]
    """
    number = torch.arange(count, device=key.device).repeat(len(key), 1)
    return torch.cat([key[:, None].expand(-1, count, -1), number[..., None]], 2)


def mix(state: Tensor) -> Tensor:
    state = (state ^ shift(state, 30)) * FIRST
    state = (state ^ shift(state, 27)) * SECOND
    return state ^ shift(state, 31)


def shift(state: Tensor, bits: int) -> Tensor:
    """Shift right and fill with zeros; ``>>`` alone would copy the sign."""
    return (state >> bits) & ((1 << (64 - bits)) - 1)
