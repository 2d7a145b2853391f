"""What methods that hide tokens share: clips with keys, means over what counts, and what tells a collapse."""

from abc import ABC
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.methods.base import Batch, Method
from avssl.methods.collapse import directions, spread
from avssl.methods.inputs import as_batch, to_float
from avssl.nets import Encoder, TubeletViT
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import numbered, stream_of

MASKS = -3  # the stream of chance of masks, beside that of views


class MaskedMethod(Method, ABC):
    """A method whose encoder sees some tokens of each clip and tells something of the others.

    Each clip of an item counts by itself: four clips of a recording from one decoding cost
    about as much as two by themselves.
    Measured beside what ``forward`` returns: ``rank`` and ``spread`` of the encoder's features of whole clips
    (`avssl.methods.collapse`).

    Args:
        encoder: a transformer that can leave tokens out.
        views: transforms of the clips, in order; all frames of a clip alike.

    Raises:
        ValueError: for another encoder.
    """

    encoder: TubeletViT

    def __init__(self, encoder: Encoder, views: Sequence[Transform] = ()):
        super().__init__()
        if not isinstance(encoder, TubeletViT):
            raise ValueError(
                f"{type(self).__name__} hides tokens, and {type(encoder).__name__} cannot leave any out; use TubeletViT"
            )
        self.encoder = encoder  # pyright: ignore[reportIncompatibleVariableOverride]
        self.views = tuple(views)

    def clips_of(self, batch: Batch | Tensor) -> tuple[Tensor, Draws, Tensor]:
        """Return the clips of a batch as views show them, one stream of chance each, and which tokens count.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            Float in [0, 1], ``(clips, frames, 3, H, W)``, for an encoder of pictures each frame by itself; draws for
            masks; and bool ``(clips, tokens)``, False where all frames of a token only pad the clip.

        Raises:
            ValueError: if tokens do not divide the clips.
        """
        batch = as_batch(batch)
        frames = batch["frames"]
        pictures = self.encoder.takes == "pictures"
        parts = frames.shape[1] * (frames.shape[2] if pictures else 1)
        key = numbered(batch["key"], parts).flatten(0, 1)
        clips = frames.reshape(-1, 1 if pictures else frames.shape[2], *frames.shape[3:])
        clips = apply_views(self.views, to_float(clips), Draws(key), self.training)
        times, *places = self.encoder.grid(self.shown(clips))
        valid = batch["valid"] if "valid" in batch else torch.ones_like(frames[..., 0, 0, 0], dtype=torch.bool)
        counted = valid.reshape(len(clips), times, -1).any(2)
        counted = counted[:, :, None].expand(-1, -1, places[0] * places[1]).flatten(1)
        return clips, Draws(stream_of(key, MASKS)), counted

    def shown(self, clips: Tensor) -> Tensor:
        """Return clips as the encoder takes them: of pictures the only frame."""
        return clips[:, 0] if self.encoder.takes == "pictures" else clips

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return the means of what ``forward`` returns, and ``rank`` and ``spread`` of features of whole clips."""
        rows: list[Tensor] = []
        scores = super().measure(self._noted(batches, rows))
        if not rows:
            return scores
        features = torch.cat(rows)
        return scores | {"rank": directions(features).item(), "spread": spread(features).item()}

    def _noted(self, batches: Iterable[Any], rows: list[Tensor]) -> Iterator[Any]:
        for batch in batches:
            rows.append(self.encoder(self.shown(self.clips_of(batch)[0])).float())
            yield batch

    def warnings(self, scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
        """Return a line for each data set whose features take up less than half of the directions of the start."""
        return [
            f"warning: features of {name.rpartition('/')[0] or 'the data'} seem to collapse: they take up about "
            f"{value:.1f} directions (rank; random start {start[name]:.1f}); the loss does not show it"
            for name, value in scores.items()
            if name.rpartition("/")[2] == "rank" and value < start.get(name, 0.0) / 2
        ]


def mean_of_counted(errors: Tensor, counted: Tensor) -> Tensor:
    """Return the mean over the tokens that count of all processes, with gradient; 0 where none does.

    Args:
        errors: ``(N, tokens)``.
        counted: bool, likewise, or weights.
    """
    errors, weights = all_gather(errors), all_gather(counted.to(errors.dtype))
    return (errors * weights).sum() / weights.sum().clamp(min=1e-6)
