"""Contrastive random walk: from patch to patch through a clip and back, to where it began.

Jabri, Owens and Efros, "Space-Time Correspondence as a Contrastive Random Walk", NeurIPS 2020, section 3,
https://arxiv.org/abs/2006.14613. Numbers were read in the authors' code (``code/model.py``, ``code/utils/augs.py``).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from avssl.losses import palindrome_walk
from avssl.methods.base import Batch, Method
from avssl.methods.correspondence.moving import moving_clips, view_frames, weighted_mean
from avssl.nets import Encoder
from avssl.nets.clips import channels_of_maps
from avssl.nets.encoders import require_takes
from avssl.transforms import Draws, RandomResizedCrop, Transform
from avssl.transforms.draws import numbered, stream_of

EDGES, PATCHES = -11, -12  # last numbers of the keys that edges and crops of patches are drawn by
RATIO = (0.7, 1.3)  # width over height of a patch's crop


class RandomWalk(Method):
    """Patches of neighbouring frames are linked by how alike they are; a walk there and back ought to come home.

    Patches are cut before the encoder, each cropped on its own, as is each frame: a walk on maps of whole frames can
    find its way by where cells lie, which padding and common crops show (``patch=None`` does so, as a control).

    Departures: walks are of all lengths from one step on, where the released code leaves out the first and so learns
    nothing from two frames (``shortest=2``); edges back are dropped apart from those there, where in the code the way
    back inherits the drops of the way there and loses 19 % in place of 10 (``shared=True``); a clip that is padded does
    not count. Use the map behind ``head``: evaluators see the encoder without it, as the authors' do.

    Args:
        encoder: of pictures.
        layer: whose map is averaged over a patch, out of ``encoder.layers``.
        patch: side in pixels (64 of 256); None walks over the cells of whole frames.
        stride: from patch to patch, in pixels (32).
        dim: numbers of a node (128).
        temperature: cosines are divided by it (paper 0.07, released model 0.05).
        drop: share of edges that cannot be walked, in training (0.1).
        shared: let the way back inherit the dropped edges.
        shortest: steps of the shortest walk.
        area: least and greatest share of a patch that its crop shows (0.7 to 0.9); None for whole patches.
        views: transforms of each frame on its own (RandomResizedCrop, scale 0.8 to 0.95, ratio 0.7 to 1.3).

    Raises:
        ValueError: if the layer gives vectors, or a number cannot be.

    Examples:
        >>> import torch
        >>> from avssl.nets import MapNet
        >>> method = RandomWalk(MapNet(dim=8, width=4), layer="conv3", patch=16, stride=8, dim=8)
        >>> sorted(method(torch.rand(2, 4, 3, 32, 32)))
        ['loss', 'returned']
    """

    def __init__(
        self,
        encoder: Encoder,
        layer: str,
        patch: int | None = 64,
        stride: int = 32,
        dim: int = 128,
        temperature: float = 0.07,
        drop: float = 0.1,
        shared: bool = False,
        shortest: int = 1,
        area: tuple[float, float] | None = (0.7, 0.9),
        views: Sequence[Transform] = (),
    ):
        super().__init__()
        require_takes(encoder, "pictures", "RandomWalk")
        if min(patch or 1, stride, dim, shortest) < 1 or not temperature > 0 or not 0 <= drop < 1:
            raise ValueError(
                "needs patch, stride, dim and shortest of at least 1, temperature above 0 and drop in [0, 1); got "
                f"{patch}, {stride}, {dim}, {shortest}, {temperature} and {drop}"
            )
        self.encoder, self.layer, self.patch, self.stride = encoder, layer, patch, stride
        self.temperature, self.drop, self.shared, self.shortest = temperature, drop, shared, shortest
        self.views = tuple(views)
        self.crop = RandomResizedCrop(patch, area, RATIO) if patch and area else None
        (channels,) = channels_of_maps(encoder, [layer], who="RandomWalk")
        self.head = nn.Linear(channels, dim)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Walk through each clip and back.

        Args:
            batch: clips, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss`` in nats, `avssl.losses.palindrome_walk`; ``returned``, the share of walks that come home: compare
            it with that of random weights.

        Raises:
            ValueError: for clips of too few frames, or frames smaller than a patch.
        """
        clips, keys, weights = moving_clips(batch, self.shortest + 1, "RandomWalk")
        found = palindrome_walk(nodes := self.nodes(clips, keys), self.temperature, *self.dropped(nodes, keys))
        return {"loss": weighted_mean(found.loss, weights), "returned": weighted_mean(found.returned, weights)}

    def nodes(self, clips: Tensor, keys: Tensor) -> Tensor:
        """Return the nodes of clips ``(clips, frames, 3, H, W)``, ``(clips, frames, nodes, dim)``."""
        frames, each = view_frames(clips, keys, self.views, self.training)
        shape = frames.shape[:2]
        if self.patch is None:
            maps = self.encoder.taps(frames.flatten(0, 1), [self.layer], whole=False)[self.layer]
            step = max(1, round(self.stride * maps.shape[-1] / frames.shape[-1]))
            return self.head(maps[..., step // 2 :: step, step // 2 :: step].flatten(2).mT).unflatten(0, shape)
        patches = self.patches(frames.flatten(0, 1), each.flatten(0, 1))
        maps = self.encoder.taps(patches.flatten(0, 1), [self.layer], whole=False)[self.layer]
        return self.head(maps.mean((2, 3))).unflatten(0, (*shape, -1))

    def patches(self, frames: Tensor, keys: Tensor) -> Tensor:
        """Return overlapping patches of frames ``(N, 3, H, W)``, row by row, ``(N, patches, 3, patch, patch)``."""
        assert self.patch is not None
        if min(frames.shape[-2:]) < self.patch:
            came = "x".join(map(str, frames.shape[-2:]))
            raise ValueError(f"frames of {came} px hold no patch of {self.patch} px; load them larger, or set patch")
        rows = frames.unfold(2, self.patch, self.stride).unfold(3, self.patch, self.stride)
        patches = rows.flatten(2, 3).movedim(2, 1)
        if self.crop is None or not self.training:
            return patches
        draws = Draws(numbered(stream_of(keys, PATCHES), patches.shape[1]).flatten(0, 1))
        return self.crop(patches.flatten(0, 1)[:, None], draws)[:, 0].unflatten(0, patches.shape[:2])

    def dropped(self, nodes: Tensor, keys: Tensor) -> tuple[Tensor | None, Tensor | None, int]:
        """Return edges that cannot be walked there and back, bool, or None; and the steps of the shortest walk."""
        if not self.drop or not self.training:
            return None, None, self.shortest
        _, frames, count, _ = nodes.shape
        there, back = (Draws(stream_of(keys, EDGES)).uniform(2, frames - 1, count, count) < self.drop).unbind(1)
        return there, back | there.mT if self.shared else back, self.shortest
