"""View learning: a map of colours makes two views of a picture, as an adversary of the encoders that compare them.

Tian, Sun, Poole, Krishnan, Schmid and Isola, "What Makes for Good Views for Contrastive Learning?" (InfoMin), NeurIPS
2020, sections 4* and 5*, https://arxiv.org/abs/2005.10243 (*: from memory; the authors released no code of it).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.losses import similarities, symmetric_contrast
from avssl.methods.base import Batch
from avssl.methods.recordings import recordings_of
from avssl.methods.views import Embedder, MultiViewMethod, Recipes
from avssl.nets import ColorFlow, Encoder, SplitColors, named_projector
from avssl.nets.discriminator import held_still


class Side(nn.Module):
    """What one half of the colours is seen by: an encoder, a head, and a linear map to classes.

    Args:
        encoder: of the half.
        head: of embeddings.
        classifier: of the encoder's features.
    """

    def __init__(self, encoder: Encoder, head: nn.Module, classifier: nn.Module):
        super().__init__()
        self.features, self.head, self.classifier = Embedder(encoder, nn.Identity()), head, classifier

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings ``(N, dim)`` and logits ``(N, classes)`` of ``(N, frames, 3, H, W)``."""
        features = self.features(frames)
        return self.head(features), self.classifier(features)


