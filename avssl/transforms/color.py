"""Changes of brightness and colour."""

from torch import Tensor

from avssl.transforms.base import Scope, Transform, check_chance, draw_by_scope, draw_mask, unit
from avssl.transforms.draws import Draws


class GainOffset(Transform):
    """Multiply each colour channel by a random gain and add a random offset, shared by the channels.

    Drawn a frame, it keeps plain pixel differences from telling which frames are neighbours in time. It
    works in evaluation too, because that shortcut would be open there again.

    Args:
        gain: gains lie in [1 - gain, 1 + gain).
        offset: offsets lie in [-offset, offset), in units of the full range.
        scope: ``"frame"`` or ``"tuple"``.

    Raises:
        ValueError: for a gain outside [0, 1) or a negative offset.
    """

    keeps_places = True

    def __init__(self, gain: float = 0.2, offset: float = 0.15, scope: Scope = "frame"):
        if not 0 <= gain < 1 or offset < 0:
            raise ValueError(f"gain must be in [0, 1) and offset at least 0; got gain={gain}, offset={offset}")
        self.gain, self.offset = gain, offset
        self.scope: Scope = scope

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        gain = draw_by_scope(draws, frames, self.scope, 3, 1, 1, low=1 - self.gain, high=1 + self.gain)
        return frames * gain + draw_by_scope(draws, frames, self.scope, 1, 1, 1, low=-self.offset, high=self.offset)


class Grey(Transform):
    """Take the colour out of some tuples or frames (ITU-R BT.601 luma in all three channels).

    Args:
        chance: share of tuples or frames that lose their colour, in training; none in evaluation.
        scope: ``"tuple"`` or ``"frame"``.
    """

    keeps_places = True

    def __init__(self, chance: float = 0.2, scope: Scope = "tuple"):
        self.chance = check_chance(chance)
        self.scope: Scope = scope

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        frames = unit(frames)
        if not train:
            return frames
        grey = (frames * frames.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(2, keepdim=True)
        return grey.where(draw_mask(draws, frames, self.scope, self.chance), frames)


class Solarize(Transform):
    """Invert the values from a threshold on in some tuples or frames, in training only.

    Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020, appendix B. https://arxiv.org/abs/2006.07733

    Args:
        chance: share of tuples (or frames) that are changed.
        threshold: in [0, 1]; values from it on become 1 minus themselves.
        scope: ``"tuple"`` or ``"frame"``.

    Raises:
        ValueError: for a threshold outside [0, 1].
    """

    keeps_places = True

    def __init__(self, chance: float = 0.2, threshold: float = 0.5, scope: Scope = "tuple"):
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be in [0, 1]; got {threshold}")
        self.chance, self.threshold = check_chance(chance), threshold
        self.scope: Scope = scope

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        frames = unit(frames)
        if not train:
            return frames
        chosen = draw_mask(draws, frames, self.scope, self.chance)
        return (1 - frames).where(chosen & (frames >= self.threshold), frames)
