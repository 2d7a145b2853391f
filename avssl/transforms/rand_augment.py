"""Operations drawn from a set, with one strength for all.

Cubuk et al., "RandAugment: Practical Automated Data Augmentation with a Reduced Search Space", NeurIPS 2020, section 3.
https://arxiv.org/abs/1909.13719
"""

import math

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from avssl.transforms.base import Scope, Transform, by_scope, check_chance, draw_by_scope, unit
from avssl.transforms.draws import Draws

# name -> the strength at the greatest magnitude, and whether its sign is drawn; torchvision's set and strengths
OPERATIONS: dict[str, tuple[float, bool]] = {
    "identity": (0.0, False),
    "shear_x": (0.3, True),
    "shear_y": (0.3, True),
    "translate_x": (150 / 331, True),  # of the width
    "translate_y": (150 / 331, True),  # of the height
    "rotate": (30.0, True),  # degrees
    "brightness": (0.9, True),
    "saturation": (0.9, True),
    "contrast": (0.9, True),
    "sharpness": (0.9, True),
    "posterize": (4.0, False),  # bits of eight that are lost
    "solarize": (1.0, False),  # by how much the threshold lies below 1
    "autocontrast": (0.0, False),
    "equalize": (0.0, False),
}
WHOLE = {"contrast", "autocontrast", "equalize"}  # what looks at all values: those of a tuple's frames together


class RandAugment(Transform):
    """Do some operations one after the other, each drawn from a set of fourteen, in training only.

    Set, strengths and operations are torchvision's; those that move pixels take the nearest one, and fill with black.
    Windows that `MultiView` keeps do not tell of such moves. Frames of a tuple share all of it.

    Args:
        num_ops: operations, drawn with repetition.
        magnitude: strength of all, from 0 to ``num_magnitude_bins`` - 1.
        num_magnitude_bins: steps of strength.
        chance: share of the operations drawn that are done (1 in the paper; 0.5 in timm and what follows it).
        scope: ``"tuple"`` or ``"frame"``.

    Raises:
        ValueError: for a magnitude outside its steps, or fewer than no operations.
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        chance: float = 1.0,
        scope: Scope = "tuple",
    ):
        if num_ops < 0:
            raise ValueError(f"num_ops must be at least 0; got {num_ops}")
        if num_magnitude_bins < 2 or not 0 <= magnitude < num_magnitude_bins:
            raise ValueError(
                "magnitude must be in [0, num_magnitude_bins), of at least 2 bins; "
                f"got magnitude={magnitude}, num_magnitude_bins={num_magnitude_bins}"
            )
        self.num_ops, self.magnitude, self.bins = num_ops, magnitude, num_magnitude_bins
        self.chance = check_chance(chance)
        self.scope: Scope = scope

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        frames = unit(frames)
        if not train:
            return frames
        numbers = draw_by_scope(draws, frames, self.scope, self.num_ops, 3, low=0, high=1).flatten(0, 1)
        which = (numbers[..., 0] * len(OPERATIONS)).long().where(numbers[..., 2] < self.chance, 0)
        negative = numbers[..., 1] < 0.5
        done = by_scope(frames, self.scope).clone()
        sides = {"translate_x": frames.shape[-1], "translate_y": frames.shape[-2]}
        for step in range(self.num_ops):
            for number, (name, (greatest, signed)) in enumerate(OPERATIONS.items()):
                for sign in (1, -1) if signed else (1,):
                    rows = which[:, step] == number
                    rows = rows & (negative[:, step] == (sign < 0)) if signed else rows
                    rows = rows.nonzero()[:, 0]
                    if len(rows) and name != "identity":
                        most = greatest * sides.get(name, 1)
                        strength = float(torch.linspace(0, most, self.bins)[self.magnitude])
                        done[rows] = operate(name, done[rows], sign * strength)
        return done.view(frames.shape)


def operate(name: str, frames: Tensor, strength: float) -> Tensor:
    """Do an operation to frames in [0, 1] ``(items, frames, 3, H, W)``."""
    if name in WHOLE:  # the frames of an item below one another are one picture
        tall = frames.transpose(1, 2).flatten(2, 3)
        if name == "contrast":
            changed = tv.adjust_contrast(tall, 1 + strength)
        else:
            changed = tv.autocontrast(tall) if name == "autocontrast" else tv.equalize(tall)
        return changed.unflatten(2, (frames.shape[1], frames.shape[3])).transpose(1, 2)
    if name == "brightness":
        return tv.adjust_brightness(frames, 1 + strength)
    if name == "saturation":
        return tv.adjust_saturation(frames, 1 + strength)
    if name == "sharpness":
        return tv.adjust_sharpness(frames, 1 + strength)
    if name == "posterize":
        return tv.posterize(frames, 8 - round(strength))
    if name == "solarize":
        return tv.solarize(frames, 1 - strength)
    return move(name, frames, strength)


def move(name: str, frames: Tensor, strength: float) -> Tensor:
    """Shear from the upper left corner, shift by pixels, or turn by degrees."""
    if name == "rotate":
        return tv.rotate(frames, strength)
    shear, shift = [0.0, 0.0], [0.0, 0.0]
    axis = 0 if name.endswith("_x") else 1
    if name.startswith("shear"):
        shear[axis] = math.degrees(math.atan(strength))
    else:
        shift[axis] = math.trunc(strength)
    corner = [0.0, 0.0] if name.startswith("shear") else None
    return tv.affine(frames, 0.0, shift, 1.0, shear, center=corner)
