"""InfoMin: MoCo v2 under stronger views, with PIRL's jigsaw branch against the same keys.

Tian, Sun, Poole, Krishnan, Schmid and Isola, "What Makes for Good Views for Contrastive Learning?", NeurIPS 2020,
section 5*, https://arxiv.org/abs/2005.10243 (*: from memory); numbers are those of the authors' code, ``InfoMin`` of
PyContrast, https://github.com/HobbitLong/PyContrast. Views that are learned: `avssl.methods.ViewLearning`.
"""

from collections.abc import Sequence

from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.contrastive.jigsaw_branch import JigsawBranch
from avssl.methods.contrastive.momentum import MomentumContrast, scores_of
from avssl.methods.contrastive.queues import items_of
from avssl.methods.views import Recipes
from avssl.nets import Encoder, named_projector
from avssl.transforms import Transform
from avssl.transforms.draws import stream_of


class InfoMin(MomentumContrast):
    """A view, and the patches of another in any order, are both told from the queue, as belonging to the same key.

    The principle: good views share what a task needs and nothing else. So these views share less than MoCo's.

    Departures are those of `MoCo`: the teacher moves behind the optimiser's step, keys of the own recording are not an
    item's negatives, the queue begins empty. Parameters of one dimension are decayed too, as in the authors' code.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (`avssl.transforms.recipes.infomin`). The first is the query's, the others
            are keys', all of them positives.
        puzzle: the transforms of the view that patches are cut from (the authors: a crop of 0.6 to 1, resized to 255,
            and a flip).
        patch: the transforms of each patch by itself (the authors: none).
        tile: side of a patch, in pixels (64).
        gap: by how much the cell of a patch, anywhere in which it lies, is wider; pixels (21).
        share: weight of the jigsaw branch; the view's query has the rest (0.5). With 0 there is no branch, and this is
            MoCo.
        layers: linear maps of the heads of views and of patches, with ReLU between them (2).
        hidden: numbers between them (those of the encoder's features: 2,048).
        dim: length of the embeddings (128).
        queue: how many keys are kept (65,536); no more than a fraction of the data's items.
        temperature: cosines are divided by it (0.15).
        momentum: share of the teacher's weights that a step keeps (0.999).
        groups: of the key batch, with batch statistics of their own, see `MoCo`.

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> import torch
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms import RandomResizedCrop
        >>> from avssl.transforms.recipes import infomin
        >>> sizes = {"tile": 8, "gap": 2, "hidden": 16, "dim": 8, "queue": 32}
        >>> puzzle = [RandomResizedCrop(30, scale=(0.6, 1.0))]
        >>> method = InfoMin(SmallNet(dim=16, width=4), infomin(size=24), puzzle, **sizes)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['accuracy', 'image', 'jigsaw', 'jigsaw_accuracy', 'loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        puzzle: Sequence[Transform] = (),
        patch: Sequence[Transform] = (),
        tile: int = 64,
        gap: int = 21,
        share: float = 0.5,
        layers: int = 2,
        hidden: int = 2048,
        dim: int = 128,
        queue: int = 65536,
        temperature: float = 0.15,
        momentum: float = 0.999,
        groups: int = 8,
    ):
        if not 0 <= share <= 1:
            raise ValueError(f"share must be in [0, 1]; got {share}")
        if len(views) < 2:
            raise ValueError(f"needs at least 2 views beside the puzzle, a list of transforms each; got {len(views)}")
        recipes = [*views, puzzle] if share else views
        super().__init__(encoder, recipes, layers, hidden, dim, queue, temperature, momentum, groups=groups)
        self.share, self.passes = share, len(views) - 1
        patch_head = named_projector("moco_v2", encoder.dim, layers=layers, hidden=hidden, out=dim)
        self.branch = JigsawBranch(patch_head, dim, tile, gap, patch) if share else None

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell the keys of views and of patches from older ones.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone, whose
                items are new ones each time.

        Returns:
            ``loss``; its parts ``image`` and ``jigsaw``, nats of each branch: 0 before there is a key, ``log(K + 1)``
            where nothing is told apart, with K keys in the queue; ``accuracy`` and ``jigsaw_accuracy``, the shares of
            queries whose own key is the nearest, chance ``1 / (K + 1)``. In evaluation K + 1 is the number of items
            over all processes.
        """
        given = batch
        batch, (query, *others) = self.views_of(batch)
        items, key = items_of(given, batch), batch["key"]
        rows = [self.student()(query.frames)]
        if self.branch is not None:
            rows.append(self.branch(self.encoder, others.pop().frames, key))
        keys = [self.keys_of(view.frames, stream_of(key, number)) for number, view in enumerate(others, 1)]
        self.note(keys, items)
        image, *jigsaw = [scores_of([self.told(row, each, items) for each in keys]) for row in rows]
        found = {"loss": image["loss"], "image": image["loss"], "accuracy": image["accuracy"]}
        for told in jigsaw:
            found["loss"] = (1 - self.share) * image["loss"] + self.share * told["loss"]
            found |= {"jigsaw": told["loss"], "jigsaw_accuracy": told["accuracy"]}
        return found
