"""PixPro: each cell of a map, as cells like it see it, agrees with the cell of another view that looks at its place.

Xie, Lin, Zhang, Cao, Lin and Hu, "Propagate Yourself: Exploring Pixel-Level Consistency for Unsupervised Visual
Representation Learning", CVPR 2021, section 3.2, https://arxiv.org/abs/2011.10043.

"Their script" is ``tools/pixpro_base_r50_100ep.sh`` of the authors' code.
"""

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import near_pairs, negative_cosine, pixel_consistency
from avssl.methods.base import Batch
from avssl.methods.contrastive.cells import CellEmbedder, Cells
from avssl.methods.views import MultiViewMethod, Recipes
from avssl.nets import Encoder, Teacher, named_projector, projector
from avssl.nets.clips import channels_of_maps
from avssl.nets.propagation import PixelPropagation
from avssl.transforms.multiview import View


class PixPro(MultiViewMethod):
    """Propagated cells of one view agree with a teacher's cells of another where both look at near places.

    Clips: maps are averaged over the frames of a clip, so all frames need one window; views that are different clips of
    an item are compared as if the camera stood still. Of more than two views, the mean over all pairs of them.
    ``spread`` and ``rank`` are those of all cells.

    Departures: places are in pixels of the picture, where the authors' code counts in shares of its width and its
    height (less 1); the instance branch takes the encoder's features, so that layers behind the map learn as well,
    where theirs pools the map. Without that branch they do not: they stay at random. Cells are taken to tile a view
    evenly, as there; padding moves what they look at by up to half a cell (`avssl.nets.FeatureMap`).

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (`avssl.transforms.recipes.byol`), one window for all frames.
        layer: whose map is compared, out of ``encoder.layers`` (ResNet: ``layer4``).
        hidden: numbers between the two layers of the head (the authors' code: 4096).
        dim: length of the embeddings (256).
        near: cells are a pair if nearer than so many diagonals of the larger one (their script: 0.7).
        gamma: sharpness of the propagation (their script: 2).
        propagation: its linear layers, 0 to 2 (their script: 1).
        momentum: of the teacher at the start, which rises to 1 (their script: 0.99).
        instance: weight of the instance branch, BYOL's loss of whole views (their script: 0).

    Raises:
        ValueError: if the layer gives vectors, views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import byol
        >>> method = PixPro(SmallNet(dim=16, width=4), byol(size=24), layer="conv3", hidden=16, dim=8)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['loss', 'pairs']
    """

    partial = True  # layers behind the map

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        layer: str,
        hidden: int = 4096,
        dim: int = 256,
        near: float = 0.7,
        gamma: float = 2.0,
        propagation: int = 1,
        momentum: float = 0.99,
        instance: float = 0.0,
    ):
        super().__init__(encoder, views)
        if not near > 0 or not instance >= 0:
            raise ValueError(f"needs near above 0 and instance of at least 0; got {near} and {instance}")
        self.layer, self.near, self.instance = layer, near, instance
        (channels,) = channels_of_maps(encoder, [layer], who="PixPro")
        self.head = projector(channels, hidden=hidden, out=dim)
        self.propagation = PixelPropagation(dim, propagation, gamma)
        self.whole = named_projector("byol", encoder.dim, hidden=hidden, out=dim) if instance else None
        self.predictor = named_projector("byol_predictor", dim, hidden=hidden, out=dim) if instance else None
        self.teacher = Teacher(self.student(), momentum, ramp="cosine")

    def student(self) -> CellEmbedder:
        """Return encoder and heads as one network, of which the teacher is a copy."""
        return CellEmbedder(self.encoder, self.layer, self.head, self.whole)

    def embed(self, views: Sequence[View], together: bool = False) -> list[Tensor]:
        """Return the means over the cells of views, ``(N, dim)`` each; each view by itself."""
        return [self.student()(view.frames).cells.mean(1) for view in views]

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Compare the cells of views that look at near places.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, both ways added, from -4 (agreement; a collapse as well) to 4, and with the instance branch its
            weight times ``instance``, of the same range; an item whose views are apart counts 0. ``pairs``, the share
            of cells of a view that have a near one in another.

        Raises:
            ValueError: if frames of a clip have windows of their own.
        """
        batch, views = self.views_of(batch)
        windows = [(check_one_window(view).boxes[:, 0], view.flipped[:, 0]) for view in views]
        seen = [self.student()(view.frames) for view in views]
        targets: list[Cells] = [self.teacher(view.frames) for view in views]
        rows = [self.propagation(each.cells) for each in seen]
        losses, shares = [], []
        for pair in combinations(range(len(views)), 2):
            for one, other in (pair, pair[::-1]):
                near = near_pairs((*windows[one], seen[one].shape), (*windows[other], targets[other].shape), self.near)
                losses.append(pixel_consistency(rows[one], targets[other].cells, near))
                shares.append(near.any(2).float().mean(1))
        found = {
            "loss": 2 * all_gather(torch.stack(losses, 1)).mean(),
            "pairs": all_gather(torch.stack(shares, 1)).mean(),
        }
        if self.predictor is not None:
            found["instance"] = self.instances([self.predictor(each.whole) for each in seen], targets)
            found["loss"] = found["loss"] + self.instance * found["instance"]
        return found

    def instances(self, predictions: Sequence[Tensor], targets: Sequence[Cells]) -> Tensor:
        """Return minus twice the cosine of predictions ``(N, dim)`` with targets of other views, both ways added."""
        rows, others = [all_gather(each) for each in predictions], [all_gather(each.whole) for each in targets]
        pairs = combinations(range(len(rows)), 2)
        ways = [negative_cosine(rows[a], others[b]) + negative_cosine(rows[b], others[a]) for a, b in pairs]
        return 2 * torch.stack(ways).mean()


def check_one_window(view: View) -> View:
    """Return a view whose frames all show one window.

    Raises:
        ValueError: if each frame has its own.
    """
    if view.boxes.shape[1] > 1 or view.flipped.shape[1] > 1:
        raise ValueError(
            "cells of a clip are compared by one window for all its frames, and each frame has its own; set scope "
            "'tuple' for RandomResizedCrop and Flip"
        )
    return view
