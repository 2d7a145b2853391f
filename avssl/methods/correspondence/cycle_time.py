"""CycleTime: a patch is tracked backwards through a clip and forwards again, and ought to be where it was.

Wang, Jabri and Efros, "Learning Correspondence from the Cycle-Consistency of Time", CVPR 2019,
https://arxiv.org/abs/1903.07593. Numbers were read in the authors' code (``models/videos/model_simple.py``).
"""

from collections.abc import Sequence
from math import pi, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.losses import cut_windows, window_distance, windows_at
from avssl.methods.base import Batch, Method
from avssl.methods.correspondence.moving import moving_clips, weighted_mean
from avssl.nets import Encoder
from avssl.nets.clips import channels_of_maps
from avssl.nets.encoders import require_takes, shapes_of
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import stream_of

STREAM = -16  # last number of the key that patches are drawn by


class Tracker(nn.Module):
    """From how alike each cell of a patch and each cell of a frame are, to where the patch lies: x, y and angle.

    Args:
        cells: of a frame.
        side: cells of a patch, a side.
        temperature: of the softmax over the cells of the frame.
        turn: largest angle in radians.
    """

    def __init__(self, cells: int, side: int, temperature: float, turn: float):
        super().__init__()
        self.temperature, self.turn = temperature, turn
        layers = [nn.Conv2d(cells, 128, 3, padding=1), nn.ReLU(), nn.Conv2d(128, 64, 3, padding=1), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * side * side, 3))
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, patch: Tensor, frame: Tensor) -> Tensor:
        """Return places ``(N, 3)`` of patches ``(N, dim, side, side)`` in maps ``(N, dim, h, w)``, of unit cells."""
        with torch.autocast(patch.device.type, enabled=False):
            alike = torch.einsum("ncij,ncp->npij", patch.float(), frame.flatten(2).float()) / self.temperature
        found = self.net(alike.softmax(1) * sqrt(alike.shape[1])).tanh()
        return found * found.new_tensor([1.0, 1.0, self.turn])


