"""What changes of place share: each shows a window of the frames, and labels of places go through the same window."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avssl.transforms.base import Transform, constant
from avssl.transforms.draws import Draws


@dataclass(frozen=True, eq=False, kw_only=True)
class Window:
    """Which part of frames is seen, mirrored or not, and how large.

    Args:
        boxes: top, left, height and width in pixels of the frames, int64 ``(tuples, frames or 1, 4)``.
        flipped: whether left and right are exchanged, bool ``(tuples, frames or 1)``; None for nowhere.
        size: height and width that it is seen at, in pixels.
    """

    boxes: Tensor
    flipped: Tensor | None
    size: tuple[int, int]

    def carry(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return labels of the frames as labels of what is seen, by name.

        Args:
            labels: any of ``masks``, numbers ``(tuples, frames, H, W)``: each pixel takes the one at its place, so that
                nothing is mixed and 255 stays void; ``keypoints`` (x, y), ``(tuples, frames, points, 2)``, 0 the centre
                of a pixel: those outside the window lie outside of what is seen, and their order stays, so that a
                mirrored left hand is still the left one's number; ``boxes``, left, top, right and bottom edges,
                ``(tuples, frames, 4)``, 0 the edge of the first pixel.

        Raises:
            ValueError: for labels of another name, whose kind nobody knows.
        """
        ways = {"masks": self.masks, "keypoints": self.points, "boxes": self.edges}
        if odd := sorted(set(labels) - set(ways)):
            raise ValueError(f"labels {odd[0]!r} cannot be carried through views; {', '.join(ways)} can")
        return {name: ways[name](value) for name, value in labels.items()}

    def masks(self, masks: Tensor) -> Tensor:
        """Return masks ``(tuples, frames, H, W)`` as they are seen."""
        shape = masks.shape[:2]
        tops, lefts, heights, widths = self.boxes.expand(*shape, 4).unbind(-1)
        rows = nearest_places(tops, heights, self.size[0])
        columns = nearest_places(lefts, widths, self.size[1])
        if self.flipped is not None:
            columns = columns.flip(-1).where(self.flipped.expand(shape)[..., None], columns)
        masks = masks.gather(2, rows[..., None].expand(-1, -1, -1, masks.shape[-1]))
        return masks.gather(3, columns[:, :, None].expand(-1, -1, self.size[0], -1))

    def points(self, points: Tensor) -> Tensor:
        """Return points ``(tuples, frames, points, 2)`` in pixels of what is seen; unknown ones stay NaN."""
        boxes = self.boxes.to(points.dtype)
        corner, sides = boxes[..., None, [1, 0]], boxes[..., None, [3, 2]]
        size = constant((self.size[1], self.size[0]), points.device, points.dtype)
        seen = (points + 0.5 - corner) * (size / sides) - 0.5
        if self.flipped is None:
            return seen
        mirrored = torch.stack([self.size[1] - 1 - seen[..., 0], seen[..., 1]], -1)
        return mirrored.where(self.flipped[..., None, None], seen)

    def edges(self, boxes: Tensor) -> Tensor:
        """Return boxes ``(tuples, frames, 4)`` by their edges in pixels of what is seen."""
        corners = self.points(boxes.unflatten(-1, (2, 2)) - 0.5) + 0.5
        return torch.cat([corners.amin(-2), corners.amax(-2)], -1)


class Geometric(Transform, ABC):
    """Shows a window of the frames: what is drawn (`window`) stands apart from what is done with it (`show`)."""

    def __call__(self, frames: Tensor, draws: Draws, train: bool = True) -> Tensor:
        return self.show(frames, self.window(frames, draws, train))

    @abstractmethod
    def window(self, frames: Tensor, draws: Draws, train: bool = True) -> Window:
        """Return which window is shown, of which a part may be drawn; of the frames only the shape counts."""

    @abstractmethod
    def show(self, frames: Tensor, window: Window) -> Tensor:
        """Return the frames as the window shows them."""


def apply_with_labels(
    views: Sequence[Transform], frames: Tensor, labels: Mapping[str, Tensor], draws: Draws, train: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return frames as views show them, as `apply_views` does by the same draws, and their labels of places.

    Args:
        views: transforms, one after the other.
        frames: ``(tuples, frames, 3, H, W)``.
        labels: as `Window.carry` takes them.
        draws: one stream a tuple.
        train: False for the look that evaluation takes.

    Raises:
        ValueError: if a transform may move what is seen and does not tell where to.
    """
    found = dict(labels)
    for view in views:
        if isinstance(view, Geometric):
            window = view.window(frames, draws, train)
            frames, found = view.show(frames, window), window.carry(found)
        elif found and not view.keeps_places:
            raise ValueError(cannot_carry(type(view).__name__, found))
        else:
            frames = view(frames, draws, train=train)
    return frames, found


def cannot_carry(name: str, labels: Mapping[str, Tensor]) -> str:
    """Return why labels cannot go through a transform, and what to do."""
    return (
        f"{name} may move what is seen and does not tell where to, so {' and '.join(labels)} cannot follow; leave it "
        "out, or let its class inherit from Geometric, or say keeps_places = True if nothing moves"
    )


def whole(frames: Tensor) -> Tensor:
    """Return the box of all of the frames, int64 ``(tuples, 1, 4)``."""
    return constant((0, 0, *frames.shape[-2:]), frames.device).expand(len(frames), 1, 4)


def nearest_places(start: Tensor, length: Tensor, wanted: int) -> Tensor:
    """Return which pixel of a stretch lies at the middle of each of ``wanted`` new ones, int64 ``(..., wanted)``.

    Examples:
        >>> nearest_places(torch.tensor([2]), torch.tensor([6]), 3).tolist()
        [[3, 5, 7]]
    """
    middles = 2 * torch.arange(wanted, device=start.device) + 1
    return start[..., None] + (middles * length[..., None]) // (2 * wanted)
