"""Methods that learn from batches in which something is missing; what they still learn is a shortcut.

Owens and Efros (ECCV 2018) and Arandjelovic and Zisserman ("Objects that Sound", ECCV 2018, section 3.3) both tell of
networks that solved such tasks by what was not meant: there 87.6 % of pairs by a start off the pictures' grid, 81.9 %
honestly.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from avssl.losses import pair_verification
from avssl.methods import Method
from avssl.methods.base import Batch
from avssl.methods.recordings import recordings_of
from avssl.methods.sound.pairs import pairs_of
from avssl.nets import SoundEncoder
from avssl.training.optim import set_rates
from avssl.training.schedule import Schedule
from avssl.training.seeding import seed_torch
from avssl.transforms import Draws

Alter = Callable[[Iterable[Batch]], Iterator[Batch]]


def as_it_is(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield batches unchanged."""
    yield from batches


def sound_only(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield batches whose pictures are all grey."""
    for batch in batches:
        yield batch | {"frames": torch.full_like(batch["frames"], 128)}


def picture_only(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield batches whose sounds are all the same faint noise."""
    for batch in batches:
        samples = batch["sound"].shape[-1]
        noise = torch.randn(samples, generator=torch.Generator().manual_seed(0)) * 1e-2
        yield batch | {"sound": noise.to(batch["sound"]).expand_as(batch["sound"])}


def shuffled_pairs(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield batches with the sounds of the batch before, so that nothing belongs together; the first is left out.

    Sounds of recordings that the batch itself shows do not count, for a picture could meet its own; what is left of a
    batch may be smaller, and a batch of which fewer than two recordings are left is left out.
    """
    before = None
    for batch in batches:
        sound = {name: batch[name] for name in ("sound", "sound_valid", "silent") if name in batch}
        own = recordings_of(batch)
        if before is not None:
            strange = torch.nonzero(~torch.isin(before[0], own)).flatten()[: len(own)]
            cut = {name: value[: len(strange)] if isinstance(value, Tensor | list) else value
                   for name, value in batch.items()}  # fmt: skip
            if len(own[: len(strange)].unique()) > 1:
                yield cut | {name: value[strange] for name, value in before[1].items()}
        before = own, sound


ROWS: Mapping[str, Alter] = {
    "as it is": as_it_is,
    "sound only": sound_only,
    "picture only": picture_only,
    "shuffled pairs": shuffled_pairs,
}


def narrowed(batches: Iterable[Batch], half: int) -> Iterator[Batch]:
    """Yield batches whose windows of sound lack so many samples on each side."""
    for batch in batches:
        yield {
            name: value[..., half : value.shape[-1] - half] if name in ("sound", "sound_valid") else value
            for name, value in batch.items()
        }


@dataclass(eq=False)
class Learner:
    """A method with its optimiser, which learns from altered batches.

    Args:
        method: with initial weights.
        optimizer: of its parameters.
        alter: what is done to batches.
    """

    method: Method
    optimizer: torch.optim.Optimizer
    alter: Alter
    seen: list[Batch] = field(default_factory=list)

    def learn(self, batch: Batch, step: int, steps: int) -> None:
        """Take step number ``step`` of ``steps``."""
        self.seen = [*self.seen[-1:], batch]
        for altered in list(self.alter(self.seen))[-1:]:  # of two batches the second, which may lean on the first
            self.method.train()
            self.optimizer.zero_grad()
            self.method(altered)["loss"].backward()
            self.method.after_backward(step, steps)
            self.optimizer.step()
            self.method.after_step(step, steps)

    def step(self, batch: Batch, step: int, steps: int, schedule: Schedule | None, seed: int) -> None:
        """Take a step at the schedule's rate, with chance that is the seed's and the step's alone."""
        seed_torch(seed, step)
        set_rates(self.optimizer, schedule, step - 1, steps)
        self.learn(batch, step, steps)

    def measure(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return what the method measures on batches altered in the same way; nothing where none is left."""
        self.method.eval()
        altered = list(self.alter(batches))
        return self.method.measure(altered) if altered else {}


class Grid(Method):
    """Tells from the sound alone whether a window lies on the pictures' grid.

    Args:
        sound: an encoder with initial weights.
        samples: of a window; those of a batch are wider, and the one on the grid lies in their middle.
    """

    def __init__(self, sound: SoundEncoder, samples: int):
        super().__init__()
        self.sound, self.samples = sound, samples
        self.decide = nn.Linear(sound.dim, 1)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats, 0.693 by chance, and ``accuracy``, chance 0.5."""
        pairs = pairs_of(batch, (), self.training)
        most = (pairs.sound.shape[-1] - self.samples) // 2
        draws = Draws(pairs.key)
        moved = 1 + (draws.uniform(1).flatten() * most).long().clamp(max=most - 1)
        starts = most + torch.where(draws.uniform(1).flatten() < 0.5, moved, -moved)
        there = pairs.sound[..., most : most + self.samples]
        away = torch.stack(
            [one[..., start : start + self.samples] for one, start in zip(pairs.sound, starts.tolist(), strict=True)]
        )
        true, false = self.decide(self.sound(torch.cat([there, away]))).squeeze(1).chunk(2)
        return pair_verification(true, false, pairs.heard, pairs.heard)
