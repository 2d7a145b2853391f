"""Tracked patches: the first and the last sight of what moves are alike, and nothing of other videos is.

Wang and Gupta, "Unsupervised Learning of Visual Representations using Videos", ICCV 2015, https://arxiv.org/abs/1505.00687.
Numbers with a star are from memory.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.distributed import all_gather
from avssl.losses import triplet_ranking
from avssl.methods.base import Batch, Method
from avssl.methods.correspondence.mining import Tracks, follow_windows, moving_windows
from avssl.methods.correspondence.moving import moving_clips
from avssl.methods.inputs import as_batch
from avssl.methods.recordings import recordings_of
from avssl.nets import Encoder
from avssl.nets.clips import channels_of_maps
from avssl.nets.encoders import require_takes
from avssl.nets.map_net import grey_pictures
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import numbered, stream_of
from avssl.transforms.windows import windows_at

WINDOWS, RIVALS = -21, -22  # last numbers of the keys that windows and random negatives are drawn by


class TrackedPatches(Method):
    """A window that moves is followed; its patches at both ends are a pair, patches of other recordings are negatives.

    Windows are those whose brightness changes most; a correlation filter follows each to the end of the clip and back,
    and a track counts if it comes back to where it began and has moved (one that stands still is the same patch twice).
    Negatives are random at first and the hardest later: hard ones from the start make all features alike, where the
    loss is the margin. Patches of one recording are never each other's negatives.

    Departures: tracks are made anew in each step, from the clips of the batch, not once beforehand; motion is change of
    brightness, not dense trajectories with the camera's motion removed; the filter is linear, not kernelised; all
    patches of a batch are each other's candidates. Use the map: evaluators see the encoder without the head.

    Args:
        encoder: of pictures.
        layer: whose map is averaged over a patch, out of ``encoder.layers``.
        patch: side in pixels (227 of frames of 448x600*, section 3).
        windows: that are tried in each clip.
        dim: numbers of a patch (1,024*).
        margin: of the ranking (0.5*, section 4).
        negatives: of each pair (the hardest 4*).
        hard_after: share of the training after which negatives are the hardest.
        error: farthest from its start that a way back may end, in pixels.
        moved: nearest to its start that a track may end, in pixels.
        views: transforms of each patch on its own.

    Raises:
        ValueError: if the layer gives vectors, or a number cannot be.

    Examples:
        >>> from avssl.nets import MapNet
        >>> method = TrackedPatches(MapNet(dim=8, width=4), layer="conv3", patch=8, dim=8)
        >>> sorted(method(torch.rand(3, 4, 3, 32, 32)))
        ['accuracy', 'active', 'kept', 'loss']
    """

    least_recordings = 2
    progress: Tensor

    def __init__(
        self,
        encoder: Encoder,
        layer: str,
        patch: int = 16,
        windows: int = 2,
        dim: int = 64,
        margin: float = 0.5,
        negatives: int = 4,
        hard_after: float = 1 / 3,
        error: float = 3.0,
        moved: float = 1.0,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        require_takes(encoder, "pictures", "TrackedPatches")
        if min(patch, windows, dim, negatives) < 1 or margin <= 0 or hard_after < 0 or min(error, moved) < 0:
            raise ValueError(
                "needs patch, windows, dim and negatives of at least 1, a margin above 0, and hard_after, error and "
                f"moved of at least 0; got {patch}, {windows}, {dim}, {negatives}, {margin}, {hard_after}, {error} and "
                f"{moved}"
            )
        self.encoder, self.layer, self.patch, self.windows = encoder, layer, patch, windows
        self.margin, self.negatives, self.hard_after = margin, negatives, hard_after
        self.error, self.moved, self.views = error, moved, tuple(views)
        (channels,) = channels_of_maps(encoder, [layer], who="TrackedPatches")
        self.head = nn.Linear(channels, dim)
        self.register_buffer("progress", torch.zeros(()))

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Follow windows and rank their patches.

        Args:
            batch: clips, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss``, `avssl.losses.triplet_ranking`; ``active``, the share of triplets that lack something to
            the margin; ``accuracy``, the share whose pair is nearer than the negative (chance 0.5, less where negatives
            are the hardest); ``kept``, the share of windows whose tracks count.

        Raises:
            ValueError: for clips of one frame, frames smaller than a patch, or a batch of one recording.
        """
        batch = as_batch(batch)
        clips, keys, whole = moving_clips(batch, 2, "TrackedPatches")
        tracks = self.tracks(clips, keys)
        kept = (tracks.error <= self.error) & (tracks.moved >= self.moved) & tracks.inside & (whole > 0)[:, None]
        parts = numbered(keys, self.windows)
        first, last = (
            self.rows(frames, middles, numbered(parts.flatten(0, 1), 2)[:, end])
            for end, (frames, middles) in enumerate(((clips[:, 0], tracks.first), (clips[:, -1], tracks.last)))
        )
        recordings = recordings_of(batch).to(clips.device)
        clips_each = len(clips) // len(recordings)
        recordings = recordings.repeat_interleave(self.windows * clips_each)
        place = Draws(stream_of(parts.flatten(0, 1), RIVALS)).uniform(1)[:, 0]
        first, last, counts, recordings, place = map(all_gather, (first, last, kept.flatten(), recordings, place))
        if self.training and len(first) == self.windows * clips_each:
            raise ValueError("negatives are patches of other recordings: use a batch of at least 2 recordings")
        allowed = counts[:, None] & counts & (recordings[:, None] != recordings)
        ring = (place[:, None] + place) % 1  # a random order of all for each, whichever process holds them
        hard = self.progress >= self.hard_after
        found = triplet_ranking(first, last, allowed, ring, hard, self.negatives, self.margin)
        return {
            "loss": found.loss,
            "accuracy": found.right,
            "active": found.active,
            "kept": counts.float().mean(),
        }

    def tracks(self, clips: Tensor, keys: Tensor) -> Tracks:
        """Return where the windows of clips ``(clips, frames, 3, H, W)`` go."""
        bright = grey_pictures(clips)[:, :, :1]
        first = moving_windows(bright, Draws(stream_of(keys, WINDOWS)), self.patch, self.windows, self.training)
        return follow_windows(bright, first, self.patch)

    def rows(self, frames: Tensor, middles: Tensor, keys: Tensor) -> Tensor:
        """Return the embeddings of patches, ``(clips * windows, dim)``.

        Args:
            frames: ``(clips, 3, H, W)``.
            middles: of the patches, ``(clips, windows, 2)``.
            keys: one a patch, clip by clip.
        """
        patches = windows_at(frames, middles, torch.full_like(middles, float(self.patch)), self.patch).flatten(0, 1)
        patches = apply_views(self.views, patches[:, None], Draws(keys), self.training)[:, 0]
        maps = self.encoder.taps(patches, [self.layer], whole=False)[self.layer]
        return self.head(maps.mean((2, 3)))

    def after_step(self, step: int, steps: int) -> None:
        """Remember how far the training is."""
        self.progress.fill_(step / steps)
