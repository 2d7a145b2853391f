"""What is asked of methods of correspondence: clips with one cue or none, and how often nodes match in them."""

from math import isqrt
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.losses import palindrome_walk
from avssl.methods import Method
from avssl.nets.map_net import grey_pictures

TEMPERATURE = 0.07  # of the walks that are asked about
GRAIN = 4  # pixels of a grain of noise, about as large as a cell
CLIPS = 24  # of noise, at least
LEAK = 2.5  # times chance
SCENE = "noise"  # the row in which nothing but the place can match


class Found(NamedTuple):
    """What a method does on clips.

    Attributes:
        returned: share of walks there and back that end where they began.
        match: share of nodes whose most similar one in the next frame lies at the same place.
        rim: the same of nodes at the border; NaN where nodes make no square.
        chance: of a match.
        trials: nodes that were asked.
    """

    returned: float
    match: float
    rim: float
    chance: float
    trials: int

    @property
    def leaks(self) -> bool:
        """Whether places match far more often than by chance: meant for frames in which nothing else can."""
        error = (self.chance * (1 - self.chance) / self.trials) ** 0.5
        return self.match > max(LEAK * self.chance, self.chance + 4 * error)


def controls(clips: Tensor, seed: int) -> dict[str, Tensor]:
    """Return clips that leave one cue alone or none, by name.

    Args:
        clips: float in [0, 1], ``(clips, frames, 3, H, W)``, no fewer than a clip has frames, each of another video.
        seed: of the noise.
    """
    count, frames = clips.shape[:2]
    chance = torch.Generator().manual_seed(seed)
    size = (max(1, clips.shape[-2] // GRAIN), max(1, clips.shape[-1] // GRAIN))
    grains = torch.randn(max(count, CLIPS) * frames, 3, *size, generator=chance)
    noise = F.interpolate(grains, size=clips.shape[-2:], mode="bilinear", align_corners=False)
    noise = (0.5 + 0.25 * noise / noise.std()).clamp(0, 1).unflatten(0, (-1, frames))
    whose = (torch.arange(count)[:, None] + torch.arange(frames)) % count
    return {
        "as they are": clips,
        "static": clips[:, :1].expand_as(clips),
        SCENE: noise.to(clips.device),
        "other videos": clips[whose, torch.arange(frames)],
        "grey": grey_pictures(clips),
        "hue turned": clips.roll(1, 2),
        "reversed": clips.flip(1),
    }


@torch.no_grad()
def nodes_of(method: Method, clips: Tensor, layer: str) -> Tensor:
    """Return what a method links in clips ``(clips, frames, 3, H, W)``, ``(clips, frames, nodes, dim)``.

    They are its own ``nodes`` where it has them, else the cells of a layer of its encoder.
    """
    own = getattr(method, "nodes", None)
    if own is not None:
        place = torch.arange(len(clips), device=clips.device)
        return own(clips, torch.stack([torch.zeros_like(place), torch.zeros_like(place), place], 1))
    maps = method.encoder.taps(clips.flatten(0, 1), [layer], whole=False)[layer]
    return maps.flatten(2).mT.unflatten(0, clips.shape[:2])


@torch.no_grad()
def ask(method: Method, clips: Tensor, layer: str) -> Found:
    """Return how often walks come home and places match, in evaluation mode."""
    nodes = nodes_of(method.eval(), clips, layer)
    units, count = F.normalize(nodes.float(), dim=-1), nodes.shape[2]
    here = torch.arange(count, device=nodes.device)
    match = ((units[:, :-1] @ units[:, 1:].mT).argmax(-1) == here).float()
    side, rim = isqrt(count), torch.zeros(count, dtype=torch.bool)
    if side * side == count:
        rim = (torch.stack([here // side, here % side]).cpu() % max(1, side - 1) == 0).any(0)
    return Found(
        returned=palindrome_walk(nodes, TEMPERATURE).returned.mean().item(),
        match=match.mean().item(),
        rim=match[..., rim.to(match.device)].mean().item(),
        chance=1 / count,
        trials=match.numel(),
    )