class BothSides(nn.Module):
    """A map of colours and what each half is seen by, as one network of views.

    Args:
        encoder: holds the map, and parts the halves.
        sides: what they are seen by.
    """

    def __init__(self, encoder: SplitColors, sides: tuple[Side, Side]):
        super().__init__()
        self.encoder, self.sides = encoder, nn.ModuleList(sides)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the embeddings of both halves of views ``(N, frames, 3, H, W)`` side by side, ``(N, 2 * dim)``."""
        halves = self.encoder.halves(self.encoder.mapped(frames))
        return torch.cat([side(half)[0] for side, half in zip(self.sides, halves, strict=True)], 1)


class ViewLearning(MultiViewMethod):
    """Each half of a picture's colours finds the other among those of the batch, and a map learns to make that hard.

    The map (`avssl.nets.ColorFlow`) comes before the halves are parted. The encoders minimise InfoNCE, a lower bound of
    what the halves tell of each other; the map, an optimiser of its own (``adversary``), maximises it with the encoders
    held still. Unsupervised, it may throw away what a task needs. With ``classes`` it is semi-supervised: of the items
    that have a label, both halves are to tell it, and encoders and map alike minimise that.

    With ``flow=None`` in the encoder there is no adversary: the halves are red, and green with blue. With a
    `ColorSpace` there is none either: they are its lightness and its colour.

    What is exported is one encoder of pictures, with the map and both encoders in it.

    Args:
        encoder: both encoders and the map.
        views: the transforms before colours are parted: of one view, whose halves are compared, or of two, of which the
            first encoder sees the first.
        classes: names of the classes, by the labels' number; empty leaves labels alone.
        weight: of the labels' cross-entropy, of both halves, beside the contrast's (1).
        hidden: numbers between the two layers of the heads.
        dim: length of the embeddings.
        temperature: cosines are divided by it (PyContrast's halves of colours: 0.07).

    Raises:
        ValueError: for another encoder, more than two views, or a number that cannot be.

    Examples:
        >>> from avssl.nets import ColorFlow, SmallNet
        >>> from avssl.transforms import Flip, RandomResizedCrop
        >>> encoder = SplitColors(SmallNet(dim=16, width=4), SmallNet(dim=16, width=4), ColorFlow())
        >>> method = ViewLearning(encoder, [[RandomResizedCrop(24), Flip()]], hidden=16, dim=8)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['accuracy', 'adversary_loss', 'contrast', 'loss']
    """

    least_views = 1
    encoder: SplitColors

    def __init__(
        self,
        encoder: SplitColors,
        views: Recipes,
        classes: Sequence[str] = (),
        weight: float = 1.0,
        hidden: int = 2048,
        dim: int = 128,
        temperature: float = 0.07,
    ):
        if not isinstance(encoder, SplitColors):
            raise ValueError(f"encoder: needs SplitColors, two encoders of colours; got {type(encoder).__name__}")
        super().__init__(encoder, views)
        if len(self.views) > 2 or not weight > 0 or not temperature > 0:
            raise ValueError(
                f"needs one view or two, weight and temperature above 0; got {len(self.views)}, {weight} and "
                f"{temperature}"
            )
        self.classes, self.weight, self.temperature = tuple(map(str, classes)), weight, temperature
        first, second = encoder.side("first"), encoder.side("second")
        self.head = named_projector("moco_v2", first.dim, hidden=hidden, out=dim)
        self.second_head = named_projector("moco_v2", second.dim, hidden=hidden, out=dim)
        self.classifiers = nn.ModuleList(nn.Linear(each.dim, len(self.classes)) for each in (first, second) if classes)

    def sides(self) -> tuple[Side, Side]:
        """Return what each half is seen by."""
        one, two = self.classifiers or (nn.Identity(), nn.Identity())
        return (
            Side(self.encoder.side("first"), self.head, one),
            Side(self.encoder.side("second"), self.second_head, two),
        )

    def student(self) -> BothSides:
        """Return the map, both encoders and their heads as one network."""
        return BothSides(self.encoder, self.sides())

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Compare the halves of a batch's pictures.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone; with
                ``label``, int64 ``(N,)``, -1 for none, where there are classes.

        Returns:
            ``loss``, ``contrast`` and with classes ``weight * labels``; ``contrast``, in nats, the mean of both ways,
            ``log(N)`` where nothing is told apart, with N items over all processes; ``accuracy``, the share of halves
            whose nearest is their own, chance ``1 / N``; ``labels``, the cross-entropy of labels, the mean of both
            halves, ``log(classes)`` for chance, 0 without any label; in training with a map that learns
            ``adversary_loss``, ``weight * labels`` less the contrast.

        Raises:
            ValueError: for a label beyond the classes, as far as this costs no wait for a device.
        """
        batch, views = self.views_of(batch)
        label = self.labels_of(batch)
        colors = [self.encoder.mapped(view.frames) for view in views]
        sides = self.sides()
        found = self.compared(
            [side(half) for side, half in zip(sides, self.parted(colors, True), strict=True)], batch, label
        )
        if isinstance(self.encoder.flow, ColorFlow) and self.training:
            halves = zip(sides, self.parted(colors, False), strict=True)
            still = self.compared([held_still(side, half) for side, half in halves], batch, label)
            found["adversary_loss"] = still["loss"] - 2 * still["contrast"]
        return found

    def parted(self, colors: Sequence[Tensor], still: bool) -> tuple[Tensor, Tensor]:
        """Return what the encoders are shown of the colours of one view or two; no gradient reaches ``still`` ones."""
        halves = [self.encoder.halves(each.detach() if still else each) for each in colors]
        return halves[0][0], halves[-1][1]

    def compared(self, seen: Sequence[tuple[Tensor, Tensor]], batch: Batch, label: Tensor | None) -> dict[str, Tensor]:
        """Return the scores of both sides' embeddings and logits, see `forward`."""
        (one, first), (two, second) = seen
        items = all_gather(recordings_of(batch))
        own = torch.eye(len(items), dtype=torch.bool, device=items.device)
        logits = similarities(all_gather(one), all_gather(two), self.temperature)
        contrast, accuracy = symmetric_contrast(logits, own, own | (items[:, None] != items[None]))
        found = {"loss": contrast, "contrast": contrast, "accuracy": accuracy}
        if label is not None:
            each = [F.cross_entropy(said.float(), label, reduction="none", ignore_index=-1) for said in (first, second)]
            told = all_gather(torch.stack([*each, (label >= 0).float()], 1)).sum(0)
            found["labels"] = told[:2].mean() / told[2].clamp(min=1)
            found["loss"] = contrast + self.weight * found["labels"]
        return found

    def labels_of(self, batch: Batch) -> Tensor | None:
        """Return the labels of a batch, -1 for none; None where they are left alone."""
        if not self.classes:
            return None
        label = batch.get("label", torch.full_like(batch["key"][:, 0], -1))
        if label.device.type == "cpu" and len(label) and int(label.max()) >= len(self.classes):
            raise ValueError(
                f"label {int(label.max())} is beyond the {len(self.classes)} classes; name the data's with classes, or "
                "classes=[] to leave labels alone"
            )
        return label.clamp(min=-1)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the method's own parameters, and those of the map, which has an optimiser of its own."""
        flow = [] if self.encoder.flow is None else list(self.encoder.flow.parameters())
        known = {id(parameter) for parameter in flow}
        groups: list[dict[str, Any]] = [{"params": [each for each in self.parameters() if id(each) not in known]}]
        return groups + ([{"params": flow, "optimizer": "adversary"}] if flow else [])

    def warnings(self, scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
        """Return lines where embeddings collapse and, at the start, where grey pictures have no colours to part."""
        lines = super().warnings(scores, start)
        if self.grey and scores == start:
            lines.append("warning: the pictures are grey, so both halves of their colours show the same")
        return lines
