"""Which pairs a person sees, in which order, and on which side the recoloured picture is.

Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 3.1, "Perceptual realism".
https://arxiv.org/abs/1603.08511
"""

from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import torch

from avssl.config import ConfigError
from avssl.transforms import Draws

Kind = Literal["practice", "test", "catch"]
Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
CAUGHT = 0.1  # share of the test pairs whose fake has colours of another picture (section 3.1)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A pair.

    Args:
        number: from 0, in the order of the session.
        kind: ``"practice"`` (the answer is told, and not counted), ``"test"``, or ``"catch"`` (a test pair whose fake
            has another picture's colours: who misses these does not look).
        picture: which picture.
        donor: whose colours a catch takes.
        fake: the side of the recoloured one.
    """

    number: int
    kind: Kind
    picture: int
    donor: int
    fake: Side


def trials(person: str, pictures: int, practice: int, pairs: int, seed: int) -> list[Trial]:
    """Return the session of a person: the same for a name whenever it is asked, another for another name.

    Args:
        person: name.
        pictures: how many there are; none is shown twice.
        practice: pairs to practise on.
        pairs: test pairs, catches among them.
        seed: of the draws.

    Raises:
        ConfigError: if there are fewer pictures than pairs.

    Examples:
        >>> [trial.kind for trial in trials("Ada", 6, practice=1, pairs=5, seed=0)].count("practice")
        1
    """
    count = practice + pairs
    if pictures < max(count, 2):
        raise ConfigError(
            f"pictures: got {pictures}; {practice} practice and {pairs} test pairs need {max(count, 2)}, each shown "
            "once; give more, or set practice and pairs"
        )
    draws = Draws(torch.tensor([[seed, crc32(person.encode())]]))
    order = draws.uniform(pictures)[0].argsort()
    sides = draws.integers(count, low=0, high=1)[0]
    steps = draws.integers(count, low=1, high=pictures - 1)[0]
    caught = set((practice + draws.uniform(pairs)[0].argsort()[: round(CAUGHT * pairs)]).tolist())
    return [
        Trial(
            number=number,
            kind="practice" if number < practice else "catch" if number in caught else "test",
            picture=int(order[number]),
            donor=int((order[number] + steps[number]) % pictures),
            fake=SIDES[int(sides[number])],
        )
        for number in range(count)
    ]
