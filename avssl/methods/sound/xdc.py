"""XDC: what a recording's sound is like is the label of its pictures, and the other way round.

Alwassel, Mahajan, Korbar, Torresani, Ghanem and Tran, "Self-Supervised Learning by Cross-Modal Audio-Video
Clustering", NeurIPS 2020. https://arxiv.org/abs/1911.12667
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.methods.base import Batch, Features
from avssl.methods.rows import looking
from avssl.methods.sound.clusters import fit_apart
from avssl.methods.sound.recording_features import pooled
from avssl.methods.sound.two_streams import TwoStreams
from avssl.nets import Clusters, Encoder, SoundEncoder, SpectrogramMask
from avssl.transforms import Transform
from avssl.transforms.draws import index_of

SOURCES = {"other": (1, 0), "own": (0, 1), "joint": (2, 2)}  # whose clusters pictures and sounds learn


class XDC(TwoStreams):
    """Each modality's features are clustered, and each encoder learns to predict the clusters of the other one.

    Clusters are found by k-means of whitened features before the first epoch, when encoders are random, and every
    ``refresh`` epochs; the layers that predict them begin anew then. Section 3 compares four ways, of which three are
    here: ``labels="other"`` is XDC, ``"own"`` SDC (DeepCluster in each modality alone, the control), ``"joint"`` CDC
    (features side by side make one set of clusters).

    Departures: clusters weigh the same in the loss, in place of drawing recordings evenly from clusters (the same in
    expectation); features of several windows of a recording are averaged before they are clustered; MDC, two layers
    on each encoder, is left out.

    Args:
        encoder: pictures or clips to vectors.
        sound: sounds to vectors.
        recordings: how many the data has.
        clusters: how many (section 4: 64 to 256 are best).
        views: transforms of the pictures, in order.
        gain: of the sound's jitter.
        masks: strips of spectrograms hidden in training; None hides nothing.
        labels: whose clusters each encoder learns to predict.
        refresh: epochs after which clusters are found anew (the paper: when a deep-clustering iteration has converged).
        components: principal components that are clustered, at most (DeepCluster: 256).

    Raises:
        ValueError: if numbers cannot be.
    """

    decides = "pair_loss"
    remembers = True

    known: Tensor
    epochs: Tensor

    def __init__(
        self,
        encoder: Encoder,
        sound: SoundEncoder,
        recordings: int,
        clusters: int = 64,
        views: Sequence[Transform] = (),
        gain: float = 0.1,
        masks: SpectrogramMask | None = None,
        labels: Literal["other", "own", "joint"] = "other",
        refresh: int = 1,
        components: int = 256,
    ):
        super().__init__(encoder, sound, views, gain, masks)
        if refresh < 1 or recordings < clusters:
            raise ValueError(f"needs refresh >= 1 and recordings >= clusters; got {refresh}, {recordings}, {clusters}")
        self.labels: Literal["other", "own", "joint"] = labels
        self.refresh = refresh
        sizes = (encoder.dim, sound.dim, encoder.dim + sound.dim)
        self.groups = nn.ModuleList(Clusters(size, clusters, components) for size in sizes)
        self.pictures_to = nn.Linear(encoder.dim, clusters)
        self.sounds_to = nn.Linear(sound.dim, clusters)
        self.register_buffer("known", torch.full((3, recordings), -1))  # cluster of each recording; -1: none
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))  # begun

    def before_epoch(self, features: Features) -> list[str]:
        """Find clusters of all data, where that is due; return the parameters of the layers made anew then."""
        passed, anew = int(self.epochs), list[str]()
        if passed % self.refresh == 0:
            with looking(self, first=passed == 0):
                found = pooled(features, self.encode_pictures, self.sound, self.views, self.sound.spec.rate)
            self.known.fill_(-1)
            tables = side_by_side(found.pictures, found.sounds)
            for place in sorted(set(SOURCES[self.labels])):
                self.known[place, found.index] = fit_apart(self.group(place), tables[place], passed)
            self.pictures_to.reset_parameters()
            self.sounds_to.reset_parameters()
            anew = [f"{layer}.{part}" for layer in ("pictures_to", "sounds_to") for part in ("weight", "bias")]
        self.epochs += 1
        return anew

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats (log of the number of clusters when undecided) and ``label_accuracy``."""
        pairs = self.pairs_of(batch)
        pictures, sounds = self.encode(pairs)
        logits = self.pictures_to(pictures), self.sounds_to(sounds)
        losses, right = [], []
        for rows, place in zip(logits, SOURCES[self.labels], strict=True):
            truth = self.known[place, index_of(pairs.key)].masked_fill(~pairs.heard, -1)
            losses.append(weighted_cross_entropy(rows, truth, self.weights(place)))
            right.append(((rows.argmax(1) == truth) & (truth >= 0)).sum() / (truth >= 0).sum().clamp(min=1))
        return {"loss": torch.stack(losses).mean(), "label_accuracy": torch.stack(right).mean()}

    def group(self, place: int) -> Clusters:
        """Return the clusters of pictures (0), of sounds (1), or of both side by side (2)."""
        found = self.groups[place]
        assert isinstance(found, Clusters)
        return found

    def weights(self, place: int) -> Tensor:
        """Return what a recording of each cluster weighs, so that clusters weigh the same; on average 1."""
        known = self.known[place]
        count = torch.bincount(known[known >= 0], minlength=self.pictures_to.out_features)
        return count.sum() / ((count > 0).sum() * count).clamp(min=1)

    def score_sides(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return how much likelier than by chance each modality finds the cluster that it was taught, in nats, a mean.

        Above 0 where picture and sound fit. With ``labels="own"`` no modality knows of the other, and neither does it.
        """
        logits = self.pictures_to(pictures), self.sounds_to(sounds)
        found = []
        for rows, place in zip(logits, SOURCES[self.labels], strict=True):
            cluster = self.group(place).assign(side_by_side(pictures, sounds)[place])
            found.append(rows.log_softmax(1).gather(1, cluster[:, None])[:, 0])
        return torch.stack(found).mean(0) + torch.tensor(float(self.pictures_to.out_features)).log()


def side_by_side(pictures: Tensor, sounds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return features of pictures, of sounds, and both side by side, of unit length each."""
    return pictures, sounds, torch.cat([F.normalize(pictures, dim=1), F.normalize(sounds, dim=1)], 1)


def weighted_cross_entropy(logits: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean cross-entropy of rows, in nats; rows of truth -1 count nowhere."""
    each = F.cross_entropy(logits.float(), truth, reduction="none", ignore_index=-1)
    weight = weights[truth.clamp(min=0)] * (truth >= 0)
    return (each * weight).sum() / weight.sum().clamp(min=1e-12)
