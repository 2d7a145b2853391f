"""Rotation feature decoupling: half of the features tell the turn, the other half the picture, whatever the turn.

Feng, Xu and Tao, "Self-Supervised Representation Learning by Rotation Feature Decoupling", CVPR 2019, section 3.
https://openaccess.thecvf.com/content_CVPR_2019/html/Feng_Self-Supervised_Representation_Learning_by_Rotation_Feature_Decoupling_CVPR_2019_paper.html
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.methods.banks import contrast_entries, noise_entries, own_noise, register_owners
from avssl.methods.base import Batch, Method
from avssl.methods.inputs import as_batch, owners_of, pictures_of, view_pictures
from avssl.methods.pretext.rotation import QUARTERS, turns
from avssl.nets import Bank, Encoder
from avssl.nets.older_names import load_older_names
from avssl.transforms import Draws, Transform


class RotationDecoupling(Method):
    """Rotation from the first half of the features, and what no turn changes in the second.

    The first half predicts the turn. A turned copy that looks as upright as any picture carries a false label, so it
    counts less: positive-unlabelled learning, where upright pictures are positive and turned ones are unlabelled. The
    second half is drawn to its mean over the four turns, and these means are told apart across pictures, against a bank
    of them.

    Departures: one run in place of two. The paper takes the chance that a copy is upright from a network that was
    trained before; here a linear layer of its own on the first half estimates it, which learns without weights and
    sends no gradient back. It estimates the density of upright pictures over that of turned ones, at most 1: the
    greatest chance that positive-unlabelled learning allows. Frames of a video share an entry of the bank. Held-out
    pictures have no entry: in evaluation ``loss`` leaves that part out.

    Args:
        encoder: maps pictures to ``(N, encoder.dim)`` features, an even number.
        pictures: how many items the data has: pictures, or videos.
        views: transforms of the pictures before they are turned, in order; the four copies share one view.
        gamma: the chance that a copy is upright is raised to it (the authors' code: 2).
        start: steps in which all copies count alike (the authors' code: the first 210 of 245 epochs).
        alike: weight of drawing the second half together (the authors' code: 1).
        apart: weight of telling pictures apart (the authors' code: 1).
        dim: length of the vectors in the bank (the authors' code: 128).
        temperature: similarities are divided by it (the authors' code: 0.07).
        noise: entries that noise-contrastive estimation draws for each picture (the authors' code: 4,096); None for the
            softmax over the whole bank, which that approximates: better where the bank is small.
        momentum: share of an entry that is kept when its picture is seen (the authors' code: 0.5).

    Raises:
        ValueError: if numbers cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> method = RotationDecoupling(SmallNet(dim=16, width=4), pictures=100, noise=8)
        >>> batch = {"frames": torch.zeros(4, 1, 1, 3, 32, 32, dtype=torch.uint8), "key": torch.zeros(4, 3).long()}
        >>> sorted(method(batch))
        ['accuracy', 'alike', 'apart', 'loss', 'recall', 'rotation', 'weight']
    """

    remembers = True
    chance = 1 / QUARTERS

    owners: Tensor
    constant: Tensor
    steps: Tensor

    def __init__(
        self,
        encoder: Encoder,
        pictures: int,
        views: Sequence[Transform] = (),
        gamma: float = 2.0,
        start: int = 0,
        alike: float = 1.0,
        apart: float = 1.0,
        dim: int = 128,
        temperature: float = 0.07,
        noise: int | None = 4096,
        momentum: float = 0.5,
    ):
        super().__init__()
        if encoder.dim % 2:
            raise ValueError(f"features are split in two halves, and encoder.dim is {encoder.dim}; set an even number")
        counts = [dim, pictures - 1] + ([] if noise is None else [noise])
        if min(gamma, temperature) <= 0 or min(start, alike, apart) < 0 or min(counts) < 1:
            raise ValueError(
                "needs gamma and temperature > 0, start, alike and apart >= 0, dim and noise >= 1 and pictures >= 2; "
                f"got {gamma=}, {temperature=}, {start=}, {alike=}, {apart=}, {dim=}, {noise=}, {pictures=}"
            )
        if not 0 <= momentum < 1:
            raise ValueError(f"needs momentum in [0, 1); got {momentum}")
        self.encoder, self.views = encoder, tuple(views)
        self.gamma, self.start, self.alike, self.apart = gamma, start, alike, apart
        self.temperature, self.noise = temperature, noise
        half = encoder.dim // 2
        self.head = nn.Linear(half, QUARTERS)
        self.estimator = nn.Linear(half, QUARTERS)
        self.project = nn.Linear(half, dim)
        self.bank = Bank(pictures, dim, momentum, things="pictures")
        load_older_names(
            self, {"bank": "bank.rows"} | {f"judge.{part}": f"estimator.{part}" for part in ("weight", "bias")}
        )
        register_owners(self, pictures)
        self.register_buffer("constant", torch.zeros(()))  # of the bank's distribution; 0 until it is known
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Predict the turn of every picture in all four turns, and contrast it with others.

        Args:
            batch: pictures, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``; its parts ``rotation`` (cross-entropy in nats, weighted in training: log 4 = 1.386 undecided),
            ``alike`` (mean square) and, in training, ``apart`` (nats); ``accuracy`` of turns, chance 0.25; ``weight``,
            the mean weight of turned copies as they are estimated now; ``recall``, the share of copies whose nearest in
            the batch by the second half is of the same picture, chance 3 / (copies - 1).

        Raises:
            ValueError: if pictures are not square, or more than the bank has entries.
        """
        batch = as_batch(batch, remembers=self.training)
        pictures, key = pictures_of(batch)
        turned, unturned = self.halves(turns(view_pictures(pictures, Draws(key), self.views, self.training)))
        truth = torch.arange(QUARTERS, device=turned.device).repeat(len(pictures))
        logits, estimated = self.head(turned).float(), self.estimator(turned.detach()).float()
        weights = turn_weights(estimated.detach(), self.gamma)
        each = F.cross_entropy(logits, truth, reduction="none")
        weighted = self.training and int(self.steps) >= self.start
        rotation = (each * weights if weighted else each).mean()
        copies = unturned.float().unflatten(0, (-1, QUARTERS))
        means = copies.mean(1)
        alike = (copies - means[:, None]).square().mean()
        loss = rotation + self.alike * alike
        found = {"rotation": rotation, "alike": alike, "accuracy": (logits.argmax(1) == truth).float().mean()}
        owners = owners_of(batch)
        found |= {"weight": weights.view(-1, QUARTERS)[:, 1:].mean(), "recall": recall(copies, owners)}
        if self.training:
            found["apart"] = self.contrast(means, key, owners)
            loss = loss + self.apart * found["apart"] + F.cross_entropy(estimated, truth)
        return {"loss": loss} | found

    def halves(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return both halves of the features of pictures ``(N, 3, H, W)``, each ``(N, encoder.dim / 2)``."""
        turned, unturned = self.encoder(pictures).chunk(2, 1)
        return turned, unturned

    def contrast(self, means: Tensor, key: Tensor, owners: Tensor | None = None) -> Tensor:
        """Return the contrast of means ``(N, dim / 2)`` with the bank, which takes them up, in nats.

        Entries of the own recording, such as another piece of the same film, do not count.
        """
        index = self.bank.check(key[:, 2])
        owners = index if owners is None else owners
        rows = F.normalize(self.project(means), dim=1)
        if self.noise is None:
            similar = rows.float() @ self.bank.rows.clone().T  # of the bank as it was: it moves before gradients do
            everything = torch.arange(len(self.bank), device=key.device).expand(len(key), -1)
            own = own_noise(self.owners, index, owners, everything, True) & (everything != index[:, None])
            similar = similar.masked_fill(own, float("-inf"))
            each = all_gather(F.cross_entropy(similar / self.temperature, index, reduction="none"))
        else:
            entries = torch.cat([index[:, None], noise_entries(key, index[:, None], self.noise, len(self.bank))], 1)
            own = own_noise(self.owners, index, owners, entries, True)
            setting = self.temperature, self.constant, self.training
            each = contrast_entries(rows, self.bank, entries, *setting, own=own)
        self.bank.update(all_gather(index), all_gather(rows.detach()))
        return each.mean()

    def after_step(self, step: int, steps: int) -> None:
        """Count, to know when weights begin."""
        self.steps.fill_(step)


def turn_weights(scores: Tensor, gamma: float) -> Tensor:
    """Return how much each copy counts, ``(N * 4,)``: 1 upright, ``1 - upright ** gamma`` turned (section 3.2).

    Args:
        scores: of turns, four rows a picture, ``(N * 4, 4)``. Turns are equally frequent, so that the odds of upright
            are a third of the density of upright pictures over that of turned ones; ``upright`` is that density
            ratio, at most 1.
        gamma: how little a doubt takes off.

    Examples:
        >>> undecided, sure = torch.zeros(1, 4), torch.tensor([[0.0, 9.0, 0.0, 0.0]])
        >>> turn_weights(torch.cat([sure, undecided, sure, sure]), gamma=2.0).round(decimals=2)
        tensor([1., 0., 1., 1.])
    """
    likely = scores.log_softmax(1)
    ratio = likely[:, 0] - likely[:, 1:].logsumexp(1) + torch.tensor(QUARTERS - 1.0).log()
    weights = 1 - ratio.clamp(max=0).exp() ** gamma
    return weights.view(-1, QUARTERS).index_fill(1, torch.tensor([0], device=scores.device), 1.0).flatten()


@torch.no_grad()
def recall(copies: Tensor, owners: Tensor | None = None) -> Tensor:
    """Return the share of copies ``(N, 4, dim)`` whose nearest other one in the batch is of the same picture.

    Other pictures of the same recording ``(N,)``, the same once more among them, do not answer.
    """
    flat, count = copies.flatten(0, 1), copies.shape[1]
    own = torch.arange(len(flat), device=flat.device) // count
    owner = own if owners is None else owners.repeat_interleave(count)
    akin = (owner[:, None] == owner) & (own[:, None] != own)
    far = torch.cdist(flat, flat).fill_diagonal_(torch.inf).masked_fill(akin, torch.inf)
    return (own[far.argmin(1)] == own).float().mean()
