"""MoCo: a view's query finds the key of another view of its item among a queue of older keys.

He, Fan, Wu, Xie and Girshick, "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, section
3*, https://arxiv.org/abs/1911.05722; version 2: Chen, Fan, Girshick and He, "Improved Baselines with Momentum
Contrastive Learning", 2020, https://arxiv.org/abs/2003.04297; on clips: Feichtenhofer et al., "A Large-Scale Study on
Unsupervised Spatiotemporal Representation Learning", CVPR 2021, https://arxiv.org/abs/2104.14558. Numbers are those of
the authors' code; sections with a star are from memory.
"""

from typing import Literal

from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.contrastive.momentum import MomentumContrast, scores_of
from avssl.methods.contrastive.queues import items_of
from avssl.methods.views import Recipes
from avssl.nets import Encoder
from avssl.transforms.draws import stream_of


class MoCo(MomentumContrast):
    """Queries of a student are told from the latest keys of its teacher, a queue that is as long as one likes.

    | version | layers | temperature | views | momentum |
    |---|---|---|---|---|
    | 1 | 1 | 0.07 | `avssl.transforms.recipes.moco_v1` | 0.999 |
    | 2 | 2 | 0.2 | `avssl.transforms.recipes.moco_v2` | 0.999 |
    | on clips, symmetric | 3 | 0.1 | `avssl.transforms.recipes.rho`, 2 to 4 | 0.994 with a ramp |

    The loss rises first, from 0, while the queue fills: the more keys, the harder the question. The authors' queue
    starts with noise, which is easier to tell from than keys are, so theirs rises too. What is measured (in evaluation)
    is asked against the keys of the batch instead, so that the start and the end of a run can be compared.

    As the authors do, all parameters are decayed, those of one dimension (biases, batch normalisation) too.

    Departures. The teacher moves behind the optimiser's step, the authors' before the keys: the same but for one step.
    An item's own older keys, and those of others of its recording, are not its negatives (``own_negatives``). Of
    several keys of a query, and of several queries, the mean. Keys are normalised in groups of one batch where the
    authors have as many devices (``groups``). With ``accumulate`` keys of all batches of a step come in behind it.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view. The first is the query's, the others are keys', all of them positives: the
            mean over them stands outside the logarithm.
        layers: linear maps of the head, with ReLU between them and no batch normalisation.
        hidden: numbers between them.
        dim: length of the embeddings.
        queue: how many keys are kept; no more than a fraction of the data's items, or they are of the same ones.
        temperature: cosines are divided by it.
        momentum: share of the teacher's weights that a step keeps.
        ramp: ``"cosine"`` raises it to 1 over the run.
        symmetric: every view is a query in turn, and the keys of all come into the queue, after all were scored.
        groups: of the key batch over all processes, drawn anew in each step, each with batch statistics of its own (the
            authors: 8 devices). Without them statistics tell which key belongs to a query. A group has at least two
            items; 1 leaves the batch whole. Where the network has no batch normalisation nothing is grouped.
        own_negatives: let an item's older keys be its negatives, as the authors do.

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> import torch
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import moco_v2
        >>> method = MoCo(SmallNet(dim=16, width=4), moco_v2(size=24), hidden=16, dim=8, queue=32)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['accuracy', 'loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        layers: int = 2,
        hidden: int = 2048,
        dim: int = 128,
        queue: int = 65536,
        temperature: float = 0.2,
        momentum: float = 0.999,
        ramp: Literal["none", "cosine"] = "none",
        symmetric: bool = False,
        groups: int = 8,
        own_negatives: bool = False,
    ):
        super().__init__(encoder, views, layers, hidden, dim, queue, temperature, momentum, ramp, groups, own_negatives)
        self.symmetric = symmetric
        self.passes = len(self.views) if symmetric else len(self.views) - 1

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell queries' keys from older ones.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone, whose
                items are new ones each time.

        Returns:
            ``loss`` in nats: 0 before there is a key, ``log(K + 1)`` where nothing is told apart, with K keys in the
            queue; ``accuracy``, the share of queries whose own key is the nearest, chance ``1 / (K + 1)``. In
            evaluation K + 1 is the number of items over all processes.
        """
        given = batch
        batch, views = self.views_of(batch)
        items = items_of(given, batch)
        student, queries = self.student(), views if self.symmetric else views[:1]
        rows = {number: student(view.frames) for number, view in enumerate(queries)}
        others = range(0 if self.symmetric else 1, len(views))
        keys = {number: self.keys_of(views[number].frames, stream_of(batch["key"], number)) for number in others}
        self.note(keys.values(), items)
        return scores_of(
            [
                self.told(row, key, items)
                for query, row in rows.items()
                for number, key in keys.items()
                if number != query
            ]
        )
