"""Cues that tell a place or an item without anything being understood: planted, to see who takes them.

Doersch, Gupta and Efros, "Unsupervised Visual Representation Learning by Context Prediction", ICCV 2015, section 3.1,
names them: boundaries and textures that run on between patches, low-level statistics, and the aberration of lenses.
https://arxiv.org/abs/1505.05192
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.transforms.base import Transform, check_chance
from avssl.transforms.draws import Draws


class Aberration(Transform):
    """Magnify red and blue about the middle, and leave green: the colours of an edge part the more, the further out.

    So do lenses (lateral chromatic aberration), by a pixel or two at the rim of a photograph.

    Args:
        shift: how far red and blue lie from green at the middle of each side, in pixels.

    Raises:
        ValueError: for a negative shift.
    """

    keeps_places = True  # green stays

    def __init__(self, shift: float = 1.5):
        if shift < 0:
            raise ValueError(f"shift must be at least 0 pixels; got {shift}")
        self.shift = shift

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        flat = frames.flatten(0, 1)
        down, right = places(flat)
        height, width = flat.shape[-2:]
        inward = [1 - 2 * self.shift / side for side in (width, height)]  # larger pictures are looked up nearer in
        grid = torch.stack([(right * inward[0]).expand(height, width), (down * inward[1]).expand(height, width)], -1)
        grid = grid.expand(len(flat), -1, -1, -1)
        magnified = F.grid_sample(flat, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
        green = torch.tensor([False, True, False], device=frames.device).view(3, 1, 1)
        return flat.where(green, magnified).unflatten(0, frames.shape[:2])


class Vignette(Transform):
    """Darken towards the corners, with the square of the distance from the middle.

    Args:
        strength: share of their value that the corners lose; 0.4 in sRGB is about a stop and a half of light.

    Raises:
        ValueError: for a share outside [0, 1].
    """

    keeps_places = True

    def __init__(self, strength: float = 0.4):
        self.strength = check_chance(strength)

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        down, right = places(frames)
        return frames * (1 - self.strength * (down.square() + right.square()) / 2)


class Light(Transform):
    """Add light that falls off evenly from the upper left to the lower right, three times as fast downwards as across.

    So it still tells up from across where pictures are mirrored in training, as light straight from a corner would not.

    Args:
        strength: by how much the upper left corner is brighter than the lower right, in units of the full range.

    Raises:
        ValueError: for a strength outside [0, 1].
    """

    keeps_places = True

    def __init__(self, strength: float = 0.4):
        self.strength = check_chance(strength)

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        down, right = places(frames)
        return frames - self.strength * (3 * down + right) / 8


class Texture(Transform):
    """Add a grey texture that runs on from pixel to pixel, so that parts that touch continue each other.

    It is noise, blurred; pixels further apart than four times ``reach`` have nothing in common.

    Args:
        reach: standard deviation of the blur, in pixels.
        strength: standard deviation of the texture, in units of the full range.

    Raises:
        ValueError: for a reach that is not above 0, or a strength outside [0, 1].
    """

    keeps_places = True

    def __init__(self, reach: float = 1.0, strength: float = 0.2):
        if reach <= 0:
            raise ValueError(f"reach must be above 0 pixels; got {reach}")
        self.reach, self.strength = reach, check_chance(strength)

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        height, width = frames.shape[-2:]
        margin = round(3 * self.reach)
        noise = draws.uniform(1, height + 2 * margin, width + 2 * margin) - 0.5
        return frames + self.strength * blurred(noise, self.reach, margin)[:, None] * 12**0.5


class Lines(Transform):
    """Draw straight lines across each picture, from rim to rim, as many in every place and direction.

    Args:
        count: lines a picture; some only pass by its corners, unseen.
        strength: how much darker a line is, in units of the full range.

    Raises:
        ValueError: for a count below 1, or a strength outside [0, 1].
    """

    keeps_places = True

    def __init__(self, count: int = 6, strength: float = 0.4):
        if count < 1:
            raise ValueError(f"count must be at least 1; got {count}")
        self.count, self.strength = count, check_chance(strength)

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        height, width = frames.shape[-2:]
        down, right = places(frames)
        turn = draws.uniform(self.count, 1, 1) * torch.pi
        reach = (height**2 + width**2) ** 0.5 / 2  # corners see as many lines as the middle
        off = draws.uniform(self.count, 1, 1, low=-reach, high=reach)
        away = (turn.cos() * down * height / 2 + turn.sin() * right * width / 2 - off).abs()
        drawn = (1.5 - away).clamp(0, 1).amax(1)[:, None, None]
        return frames - self.strength * drawn


class Border(Transform):
    """Paint a border in a colour drawn for each tuple: it names an item among others, whatever the item shows.

    Methods that tell items apart (`avssl.methods.views`) can go by it alone, as by a frame or a watermark that all
    pictures of one source have.

    Args:
        width: of the border, in pixels.

    Raises:
        ValueError: for a width below 1.
    """

    keeps_places = True

    def __init__(self, width: int = 2):
        if width < 1:
            raise ValueError(f"width must be at least 1 pixel; got {width}")
        self.width = width

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        within = torch.zeros(frames.shape[-2:], dtype=torch.bool, device=frames.device)
        within[self.width : -self.width, self.width : -self.width] = True
        return frames.where(within, draws.uniform(1, 3, 1, 1))


def places(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far down ``(H, 1)`` and right ``(1, W)`` pixels lie: from -1 to 1 between the rims."""
    rows, columns = (
        (torch.arange(side, device=frames.device) * 2 + 1) / side - 1 for side in frames.shape[-2:]
    )  # middles of pixels
    return rows[:, None], columns[None]


def blurred(noise: Tensor, reach: float, margin: int) -> Tensor:
    """Blur noise ``(N, 1, H + 2 * margin, W + 2 * margin)`` to ``(N, 1, H, W)``; its spread stays."""
    along = torch.arange(-margin, margin + 1, device=noise.device) / reach
    weights = (-along.square() / 2).exp()
    weights = weights / weights.square().sum().sqrt()
    return F.conv2d(F.conv2d(noise, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
