"""What methods of several views of an item share: views, embeddings, and what tells a collapse."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from avssl.methods.base import Batch, Method
from avssl.methods.collapse import collapse_of, directions, spread
from avssl.methods.inputs import as_batch, to_float
from avssl.methods.recordings import in_company
from avssl.nets import Encoder, SoundEncoder, Teacher
from avssl.nets.clips import encode_clips
from avssl.transforms import ColorJitter, MultiView, Transform
from avssl.transforms.multiview import View

Recipes = Sequence[Sequence[Transform]]


class Embedder(nn.Module):
    """An encoder and the head behind it, as one network of views.

    Args:
        encoder: of pictures or of clips.
        heads: applied to its features one after the other.
    """

    def __init__(self, encoder: Encoder, *heads: nn.Module):
        super().__init__()
        self.encoder, self.heads = encoder, nn.Sequential(*heads)

    def forward(self, frames: Tensor) -> Tensor:
        """Return embeddings ``(N, dim)`` of views ``(N, frames, 3, H, W)``.

        An encoder of pictures sees each frame, and its features are averaged over the frames before the head.
        """
        return self.heads(encode_clips(self.encoder, frames))


class MultiViewMethod(Method):
    """A method that compares views of the same item: of a picture, of frames, of clips.

    Clips of an item are its views; with fewer clips than views, augmentations make up the rest (`MultiView`). Views are
    drawn by the item's key when it is measured too, or both views of a held-out item would be the same. Measured beside
    what ``forward`` returns: ``spread`` and ``rank`` of the embeddings before their last normalisation, over the whole
    data set (`avssl.methods.collapse`).

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view, such as those of `avssl.transforms.recipes`.

    Attributes:
        least_views: how many views an item needs: 1 where views are compared with a memory and not with each other.

    Raises:
        ValueError: for fewer views than that, or views that `MultiView` refuses.
    """

    least_recordings = 2
    least_views: int = 2
    head: nn.Sequential

    def __init__(self, encoder: Encoder, views: Recipes):
        super().__init__()
        self.encoder, self.views = encoder, MultiView(views)
        self.grey = False
        if len(self.views) < self.least_views:
            raise ValueError(
                f"needs at least {self.least_views} views, a list of transforms for each; got {len(self.views)}"
            )

    def views_of(self, batch: Batch | Tensor) -> tuple[Batch, list[View]]:
        """Return a batch as a dict, and the views of its items.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them.

        Raises:
            ValueError: for fewer than two items to learn from, or frames that are none.
        """
        batch = as_batch(batch, remembers=self.remembers and self.training)
        frames = batch["frames"]
        if self.training and len(frames) < 2:
            raise ValueError(f"{type(self).__name__} compares items, and got {len(frames)}: use a batch of at least 2")
        if frames.is_floating_point():
            frames = to_float(frames)  # checks their range
        return batch, self.views(frames, batch["key"])

    def plain_views(self, batch: Batch) -> list[View]:
        """Return how evaluation sees the clips of a batch's items: a view for each clip, nothing drawn by chance."""
        batch = as_batch(batch)
        return self.views(batch["frames"], batch["key"], train=False)[: batch["frames"].shape[1]]

    def plain_rows(self, batch: Batch, network: nn.Module) -> Tensor:
        """Return what a network makes of items as evaluation sees them, the mean over their clips, ``(N, dim)``."""
        return torch.stack([network(view.frames).float() for view in self.plain_views(batch)]).mean(0)

    def student(self) -> nn.Module:
        """Return encoder and head as one network, of which a teacher can be a copy."""
        return Embedder(self.encoder, self.head)

    def embed(self, views: Sequence[View], together: bool = False) -> list[Tensor]:
        """Return the student's embeddings of views, ``(N, dim)`` each.

        Args:
            views: of the items.
            together: take neighbouring views of one size in one pass, with common batch statistics, as SimCLR, SwAV
                and DINO do; False passes each by itself.
        """
        return passes(self.student(), views, together)

    def watched(self) -> nn.Linear:
        """Return the module whose outputs tell a collapse: the last linear map of the head, before any norm."""
        return next(module for module in self.head[-1].modules() if isinstance(module, nn.Linear))

    def averaged(self) -> Teacher | None:
        """Return the teacher that follows the student as a moving average, where the method has one."""
        teacher = getattr(self, "teacher", None)
        return teacher if isinstance(teacher, Teacher) else None

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the student's encoder and, where a teacher follows it, the teacher's, as ``teacher``."""
        found, teacher = super().exports(), self.averaged()
        if teacher is not None:
            followed = teacher.network.encoder
            assert isinstance(followed, Encoder)
            found["teacher"] = followed
        return found

    def after_step(self, step: int, steps: int) -> None:
        """Move the teacher, where one follows the student."""
        teacher = self.averaged()
        if teacher is not None:
            teacher.update(self.student(), step, steps)

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return the means of what ``forward`` returns, and ``spread`` and ``rank`` of all embeddings.

        An item alone, which has nothing to be compared with, is counted as ``alone``.
        """
        rows: list[Tensor] = []
        lone: list[Any] = []
        hook = self.watched().register_forward_hook(lambda _module, _inputs, output: rows.append(output.float()))
        try:
            scores = super().measure(self.noted(in_company(batches), lone))
        finally:
            hook.remove()
        if not rows:
            return {"alone": float(len(lone))}
        embeddings = torch.cat(rows)
        return scores | {"spread": spread(embeddings).item(), "rank": directions(embeddings).item()}

    def noted(self, batches: Iterable[Any], lone: list[Any]) -> Iterable[Any]:
        """Yield batches of two items and more, put others on a list, and note whether all pictures are grey."""
        self.grey = True
        for batch in batches:
            frames = batch if isinstance(batch, Tensor) else batch["frames"]
            if len(frames) < 2:
                lone.append(batch)
                continue
            channels = frames.unbind(-3)
            self.grey = self.grey and bool((channels[0] == channels[1]).all() and (channels[0] == channels[2]).all())
            yield batch

    def warnings(self, scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
        """Return lines where embeddings collapse and, at the start, where a jitter of colours meets grey pictures."""
        lines = collapse_of(scores, start, self.watched().out_features)
        jitters = [one for recipe in self.views.recipes for one in recipe if isinstance(one, ColorJitter)]
        if self.grey and scores == start and any(jitter.colours for jitter in jitters):
            lines.append("the pictures are grey, so jitter of saturation and hue changes nothing of them")
        return lines


def passes(network: nn.Module, views: Sequence[View], together: bool) -> list[Tensor]:
    """Return what a network makes of views, ``(N, dim)`` each; neighbours of one size together, or each by itself."""
    found: list[Tensor] = []
    groups = groupby(enumerate(views), key=lambda view: view[1].frames.shape if together else view[0])
    for _, group in groups:
        frames = [view.frames for _, view in group]
        found += network(torch.cat(frames)).chunk(len(frames))
    return found