class CycleTime(Method):
    """A turned patch of the last frame is tracked to earlier ones and back, each time from what was found before.

    Cycles go back 1, 2, ... frames, step by step and, as *skip cycles*, at one go. Losses: how far the last place found
    is from the true one (`avssl.losses.window_distance`), and that what is found looks like the patch (similarity).

    Departures: patches are drawn anywhere, where the authors choose moving ones (and mirror their choice twice when
    they flip); similarity is the mean cosine, theirs a score of inliers; the tracker's convolutions are padded 3 x 3,
    and see chances times the root of the number of cells, as chances of 1 in 900 are next to nothing; what lies past
    the border is repeated; padded clips do not count.

    Args:
        encoder: of pictures.
        layer: whose cells are compared, out of ``encoder.layers``.
        size: side of the frames in pixels, behind the views (240).
        patch: side of the patch in pixels (80).
        temperature: of the tracker's softmax (512 ** -0.5 = 0.0442).
        turn: patches are turned by at most so many degrees (45).
        skip: weight of the skip cycles (0.1).
        long: weight of the cycles step by step (0.1*).
        similarity: weight of the similarity (1).
        frozen: steps in which the tracker learns alone: from scratch nothing may move without.
        views: transforms of whole clips, such as a common crop.

    Raises:
        ValueError: if the layer gives vectors, or a number cannot be.

    Examples:
        >>> from avssl.nets import MapNet
        >>> method = CycleTime(MapNet(dim=8, width=4), layer="conv3", size=32, patch=16)
        >>> sorted(method(torch.rand(2, 3, 3, 32, 32)))
        ['error', 'long', 'loss', 'middle_error', 'similarity', 'skip']
    """

    steps: Tensor

    def __init__(
        self,
        encoder: Encoder,
        layer: str,
        size: int = 240,
        patch: int = 80,
        temperature: float = 512**-0.5,
        turn: float = 45.0,
        skip: float = 0.1,
        long: float = 0.1,
        similarity: float = 1.0,
        frozen: int = 0,
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        require_takes(encoder, "pictures", "CycleTime")
        if not 0 < patch < size or not temperature > 0 or min(turn, skip, long, similarity, frozen) < 0:
            raise ValueError(
                f"needs a patch smaller than size, temperature above 0, other numbers of at least 0; got {patch}, "
                f"{size}, {temperature}, {turn}, {skip}, {long}, {similarity} and {frozen}"
            )
        channels_of_maps(encoder, [layer], who="CycleTime")
        _, height, width = shapes_of(encoder, [layer], size)[layer]
        _, self.side, _ = shapes_of(encoder, [layer], patch)[layer]
        self.encoder, self.layer, self.size, self.patch, self.views = encoder, layer, size, patch, tuple(views)
        self.skip, self.long, self.similarity, self.frozen = skip, long, similarity, frozen
        self.tracker = Tracker(height * width, self.side, temperature, turn * pi / 180)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Track a patch of the last frame of each clip back and forth.

        Args:
            batch: clips, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss``, the weighted sum of ``long``, ``skip`` and minus ``similarity``; ``error``, the root of the mean
            squared distance after one frame there and back, in halves of the frame's side, and ``middle_error``, that
            of the guess that every patch lies in the middle, unturned.

        Raises:
            ValueError: for clips of one frame, or frames of another size.
        """
        clips, keys, whole = moving_clips(batch, 2, "CycleTime")
        clips = apply_views(self.views, clips, Draws(keys), self.training)
        if clips.shape[-2:] != (self.size, self.size):
            came = "x".join(map(str, clips.shape[-2:]))
            raise ValueError(
                f"CycleTime was made for frames of {self.size}x{self.size} px; got {came}: set size, or crop"
            )
        scale = self.patch / self.size
        limits = keys.new_tensor([1 - scale, 1 - scale, self.tracker.turn], dtype=torch.float32)
        true = windows_at(Draws(stream_of(keys, STREAM)).uniform(3, low=-1, high=1) * limits, scale)
        frames = self.cells(clips.flatten(0, 1)).unflatten(0, clips.shape[:2]).unbind(1)
        patch = self.cells(cut_windows(clips[:, -1], true, self.patch))
        steps = len(frames) - 1
        long, skip, alike = [], [], []
        there = patch
        for back in range(1, steps + 1):
            _, there = self.track(there, frames[steps - back], scale)
            query, place = there, true
            for forth in range(steps - back + 1, steps + 1):
                place, query = self.track(query, frames[forth], scale)
            _, jumped = self.track(patch, frames[steps - back], scale)
            skip.append(window_distance(self.track(jumped, frames[steps], scale)[0], true))
            long.append(window_distance(place, true))
            alike.append((patch * jumped).sum(1).mean((1, 2)))
        found = {
            "long": weighted_mean(torch.stack(long).mean(0), whole),
            "skip": weighted_mean(torch.stack(skip).mean(0), whole),
            "similarity": weighted_mean(torch.stack(alike).mean(0), whole),
        }
        loss = self.long * found["long"] + self.skip * found["skip"] - self.similarity * found["similarity"]
        middle = windows_at(torch.zeros_like(true[:, 0]), scale)
        errors = {"error": long[0].detach(), "middle_error": window_distance(middle, true)}
        return {"loss": loss, **found, **{name: weighted_mean(each, whole).sqrt() for name, each in errors.items()}}

    def cells(self, frames: Tensor) -> Tensor:
        """Return the unit features of the cells of frames ``(N, 3, H, W)``, ``(N, dim, h, w)``."""
        maps = F.normalize(self.encoder.taps(frames, [self.layer], whole=False)[self.layer].float(), dim=1)
        return maps.detach() if self.training and int(self.steps) < self.frozen else maps

    def track(self, patch: Tensor, frame: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """Return where a patch lies in a frame, ``(N, 2, 3)``, and the cells there, of unit length."""
        theta = windows_at(self.tracker(patch, frame), scale)
        return theta, F.normalize(cut_windows(frame, theta, self.side), dim=1)

    def nodes(self, clips: Tensor, keys: Tensor) -> Tensor:
        """Return the cells of clips ``(clips, frames, 3, H, W)``, ``(clips, frames, cells, dim)``."""
        return self.cells(clips.flatten(0, 1)).flatten(2).mT.unflatten(0, clips.shape[:2])

    def after_step(self, step: int, steps: int) -> None:
        """Count, for the steps in which the tracker learns alone."""
        self.steps.fill_(step)
