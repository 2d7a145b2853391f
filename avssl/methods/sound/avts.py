"""AVTS: decide whether sound and picture are in step, with false pairs that grow harder.

Korbar, Tran and Torresani, "Cooperative Learning of Audio and Video Models from Self-Supervised Synchronization",
NeurIPS 2018. https://arxiv.org/abs/1807.00230
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.methods.base import Batch
from avssl.methods.recordings import in_company
from avssl.methods.sound.pairs import pairs_of
from avssl.methods.sound.per_moment import PerMoment
from avssl.methods.sound.shifts import KINDS, KindScores, halves, moments_of, negatives_of
from avssl.methods.sound.two_streams import JointStreams, embedding
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask
from avssl.transforms import Transform


class AVTS(JointStreams):
    """Two streams that end in unit vectors: near where clip and sound are of one moment, a margin apart elsewhere.

    False pairs are sounds of other recordings (easy), of another moment of the same recording (hard), and of an
    overlapping one (super-hard); all are windows that stand in the batch, see `avssl.methods.sound.shifts`. The
    curriculum: easy ones alone for ``start`` steps, then the shares change over ``ramp`` steps to the given ones, as in
    the paper, which mixes 25 % hard ones in half way.

    With ``moments`` both encoders keep time apart (``moments`` of `avssl.nets.SmallClips` and `avssl.nets.SmallSound`)
    and so do the embeddings: one layer makes a vector of each moment. On the demo band this solves hard pairs;
    embeddings of the whole clip do not at the same budget.

    Departures from the paper: every kind counts by its share in each batch, in place of drawing kinds; vectors are
    normalised, so that they retrieve; they may keep time; the binary loss decides by the distance, as AVE-Net does,
    not by features side by side.

    Args:
        encoder: clips to vectors.
        sound: sounds to vectors.
        views: transforms of the pictures, in order.
        gain: of the sound's jitter.
        masks: strips of spectrograms hidden in training; None hides nothing.
        dim: length of the embeddings; a multiple of ``moments``.
        moments: stretches of time that the features keep apart, and the embeddings with them; 1: none.
        loss: ``"contrastive"`` (equation 1) or ``"binary"``.
        margin: distance that false pairs are pushed to (equation 1: 0.99); a pair is undecided at half of it.
        hard: share of hard false pairs in the end (the paper: 0.25).
        super_hard: share of super-hard ones in the end (the paper: harmful in training).
        gap: seconds between a clip and a hard window (the paper: 0.5).
        least: seconds that super-hard windows are shifted by at least.
        start: step from which the shares change.
        ramp: steps that it takes.

    Raises:
        ValueError: if shares, seconds or steps cannot be.
    """

    least_recordings = 2

    shares: Tensor

    def __init__(
        self,
        encoder: Encoder,
        sound: SoundEncoder,
        views: Sequence[Transform] = (),
        gain: float = 0.1,
        masks: SpectrogramMask | None = None,
        dim: int = 128,
        moments: int = 1,
        loss: Literal["contrastive", "binary"] = "contrastive",
        margin: float = 0.99,
        hard: float = 0.25,
        super_hard: float = 0.0,
        gap: float = 0.5,
        least: float = 0.2,
        start: int = 0,
        ramp: int = 1,
    ):
        super().__init__(encoder, sound, views, gain, masks)
        if min(hard, super_hard) < 0 or hard + super_hard > 1:
            raise ValueError(f"hard and super_hard are shares, together at most 1; got {hard}, {super_hard}")
        if not 0 < margin < 2 or gap < 0 or least <= 0 or start < 0 or ramp < 1:
            raise ValueError(
                f"needs margin in (0, 2), gap >= 0, least > 0, start >= 0 and ramp >= 1; got {margin}, {gap}, {least}, "
                f"{start}, {ramp}"
            )
        self.loss: Literal["contrastive", "binary"] = loss
        self.margin, self.gap, self.least = margin, gap, least
        self.hard, self.super_hard, self.start, self.ramp = hard, super_hard, start, ramp
        self.pictures_to = PerMoment(encoder.dim, moments, dim) if moments > 1 else embedding(encoder.dim, dim, dim)
        self.sounds_to = PerMoment(sound.dim, moments, dim) if moments > 1 else embedding(sound.dim, dim, dim)
        self.slope = nn.Parameter(torch.tensor(4.0)) if loss == "binary" else None
        self.bias = nn.Parameter(torch.tensor(0.0)) if loss == "binary" else None
        self.register_buffer("shares", torch.zeros(len(KINDS)))
        self.after_step(0, steps=1)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` and, of the kinds that the batch has, ``accuracy_easy`` and so on, chance 0.5.

        Raises:
            ValueError: if a batch to learn from has no other recording for the false pairs that count now.
        """
        pairs = self.pairs_of(batch)
        negatives = negatives_of(pairs, moments_of(batch), self.gap, self.least)
        if self.training and self.shares[0] > 0 and len(pairs.recording.unique()) < 2:
            raise ValueError("easy false pairs are sounds of other recordings: use a batch of at least 2 recordings")
        distances = between(*self.embed(pairs))
        found = {"loss": self.cost(distances, negatives)}
        logits = self.logits_of(distances)
        for kind, which in negatives.items():
            if which.any():
                right = halves((logits.diagonal() > 0).float(), (logits <= 0).float(), which)
                found[f"accuracy_{kind}"] = (right[0] + right[1]) / 2
        return found

    def after_step(self, step: int, steps: int) -> None:
        """Follow the curriculum."""
        part = min(1.0, max(0.0, (step - self.start) / self.ramp))
        hard, super_hard = part * self.hard, part * self.super_hard
        self.shares.copy_(torch.tensor([1 - hard - super_hard, hard, super_hard]))

    def cost(self, distances: Tensor, negatives: dict[str, Tensor]) -> Tensor:
        """Return the loss: the mean over true and false pairs, the kinds of false ones weighing by their shares.

        Args:
            distances: of each clip with each window, ``(pairs, pairs)``.
            negatives: see `avssl.methods.sound.shifts.negatives_of`.
        """
        if self.loss == "binary":
            logits = self.logits_of(distances)
            true, false = F.softplus(-logits.diagonal()), F.softplus(logits)
        else:
            true, false = distances.diagonal().square(), (self.margin - distances).clamp(min=0).square()
        both = [torch.stack(halves(true, false, which)).mean() for which in negatives.values()]
        return (torch.stack(both) * self.shares).sum()

    def decide(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return logits of embeddings ``(N, dim)``, ``(N,)``, row by row: above 0 where they are of one moment."""
        return self.logits_of((pictures - sounds).norm(dim=1))

    def logits_of(self, distances: Tensor) -> Tensor:
        """Return logits of distances, any shape: above 0 below half the margin, or where the binary loss puts it."""
        near = self.margin / 2 - distances
        if self.slope is None or self.bias is None:
            return near
        return F.softplus(self.slope) * near + self.bias

    @torch.no_grad()
    def measure(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return the loss, the scores of `avssl.methods.sound.shifts.KindScores`, and ``silent``, a share left out."""
        scores, losses, silent = KindScores(), [], []
        for batch in in_company(batches):
            pairs = pairs_of(batch, self.views, False, self.sound.spec.rate)
            negatives = negatives_of(pairs, moments_of(batch), self.gap, self.least)
            distances = between(self.embed_pictures(pairs.pictures), self.embed_sounds(pairs.sound))
            losses.append(self.cost(distances, negatives).item() * len(pairs))
            silent.append((~pairs.heard).float())
            scores.add(self.logits_of(distances), negatives)
        away = torch.cat(silent)
        return {"loss": sum(losses) / len(away), "silent": away.mean().item(), **dict(scores.scores())}


def between(pictures: Tensor, sounds: Tensor) -> Tensor:
    """Return the distances of unit vectors ``(N, dim)`` and ``(M, dim)``, ``(N, M)``."""
    return (2 - 2 * pictures.float() @ sounds.float().T).clamp(min=1e-8).sqrt()
