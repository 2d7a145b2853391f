"""SeLaVi: pictures and sounds learn to predict the same labels, which optimal transport draws from both predictions.

Asano, Patrick, Rupprecht and Vedaldi, "Labelling unlabelled videos from scratch with multi-modal self-supervision",
NeurIPS 2020. https://arxiv.org/abs/2006.13662
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.losses import drawn_sizes, transport
from avssl.methods.base import Batch, Features
from avssl.methods.rows import looking
from avssl.methods.sound.recording_features import Pooled, pooled
from avssl.methods.sound.two_streams import TwoStreams
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask
from avssl.transforms import Draws, Transform
from avssl.transforms.draws import index_of


class SeLaVi(TwoStreams):
    """Several clusterings, each with a layer on both encoders; a label is what both modalities together find likely.

    Before the first epoch and every ``refresh`` epochs all data are read. The log-probabilities of pictures and of
    sounds are added (section 3.2: the modalities are transformations to which labels are invariant) and transport
    spreads recordings over clusters whose sizes are drawn about even (section 3.3). At first, while both are random,
    the clusters of each sound layer are put in the order that agrees best with the pictures' (section 3.3, alignment).

    Departures: all clusterings see the same pairs (section 3.4 gives some of them pairs of unlike pieces); a
    recording's probabilities are those of its features' mean over windows; the layers that predict labels are linear.

    Args:
        encoder: pictures or clips to vectors.
        sound: sounds to vectors.
        recordings: how many the data has.
        clusters: how many (the paper: as many as classes, 309 on VGGSound).
        views: transforms of the pictures, in order.
        gain: of the sound's jitter.
        masks: strips of spectrograms hidden in training; None hides nothing.
        heads: clusterings (the paper: 10).
        sharpness: of the transport (SeLa: 20).
        spread: standard deviation of clusters' sizes over their mean (the authors' code: 0.1); 0 makes them even.
        refresh: epochs after which labels are drawn anew.

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
        heads: int = 10,
        sharpness: float = 20.0,
        spread: float = 0.1,
        refresh: int = 1,
    ):
        super().__init__(encoder, sound, views, gain, masks)
        if min(heads, refresh) < 1 or clusters < 2 or sharpness <= 0 or spread < 0 or recordings < clusters:
            raise ValueError(
                "needs heads and refresh >= 1, clusters >= 2, recordings >= clusters, sharpness > 0 and spread >= 0; "
                f"got {heads}, {refresh}, {clusters}, {recordings}, {sharpness}, {spread}"
            )
        self.heads, self.clusters = heads, clusters
        self.sharpness, self.spread, self.refresh = sharpness, spread, refresh
        self.pictures_to = nn.Linear(encoder.dim, heads * clusters)
        self.sounds_to = nn.Linear(sound.dim, heads * clusters)
        self.register_buffer("known", torch.full((heads, recordings), -1))  # labels; -1: none
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))  # begun

    def before_epoch(self, features: Features) -> None:
        """Draw labels of all data, where that is due."""
        passed = int(self.epochs)
        if passed % self.refresh == 0:
            with looking(self, first=passed == 0):
                found = pooled(features, self.encode_pictures, self.sound, self.views, self.sound.spec.rate)
            if len(found) < self.clusters:
                raise ValueError(f"{len(found)} recordings that are heard cannot make {self.clusters} clusters")
            if passed == 0:
                self.align(found)
            self.known.fill_(-1)
            self.known[:, found.index] = self.labels_of(found)
        self.epochs += 1

    @torch.no_grad()
    def align(self, found: Pooled) -> None:
        """Put the clusters of each sound layer into the order in which they agree best with the pictures' clusters."""
        from scipy.optimize import linear_sum_assignment  # slow to import

        seen, heard = (self.by_head(layer(rows)) for layer, rows in self.streams(found.pictures, found.sounds))
        order = []
        for head, (one, other) in enumerate(zip(seen.softmax(2), heard.softmax(2), strict=True)):
            gain = (one - one.mean(0)).T @ (other - other.mean(0))
            order.append(torch.from_numpy(linear_sum_assignment(gain.cpu(), maximize=True)[1]) + head * self.clusters)
        rows = torch.cat(order).to(self.sounds_to.weight.device)
        self.sounds_to.weight.copy_(self.sounds_to.weight[rows])
        self.sounds_to.bias.copy_(self.sounds_to.bias[rows])

    @torch.no_grad()
    def labels_of(self, found: Pooled) -> Tensor:
        """Return labels of recordings, int64 ``(heads, recordings)``."""
        seen, heard = (self.by_head(layer(rows)) for layer, rows in self.streams(found.pictures, found.sounds))
        likely = seen.log_softmax(2) + heard.log_softmax(2)
        labels = []
        for head, table in enumerate(likely):
            sizes = shares(self.clusters, self.spread, torch.tensor([[head]]))
            columns = sizes.argsort()[table.exp().sum(0).argsort().argsort().cpu()]  # the likeliest is to be largest
            labels.append(transport(table, sizes[columns], self.sharpness).argmax(1))
        return torch.stack(labels)

    def streams(self, pictures: Tensor, sounds: Tensor) -> tuple[tuple[nn.Linear, Tensor], tuple[nn.Linear, Tensor]]:
        """Return each stream's layer and features."""
        return (self.pictures_to, pictures), (self.sounds_to, sounds)

    def by_head(self, logits: Tensor) -> Tensor:
        """Return logits ``(N, heads * clusters)`` as ``(heads, N, clusters)``."""
        return logits.float().unflatten(1, (self.heads, self.clusters)).transpose(0, 1)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats (log of the number of clusters when undecided) and ``label_accuracy``."""
        pairs = self.pairs_of(batch)
        truth = self.known[:, index_of(pairs.key)].masked_fill(~pairs.heard, -1)
        losses, right = [], []
        for layer, rows in self.streams(*self.encode(pairs)):
            logits, count = self.by_head(layer(rows)), (truth >= 0).sum().clamp(min=1)
            each = F.cross_entropy(logits.flatten(0, 1), truth.flatten(), reduction="sum", ignore_index=-1)
            losses.append(each / count)
            right.append(((logits.argmax(2) == truth) & (truth >= 0)).sum() / count)
        return {"loss": torch.stack(losses).mean(), "label_accuracy": torch.stack(right).mean()}

    def score_sides(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return how much likelier than by chance both modalities predict one label, in nats, a mean over heads."""
        seen, heard = (self.by_head(layer(rows)) for layer, rows in self.streams(pictures, sounds))
        agree = (seen.log_softmax(2) + heard.log_softmax(2)).logsumexp(2)
        return agree.mean(0) + torch.tensor(float(self.clusters)).log()


def shares(clusters: int, spread: float, key: Tensor) -> Tensor:
    """Return how large clusters are to be, normally distributed around even, float64 ``(clusters,)``, summing to 1.

    Args:
        clusters: how many.
        spread: standard deviation over the mean; 0 makes them even.
        key: the only source of chance, ``(1, parts)``.

    Examples:
        >>> shares(4, 0.0, torch.zeros(1, 1, dtype=torch.long)).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    return drawn_sizes(torch.special.ndtri(Draws(key).uniform(clusters, low=1e-6)[0].double()), spread)
