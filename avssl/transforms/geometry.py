"""Changes of place and size."""

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.transforms.base import Scope, check_chance, constant, draw_by_scope, draw_mask
from avssl.transforms.draws import Draws
from avssl.transforms.geometric import Geometric, Window, whole


class Crop(Geometric):
    """Cut a window out: anywhere in training, the middle in evaluation.

    Args:
        size: side of the square window, or (height, width), in pixels.
        scope: ``"tuple"`` (all frames of a tuple alike) or ``"frame"``.

    Raises:
        ValueError: if the frames are smaller than the window.
    """

    def __init__(self, size: int | tuple[int, int], scope: Scope = "tuple"):
        self.size = (size, size) if isinstance(size, int) else size
        self.scope: Scope = scope

    def window(self, frames: Tensor, draws: Draws, train: bool = True) -> Window:
        room = [have - want for have, want in zip(frames.shape[-2:], self.size, strict=True)]
        if min(room) < 0:
            came, need = "x".join(map(str, frames.shape[-2:])), "x".join(map(str, self.size))
            raise ValueError(f"cannot crop {need} pixels out of frames of {came}; load them at a larger size")
        place = draw_by_scope(draws, frames, self.scope, 2, low=0, high=1) if train else frames.new_full((1, 1, 2), 0.5)
        starts = (place * (frames.new_tensor(room) + 1)).long() if train else (place * frames.new_tensor(room)).long()
        boxes = torch.cat([starts, constant(self.size, frames.device).expand(*starts.shape)], -1)
        return Window(boxes=boxes.expand(len(frames), -1, 4), flipped=None, size=self.size)

    def show(self, frames: Tensor, window: Window) -> Tensor:
        starts = window.boxes[..., :2].expand(*frames.shape[:2], 2)
        rows = starts[..., 0, None] + torch.arange(self.size[0], device=frames.device)
        columns = starts[..., 1, None] + torch.arange(self.size[1], device=frames.device)
        frames = frames.gather(3, rows[:, :, None, :, None].expand(-1, -1, 3, -1, frames.shape[-1]))
        return frames.gather(4, columns[:, :, None, None, :].expand(-1, -1, 3, frames.shape[-2], -1))


class Trim(Geometric):
    """Take the rim off all frames, in training and evaluation: black bars of films, whose noise may tell the time.

    Args:
        rim: pixels off each side.

    Raises:
        ValueError: for a rim below 0; when called, if nothing is left.
    """

    def __init__(self, rim: int = 4):
        if rim < 0:
            raise ValueError(f"rim must be at least 0 pixels; got {rim}")
        self.rim = rim

    def window(self, frames: Tensor, draws: Draws, train: bool = True) -> Window:
        height, width = frames.shape[-2:]
        if min(height, width) <= 2 * self.rim:
            raise ValueError(f"cannot trim {self.rim} pixels off each side of frames of {height}x{width}")
        size = (height - 2 * self.rim, width - 2 * self.rim)
        boxes = constant((self.rim, self.rim, *size), frames.device).expand(len(frames), 1, 4)
        return Window(boxes=boxes, flipped=None, size=size)

    def show(self, frames: Tensor, window: Window) -> Tensor:
        height, width = window.size
        return frames[..., self.rim : self.rim + height, self.rim : self.rim + width]


class Flip(Geometric):
    """Mirror left and right, in training only.

    Args:
        chance: share of tuples (or frames) that are mirrored.
        scope: ``"tuple"`` or ``"frame"``.
    """

    def __init__(self, chance: float = 0.5, scope: Scope = "tuple"):
        self.chance = check_chance(chance)
        self.scope: Scope = scope

    def window(self, frames: Tensor, draws: Draws, train: bool = True) -> Window:
        flipped = draw_mask(draws, frames, self.scope, self.chance)[..., 0, 0, 0] if train else None
        return Window(boxes=whole(frames), flipped=flipped, size=(frames.shape[-2], frames.shape[-1]))

    def show(self, frames: Tensor, window: Window) -> Tensor:
        if window.flipped is None:
            return frames
        return frames.flip(-1).where(window.flipped[..., None, None, None], frames)


class Resize(Geometric):
    """Warp to a fixed size (bilinear, antialiased), in training and evaluation.

    Args:
        size: side of the square, or (height, width), in pixels.
    """

    def __init__(self, size: int | tuple[int, int]):
        self.size = (size, size) if isinstance(size, int) else size

    def window(self, frames: Tensor, draws: Draws, train: bool = True) -> Window:
        return Window(boxes=whole(frames), flipped=None, size=self.size)

    def show(self, frames: Tensor, window: Window) -> Tensor:
        if tuple(frames.shape[-2:]) == self.size:
            return frames
        flat = F.interpolate(frames.flatten(0, 1), size=self.size, mode="bilinear", antialias=True)
        return flat.unflatten(0, frames.shape[:2])
