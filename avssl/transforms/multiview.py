"""Several views of an item: the one rule by which all methods of views see pictures and video alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avssl.config import Recorded
from avssl.transforms.base import Transform, unit
from avssl.transforms.crops import RandomResizedCrop
from avssl.transforms.draws import Draws, numbered
from avssl.transforms.geometric import Geometric, Window, cannot_carry, whole
from avssl.transforms.geometry import Flip, Resize

ONCE = (RandomResizedCrop, Flip)  # what is kept of a view: at most one of each, in this order


@dataclass(frozen=True, eq=False, kw_only=True)
class View:
    """One view of each item of a batch.

    Attributes:
        frames: float in [0, 1], ``(N, frames, 3, H, W)``; one frame of pictures.
        boxes: the window of the item's frames that the view shows: top, left, height and width in their pixels, int64
            ``(N, 1, 4)``, or ``(N, frames, 4)`` where each frame has its own.
        flipped: whether it shows the window mirrored, bool ``(N, 1)`` or ``(N, frames)``.
        clip: which clip of the item it shows.
        moved: the first of its transforms that may have moved things within the window; empty for none.
    """

    frames: Tensor
    boxes: Tensor
    flipped: Tensor
    clip: int
    moved: str = ""

    def carry(self, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return labels of the clip that it shows, ``(N, frames, ...)``, as it shows them, see `Window.carry`.

        Raises:
            ValueError: if a transform of the view moves things and does not tell where to.
        """
        if self.moved and labels:
            raise ValueError(cannot_carry(self.moved, labels))
        size = (self.frames.shape[-2], self.frames.shape[-1])
        return Window(boxes=self.boxes, flipped=self.flipped, size=size).carry(labels)


class MultiView(Recorded):
    """Makes several views of each item, each by a recipe and by a stream of chance of its own.

    The clips of an item are its views; with fewer clips than views, further augmentations of the same clips make up the
    rest: view ``v`` shows clip ``v % clips``. Views may have sizes of their own (large and small crops). The same key
    gives the same views, whatever the batch around the item.

    Args:
        recipes: for each view the transforms that make it, such as those of `avssl.transforms.recipes`. Each has
            at most one `RandomResizedCrop` and one `Flip`, the crop first, which the views tell of; a `Resize` behind
            the crop; and nothing else that shows a part, such as `Crop` or `Trim`.

    Raises:
        ValueError: for no recipe, or one whose window could not be told.

    Examples:
        >>> from avssl.transforms.recipes import moco_v2
        >>> pictures = torch.rand(2, 3, 32, 32)
        >>> first, second = MultiView(moco_v2(size=24))(pictures, key=torch.tensor([[0, 0, 7], [0, 0, 8]]))
        >>> first.frames.shape, second.boxes.shape
        (torch.Size([2, 1, 3, 24, 24]), torch.Size([2, 1, 4]))
    """

    def __init__(self, recipes: Sequence[Sequence[Transform]]):
        self.recipes = [list(recipe) for recipe in recipes]
        if not self.recipes:
            raise ValueError("needs a recipe, a list of transforms, for each view; got none")
        for recipe in self.recipes:
            kept = [type(one) for one in recipe if isinstance(one, ONCE)]
            others = [one for one in recipe if isinstance(one, Geometric) and not isinstance(one, (*ONCE, Resize))]
            late = any(isinstance(one, Resize) for one in recipe[: cropped_at(recipe)])
            if kept != [one for one in ONCE if one in kept] or others or late:
                names = ", ".join(type(transform).__name__ for transform in recipe)
                raise ValueError(
                    "a recipe has at most one RandomResizedCrop, at most one Flip and Resize behind it, and no Crop or "
                    f"Trim, so that the window of a view can be told; got {names}"
                )

    def __len__(self) -> int:
        """Return how many views an item has."""
        return len(self.recipes)

    def __call__(self, frames: Tensor, key: Tensor, train: bool = True) -> list[View]:
        """Return the views of items.

        Args:
            frames: uint8, or float in [0, 1]: pictures ``(N, 3, H, W)``, clips ``(N, frames, 3, H, W)``, or several
                clips an item ``(N, clips, frames, 3, H, W)``.
            key: names each item, int64 ``(N, parts)``.
            train: False for the look that evaluation takes.

        Raises:
            ValueError: for other shapes, or more clips than views.
        """
        clips = clips_of(frames)
        if clips.shape[1] > len(self):
            raise ValueError(
                f"got {clips.shape[1]} clips an item for {len(self)} views; each clip is a view, so let the sampler "
                "give at most as many, or set more views"
            )
        keys = numbered(key, len(self))
        views = []
        for number, recipe in enumerate(self.recipes):
            clip = number % clips.shape[1]
            views.append(self.show(clips[:, clip], recipe, Draws(keys[:, number]), train, clip))
        return views

    def show(self, frames: Tensor, recipe: Sequence[Transform], draws: Draws, train: bool, clip: int) -> View:
        """Return the view of ``(N, frames, 3, H, W)`` that a recipe makes."""
        boxes, moved = whole(frames), ""
        flipped = torch.zeros(len(frames), 1, dtype=torch.bool, device=frames.device)
        for transform in recipe:
            if isinstance(transform, Geometric):
                window = transform.window(frames, draws, train)
                frames = transform.show(frames, window)
                boxes = window.boxes if isinstance(transform, RandomResizedCrop) else boxes
                flipped = flipped if window.flipped is None else window.flipped
            else:
                frames = transform(frames, draws, train)
                moved = moved or ("" if transform.keeps_places else type(transform).__name__)
        return View(frames=unit(frames), boxes=boxes, flipped=flipped, clip=clip, moved=moved)


def cropped_at(recipe: Sequence[Transform]) -> int:
    """Return the place of the crop in a recipe, 0 without one."""
    return next((place for place, one in enumerate(recipe) if isinstance(one, RandomResizedCrop)), 0)


def clips_of(frames: Tensor) -> Tensor:
    """Return pictures, clips, or several clips an item, as ``(N, clips, frames, 3, H, W)``."""
    if frames.ndim not in (4, 5, 6) or frames.shape[-3] != 3:
        raise ValueError(
            "frames are pictures (N, 3, H, W), clips (N, frames, 3, H, W) or several clips an item "
            f"(N, clips, frames, 3, H, W); got {tuple(frames.shape)}"
        )
    for _ in range(6 - frames.ndim):
        frames = frames[:, None]
    return frames
