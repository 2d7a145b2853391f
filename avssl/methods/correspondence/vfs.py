"""VFS: frames of a video, far from each other, predict one another as wholes; correspondence comes for free.

Xu and Wang, "Rethinking Self-supervised Correspondence Learning: A Video Frame-level Similarity Perspective", ICCV
2021, https://arxiv.org/abs/2103.17263. Numbers were read in the authors' configs.
"""

from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import info_nce, negative_cosine
from avssl.methods.base import Batch
from avssl.methods.inputs import as_batch
from avssl.methods.recordings import recordings_of
from avssl.methods.views import MultiViewMethod
from avssl.nets import Encoder, named_projector
from avssl.transforms import Draws, Transform
from avssl.transforms.draws import stream_of
from avssl.transforms.multiview import View

STREAM = -14  # last number of the key that frames are drawn by


class VFS(MultiViewMethod):
    """Similarity of frames: SimSiam's between frames of a video, or, with ``contrast``, other videos as negatives.

    A video's frames are cut in as many equal stretches as there are views, and a frame is drawn of each (in evaluation
    the first): so views are far frames. With fewer frames than views, augmentations of the same frame make up the rest,
    and pictures are taken too. Let the sampler reach over the video (``Segments``).

    A whole frame is one vector here, so that what only sees the vectors learns no place; the maps before the mean are
    what carries labels, and evaluators read them.

    Departures: with ``contrast`` the other videos of the batch are the negatives, where the paper keeps a bank of them;
    all ordered pairs of frames count.

    Args:
        encoder: of pictures.
        views: transforms of a frame, the same recipe for each (RandomResizedCrop of 0.2 to 1 of the frame and a flip,
            for ResNet-18 no change of colour).
        frames: views of a video (8 spread over the video for ResNet-18, 2 for ResNet-50).
        hidden: numbers between the layers of the projector, and length of the embeddings (2,048).
        bottleneck: numbers between the layers of the predictor (512).
        contrast: tell frames from those of other videos instead of predicting them alone.
        temperature: of the contrast (0.2).

    Raises:
        ValueError: for fewer than two frames, or a number that cannot be.

    Examples:
        >>> from avssl.nets import MapNet
        >>> from avssl.transforms import RandomResizedCrop
        >>> method = VFS(MapNet(dim=8, width=4), [RandomResizedCrop(24, (0.2, 1.0))], hidden=16, bottleneck=4)
        >>> sorted(method(torch.rand(4, 6, 3, 32, 32)))
        ['loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Sequence[Transform],
        frames: int = 2,
        hidden: int = 2048,
        bottleneck: int = 512,
        contrast: bool = False,
        temperature: float = 0.2,
    ):
        super().__init__(encoder, [views] * frames)
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0; got {temperature}")
        self.head = named_projector("simsiam", encoder.dim, hidden=hidden, out=hidden)
        self.predictor = named_projector("simsiam_predictor", hidden, hidden=bottleneck, out=hidden)
        self.contrast, self.temperature = contrast, temperature

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Predict each frame's embedding from each other frame's.

        Args:
            batch: clips or pictures, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``: -1 to 1, -1 also after a collapse; with ``contrast`` in nats, `avssl.losses.info_nce`.
        """
        batch, views = self.views_of(batch)
        rows = self.embed(views)
        predicted, targets = [all_gather(self.predictor(each)) for each in rows], [all_gather(each) for each in rows]
        counts = None
        if self.contrast:
            names = all_gather(recordings_of(batch).to(targets[0].device))
            counts = (names[:, None] != names) | torch.eye(len(names), dtype=torch.bool, device=names.device)
        pairs = permutations(range(len(views)), 2)
        return {"loss": torch.stack([self.way(predicted[a], targets[b], counts) for a, b in pairs]).mean()}

    def way(self, predicted: Tensor, target: Tensor, counts: Tensor | None) -> Tensor:
        """Return the loss of predictions ``(N, dim)`` and what they predict, one way."""
        if counts is None:
            return negative_cosine(predicted, target)
        return info_nce(predicted, target, self.temperature, counts=counts)

    def views_of(self, batch: Batch | Tensor) -> tuple[Batch, list[View]]:
        """Return a batch as a dict, and views of far frames."""
        batch = as_batch(batch)
        frames = batch["frames"].flatten(1, 2)
        return super().views_of(batch | {"frames": far_frames(frames, batch["key"], len(self.views), self.training)})


def far_frames(frames: Tensor, key: Tensor, count: int, train: bool) -> Tensor:
    """Return a frame out of each of ``count`` equal stretches, or all where they are fewer, ``(N, clips, 1, ...)``.

    Args:
        frames: of items, ``(N, frames, 3, H, W)``.
        key: of items, ``(N, parts)``.
        count: how many frames.
        train: draw them; else the first of each stretch is taken.
    """
    total = frames.shape[1]
    if total > count:
        bounds = torch.arange(count + 1, device=frames.device) * total // count
        share = Draws(stream_of(key, STREAM)).uniform(count) if train else frames.new_zeros(len(frames), count).float()
        picks = bounds[:-1] + (share * (bounds[1:] - bounds[:-1])).long()
        frames = frames[torch.arange(len(frames), device=frames.device)[:, None], picks]
    return frames[:, :, None]
