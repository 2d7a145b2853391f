"""Shuffle and Learn: tell whether the middle frame of three lies in time between the other two.

Misra, Zitnick and Hebert, "Shuffle and Learn: Unsupervised Learning using Temporal
Order Verification", ECCV 2016. https://arxiv.org/abs/1603.08561
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.methods.base import Batch, Method
from avssl.methods.inputs import as_batch, to_float
from avssl.nets import Encoder, LinearHead, MLPHead, RelationHead
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import numbered, stream_of

A, B, C, D, E = range(5)  # five frames of one video, in order of time (the paper's names, section 3)

ORDERED = [(B, C, D), (D, C, B)]  # time may run backwards; the middle stays in the middle (section 3)
SHUFFLED = [(B, A, D), (D, A, B), (B, E, D), (D, E, B)]  # same ends; the middle frame comes from outside
TRIPLETS = ORDERED + SHUFFLED
CHANCE = 0.5


class ShuffleAndLearn(Method):
    """A triplet Siamese network that verifies temporal order.

    Five frames a < b < c < d < e of a video make two ordered triplets, (b, c, d) and its reverse, and four
    shuffled ones, (b, a, d), (b, e, d) and their reverses: the ends are the same, only the middle tells.
    Each frame is encoded once and it is the features that are shuffled: 5 passes instead of 18.

    Departures from the paper: the default head also sees the pairwise absolute differences of the features
    (a linear layer on the concatenation is additive and cannot decide "between"; ``head="linear"`` is the
    paper's); the share of negatives is kept by weighting the loss, which is the expectation of drawing them;
    the ambiguity filter drops the single negative that resembles c, not the whole tuple.

    Args:
        encoder: maps pictures to ``(N, encoder.dim)`` features.
        head: ``"relation"``, ``"mlp"`` or ``"linear"`` (the paper's, section 3).
        negatives: weight of the shuffled triplets in the loss, in (0, 1) (the paper's best: 0.75, section 4).
        min_difference: a negative whose middle frame (a or e) differs from c by less is left out as ambiguous:
            mean squared difference of RGB in [0, 1] (the paper filters on RGB too, section 3, without a number).
        views: transforms of the frames, in order; each tuple's draws come from its key.
        hidden: width of the hidden layer of the relation and mlp heads.
        dropout: chance of dropping a value in the head.
        labels: ``"shuffled"`` tosses a coin for every label of the training: a control that must stay at chance.

    Raises:
        ValueError: for a share of negatives outside (0, 1).

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = ShuffleAndLearn(SmallNet(dim=16, width=4))
        >>> batch = {"frames": torch.zeros(4, 1, 5, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(method(batch))
        ['ambiguous', 'balanced_accuracy', 'loss']
    """

    chance = CHANCE

    def __init__(
        self,
        encoder: Encoder,
        head: Literal["relation", "mlp", "linear"] = "relation",
        negatives: float = 0.75,
        min_difference: float = 0.0,
        views: Sequence[Transform] = (),
        hidden: int = 128,
        dropout: float = 0.0,
        labels: Literal["true", "shuffled"] = "true",
    ):
        super().__init__()
        if not 0 < negatives < 1:
            raise ValueError(f"negatives must be a share in (0, 1); got {negatives}")
        self.encoder, self.negatives, self.min_difference, self.labels = encoder, negatives, min_difference, labels
        self.views = tuple(views)
        if head == "linear":
            self.head = LinearHead(encoder.dim, 3, dropout=dropout)
        else:
            kind = {"relation": RelationHead, "mlp": MLPHead}[head]
            self.head = kind(encoder.dim, 3, hidden=hidden, dropout=dropout)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Score every triplet of every tuple.

        Args:
            batch: ``frames``, ``(videos, tuples, 5, 3, H, W)`` in order of time, as ``OrderedFrames`` samples them;
                optionally ``key`` and ``valid``. Or a tensor alone, of clips of five frames. See
                `avssl.methods.inputs.as_batch`.

        Returns:
            ``loss``, weighted cross-entropy in nats; ``balanced_accuracy``, chance 0.5; ``ambiguous``, the share
            of negatives left out.

        Raises:
            ValueError: if there are not five frames a tuple.
        """
        scored = self.score_triplets(batch)
        truth = scored.truth
        if self.training and self.labels == "shuffled":
            coins = Draws(stream_of(scored.key, -1))
            truth = (coins.uniform(len(TRIPLETS)) < 0.5).long()
        prior = torch.tensor([(1 - self.negatives) / 2] * 2 + [self.negatives / 4] * 4, device=truth.device)
        weight = prior * scored.kept
        losses = F.cross_entropy(scored.scores.flatten(0, 1), truth.flatten(), reduction="none").view_as(weight)
        right = self.decide(scored.scores) == scored.truth
        shares = [(right & group).sum() / group.sum().clamp(min=1) for group in (scored.ordered, scored.shuffled)]
        return {
            "loss": (losses * weight).sum() / weight.sum().clamp(min=1e-12),
            "balanced_accuracy": (shares[0] + shares[1]) / 2,
            "ambiguous": 1 - scored.kept[:, 2:].float().mean(),
        }

    def score_triplets(self, batch: Batch | Tensor) -> "ScoredTriplets":
        """Encode the frames, shuffle the features and score every triplet."""
        batch = as_batch(batch)
        frames, key = tuples_of(batch)
        plain = to_float(frames)
        kept = self.unambiguous(plain)
        if "valid" in batch:
            kept = kept & batch["valid"].flatten(0, 1).all(1, keepdim=True)
        views = apply_views(self.views, plain, Draws(key), self.training)
        features = self.encoder(views.flatten(0, 1)).unflatten(0, (len(frames), 5))
        triplets = features[:, TRIPLETS]  # (tuples, 6, 3, dim)
        scores = self.head(triplets.flatten(0, 1)).unflatten(0, (len(frames), len(TRIPLETS)))
        truth = torch.tensor([1] * len(ORDERED) + [0] * len(SHUFFLED), device=frames.device).expand(len(frames), -1)
        return ScoredTriplets(scores.float(), truth, kept, views, plain, key)

    def unambiguous(self, frames: Tensor) -> Tensor:
        """Return which triplets to keep, bool ``(tuples, 6)``: the ordered ones, and negatives unlike c."""
        differs = (frames[:, [A, E]] - frames[:, C, None]).square().mean((2, 3, 4)) >= self.min_difference
        kept = torch.ones(len(frames), len(TRIPLETS), dtype=torch.bool, device=frames.device)
        kept[:, 2:4], kept[:, 4:6] = differs[:, :1], differs[:, 1:]
        return kept

    def decide(self, scores: Tensor) -> Tensor:
        """Call a triplet ordered (1) where it is likelier than the prior of training: fair for equal classes."""
        return (scores.softmax(-1)[..., 1] > 1 - self.negatives).long()

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return scores of tuple verification over a data set.

        Returns:
            ``loss`` in nats; ``balanced_accuracy`` and ``auc`` (chance 0.5); ``pixel_auc``, the AUC of minus the
            squared pixel distances b-m and m-d of what the network sees (the shortcut's floor), and
            ``pixel_auc_plain``, the same of the frames before the views; ``ambiguous``. NaN where nothing is
            left to tell apart. ``chance`` is that of all of them.
        """
        from sklearn.metrics import balanced_accuracy_score, roc_auc_score  # slow to import; needed only here

        rows: dict[str, list[Tensor]] = {}
        sums = {"loss": 0.0, "ambiguous": 0.0}
        tuples = counted = 0
        for batch in batches:
            scored = self.score_triplets(batch)
            kept, count = scored.kept, len(scored.kept)
            if kept.any():
                counted += count
                sums["loss"] += F.cross_entropy(scored.scores[kept], scored.truth[kept]).item() * count
            sums["ambiguous"] += (1 - kept[:, 2:].float().mean()).item() * count
            tuples += count
            found = {
                "truth": scored.truth[kept],
                "decision": self.decide(scored.scores)[kept],
                "auc": (scored.scores[..., 1] - scored.scores[..., 0])[kept],
                "pixel_auc": pixel_closeness(scored.views)[kept],
                "pixel_auc_plain": pixel_closeness(scored.plain)[kept],
            }
            for name, value in found.items():
                rows.setdefault(name, []).append(value.cpu())
        pooled = {name: torch.cat(values).numpy() for name, values in rows.items()}
        truth = pooled.pop("truth")
        found = {"loss": sums["loss"] / counted if counted else math.nan, "ambiguous": sums["ambiguous"] / tuples}
        found["chance"] = CHANCE
        if len(set(truth.tolist())) < 2:  # every negative was ambiguous: there is nothing to tell apart
            return found | dict.fromkeys(
                ("balanced_accuracy", *(name for name in pooled if name != "decision")), math.nan
            )
        scores = {"balanced_accuracy": float(balanced_accuracy_score(truth, pooled.pop("decision")))}
        return found | scores | {name: float(roc_auc_score(truth, value)) for name, value in pooled.items()}


@dataclass(frozen=True, eq=False)
class ScoredTriplets:
    """The scores of a batch's triplets ``(tuples, 6, 2)``, their truth and which count ``(tuples, 6)``."""

    scores: Tensor
    truth: Tensor
    kept: Tensor
    views: Tensor
    plain: Tensor
    key: Tensor

    @property
    def ordered(self) -> Tensor:
        return (self.truth == 1) & self.kept

    @property
    def shuffled(self) -> Tensor:
        return (self.truth == 0) & self.kept


def tuples_of(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the tuples of a batch, ``(tuples, 5, 3, H, W)``, and a key for each, ``(tuples, parts + 1)``."""
    frames, key = batch["frames"], batch["key"]
    if frames.shape[2] != 5:
        raise ValueError(
            f"ShuffleAndLearn needs tuples of 5 frames, (videos, tuples, 5, 3, H, W); got {tuple(frames.shape)}; "
            "sample with OrderedFrames"
        )
    return frames.flatten(0, 1), numbered(key, frames.shape[1]).flatten(0, 1)


def pixel_closeness(frames: Tensor) -> Tensor:
    """Score triplets by minus the mean squared pixel distances of the middle from both ends, ``(tuples, 6)``."""
    distances = (frames[:, :, None] - frames[:, None]).square().mean((3, 4, 5))  # (tuples, 5, 5)
    first, middle, last = zip(*TRIPLETS, strict=True)
    return -(distances[:, first, middle] + distances[:, middle, last])
