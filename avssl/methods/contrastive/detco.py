"""DetCo: at several stages of an encoder, whole views and views cut in nine are told from queues, and across.

Xie, Ding, Wang, Zhan, Xu, Sun, Li and Luo, "DetCo: Unsupervised Contrastive Learning for Object Detection", ICCV 2021,
section 3*, https://arxiv.org/abs/2102.04803. Nine patches: Misra and van der Maaten (PIRL), CVPR 2020,
https://arxiv.org/abs/1912.01991.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avssl.distributed import all_gather
from avssl.losses import dense_contrast
from avssl.methods.base import Batch
from avssl.methods.contrastive.cells import PIECES, Stages
from avssl.methods.contrastive.jigsaw_branch import cut_tiles, plain_tiles
from avssl.methods.contrastive.queues import QueuedMethod, Queues, items_of
from avssl.methods.views import Recipes
from avssl.nets import Encoder, Teacher, named_projector
from avssl.nets.clips import channels_of_maps
from avssl.transforms.draws import numbered, stream_of
from avssl.transforms.multiview import View

TILE_STREAM = -5  # last number of the key that tiles are cut by, so that they share no chance with views


class DetCo(QueuedMethod):
    """At each stage three contrasts with queues: global with global, local with local, and local with global keys.

    A local view is cut in nine tiles that are encoded one by one; their features stand side by side, in order, before
    a head. Each stage has a head and a queue for global and for local embeddings: eight queues for four stages. Vectors
    of the own recording are no negatives. Clips: stages are averaged over the frames of a clip and over places, and
    tiles lie at the same places in all frames.

    The authors' pretraining code was never released, so what stands here is the paper's, from memory (marked *), and
    agrees with two independent ports in the weights, the queues and the three losses. Departures: queues start empty,
    so the first loss is 0; items are not shuffled over processes for the statistics of batch normalisation.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of four views: the two global ones, that which asks and the teacher's
            (`avssl.transforms.recipes.moco_v2`), then the two local ones, from which tiles are cut (the same, of 255 px
            and at least 0.6 of the area*).
        layers: the stages, names out of ``encoder.layers`` (ResNet: ``layer1`` to ``layer4``).
        weights: of the stages (0.1, 0.4, 0.7, 1.0*).
        tile: side of a tile, in pixels (64*).
        gap: room in a cell beside its tile, in pixels (21*: cells of 85).
        hidden: numbers between the two layers of the heads (2048*).
        dim: length of the embeddings (128*).
        temperature: cosines are divided by it (0.2*).
        queue: places of each queue (65,536*).
        momentum: of the teacher (0.999*).

    Raises:
        ValueError: if views are not four, stages and weights do not fit, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import moco_v2
        >>> views, stages = [*moco_v2(size=24), *moco_v2(size=33)], ["conv1", "conv2", "conv3", "fc"]
        >>> method = DetCo(SmallNet(dim=16, width=4), views, stages, tile=8, gap=3, hidden=16, dim=8, queue=32)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['accuracy', 'across', 'global', 'local', 'loss']
    """

    partial = True  # layers behind the last stage

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        layers: Sequence[str],
        weights: Sequence[float] = (0.1, 0.4, 0.7, 1.0),
        tile: int = 64,
        gap: int = 21,
        hidden: int = 2048,
        dim: int = 128,
        temperature: float = 0.2,
        queue: int = 65536,
        momentum: float = 0.999,
    ):
        super().__init__(encoder, views)
        if len(self.views) != 4:
            raise ValueError(f"DetCo has four views: two global ones, then two local ones; got {len(self.views)}")
        if not layers or len(layers) != len(weights) or min(weights) < 0 or not temperature > 0:
            raise ValueError(
                "needs a weight of at least 0 for each of layers, and temperature above 0; got "
                f"{list(layers)}, {list(weights)} and {temperature}"
            )
        self.weights, self.temperature = tuple(weights), temperature
        self.tiles = plain_tiles(tile, gap)
        self.layers, channels = tuple(layers), channels_of_maps(encoder, layers, who="")
        self.heads = nn.ModuleList(named_projector("moco_v2", each, hidden=hidden, out=dim) for each in channels)
        self.local_heads = nn.ModuleList(
            named_projector("moco_v2", PIECES * each, hidden=hidden, out=dim) for each in channels
        )
        self.teacher = Teacher(self.student(), momentum)
        self.queues = Queues(2 * len(channels), queue, dim)  # of the global keys of each stage, then of the local ones

    def student(self) -> Stages:
        """Return encoder and heads as one network, of which the teacher is a copy."""
        return Stages(self.encoder, self.layers, self.heads, self.local_heads)

    def embed(self, views: Sequence[View], together: bool = False) -> list[Tensor]:
        """Return the embeddings of whole views at the last stage, ``(N, dim)`` each; each view by itself."""
        return [self.student()(view.frames)[-1] for view in views]

    def watched(self) -> nn.Linear:
        """Return the last linear map of the last stage's head."""
        return self.heads[-1][-1][0]  # pyright: ignore[reportIndexIssue, reportReturnType]

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Tell global and local views from the queues at every stage.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, the sum of ``global``, ``local`` and ``across``, in nats, each the weighted sum over stages: with
            the paper's weights 2.2 times ``log(K + 1)`` where nothing is told apart and 0 while queues are empty, with
            K vectors in them; ``accuracy``, the share of global views whose own key is the nearest at the last stage,
            chance ``1 / (K + 1)``. In evaluation K + 1 is the number of items over all processes.

        Raises:
            ValueError: if local views are too small for the tiles.
        """
        given, count = batch, len(self.layers)
        batch, views = self.views_of(batch)
        pieces = [self.cut(batch, views, number) for number in (2, 3)]
        asked = self.student()(views[0].frames), self.student()(pieces[0])
        keys = self.teacher(views[1].frames), self.teacher(pieces[1])
        negatives, counts = self.queues.negatives([*keys[0], *keys[1]], items_of(given, batch))
        found = {}
        for name, one, own in (("global", 0, 0), ("local", 1, 1), ("across", 1, 0)):
            told = [
                dense_contrast(
                    asked[one][stage][:, None],
                    keys[own][stage][:, None],
                    negatives[own * count + stage],
                    self.temperature,
                    counts,
                )
                for stage in range(count)
            ]
            losses = all_gather(torch.stack([each for each, _ in told], 1)).mean(0)
            found[name] = torch.stack(
                [weight * loss for weight, loss in zip(self.weights, losses.unbind(), strict=True)]
            ).sum()
            found.setdefault("accuracy", all_gather(told[-1][1]).mean())
        return {"loss": found["global"] + found["local"] + found["across"]} | found

    def cut(self, batch: Batch, views: Sequence[View], number: int) -> Tensor:
        """Return the tiles of a view, ``(N, 9, frames, 3, tile, tile)``; all frames of a clip are cut alike."""
        key = stream_of(numbered(batch["key"], len(views))[:, number], TILE_STREAM)
        return cut_tiles(self.tiles, views[number].frames, key)
