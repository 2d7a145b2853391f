"""Cross-modal noise contrast: a picture finds its own sound among others, and a sound its own picture.

Within the batch: Patrick et al., "Multi-modal Self-Supervision from Generalized Data Transformations" (GDT),
https://arxiv.org/abs/2003.04298, section 3.2, its cross-modal baseline. Against a memory bank: Morgado, Vasconcelos and
Misra, "Audio-Visual Instance Discrimination with Cross-Modal Agreement" (AVID), CVPR 2021,
https://arxiv.org/abs/2004.12943, section 3.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.data.transforms import Draws, Transform
from avssl.methods.base import Batch, Method
from avssl.methods.sound.pairs import Pairs, jittered, measure_pairs, pairs_of
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask
from avssl.nets.clips import see

BANK_STREAM = -3  # last number of the key that noise is drawn by, so that it shares no chance with views


class CrossModalNCE(Method):
    """Unit vectors of pictures and sounds; what belongs together is near, everything else far.

    ``negatives="batch"``: symmetric InfoNCE over the batch. Other windows of the same recording are neither right nor
    wrong, and do not count. Each process contrasts its own batch.

    ``negatives="bank"``: AVID's. A bank keeps a running vector of each modality of each recording (momentum 0.5); each
    embedding is told from ``noise`` entries of the other modality's bank by noise-contrastive estimation, whose
    normalising constant is estimated on the first batch and kept. The bank is part of checkpoints.

    Departures: the pictures may be single frames (AVID and GDT: clips; any `avssl.nets.clips.ClipEncoder` does that);
    several windows of a recording in a batch share its entry of the bank, which takes their mean.

    Args:
        encoder: pictures or clips to vectors.
        sound: sounds to vectors.
        views: transforms of the pictures, in order.
        gain: of the sound's jitter.
        masks: strips of spectrograms hidden in training; None hides nothing.
        dim: length of the embeddings (AVID, section 3.3: 128).
        hidden: width of the layer before (AVID: 512).
        temperature: similarities are divided by it (both: 0.07).
        negatives: where they come from.
        recordings: how many the data has, for the bank.
        noise: entries of the bank that each embedding is told from (AVID, section 3.3: 1,024).
        momentum: share of a bank's entry that is kept when it is seen (AVID: 0.5).
    """

    level: Tensor
    pictures_bank: Tensor
    sounds_bank: Tensor
    constant: Tensor

    def __init__(
        self,
        encoder: Encoder,
        sound: SoundEncoder,
        views: Sequence[Transform] = (),
        gain: float = 0.1,
        masks: SpectrogramMask | None = None,
        dim: int = 128,
        hidden: int = 512,
        temperature: float = 0.07,
        negatives: Literal["batch", "bank"] = "batch",
        recordings: int | None = None,
        noise: int = 1024,
        momentum: float = 0.5,
    ):
        super().__init__()
        if temperature <= 0 or not 0 <= momentum < 1 or noise < 1:
            raise ValueError(
                f"needs temperature > 0, momentum in [0, 1) and noise >= 1; got {temperature}, {momentum}, {noise}"
            )
        if (negatives == "bank") != (recordings is not None):
            raise ValueError("negatives='bank' needs recordings, the number of those in the data; 'batch' takes none")
        if recordings is not None and recordings <= 1:
            raise ValueError(f"a bank of {recordings} recordings has nothing to tell them from")
        self.encoder, self.sound, self.gain, self.temperature = encoder, sound, gain, temperature
        self.masks = masks
        self.views: Sequence[Transform] = tuple(views)
        self.negatives, self.noise, self.momentum = negatives, noise, momentum
        self.pictures_to = projector(encoder.dim, hidden, dim)
        self.sounds_to = projector(sound.dim, hidden, dim)
        self.register_buffer("level", torch.tensor(0.0))  # a cosine half way between true pairs and false ones
        chance = torch.Generator().manual_seed(0)
        for name in ("pictures_bank", "sounds_bank"):
            entries = torch.randn(recordings or 0, dim, generator=chance)
            self.register_buffer(name, F.normalize(entries, dim=1))
        self.register_buffer("constant", torch.zeros(2))  # of each modality's bank; 0 until it is known

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats, and how often the own one is nearest among those of the batch, ``accuracy``."""
        pairs = pairs_of(batch, self.views, self.training, self.sound.spec.rate)
        pictures = self.embed_pictures(pairs.pictures)
        sound, alter = jittered(pairs, self.gain, self.masks) if self.training else (pairs.sound, None)
        sounds = self.embed_sounds(sound, alter)
        similar = pictures @ sounds.T
        losses, accuracy = within_batch(similar / self.temperature, pairs.video, pairs.heard)
        if self.negatives == "bank":
            losses = self.against_bank(pictures, sounds, pairs)
        if self.training:
            self.remember(similar.detach(), pairs)
        return {"loss": losses, "accuracy": accuracy}

    def against_bank(self, pictures: Tensor, sounds: Tensor, pairs: Pairs) -> Tensor:
        """Return the mean of both directions of the contrast with the bank, and take the embeddings into it."""
        index = pairs.key[:, 2]
        if int(index.max()) >= len(self.pictures_bank):
            raise ValueError(
                f"the data has recording number {int(index.max())} and the bank {len(self.pictures_bank)} entries; set "
                "recordings to the number of recordings"
            )
        key = torch.cat([pairs.key, torch.full_like(pairs.key[:, :1], BANK_STREAM)], 1)
        others = (Draws(key).uniform(self.noise)[:, : self.noise] * (len(self.pictures_bank) - 1)).long()
        others = others + (others >= index[:, None])  # any entry but one's own
        total = []
        for place, (own, bank) in enumerate(((pictures, self.sounds_bank), (sounds, self.pictures_bank))):
            entries = bank[torch.cat([index[:, None], others], 1)]
            raw = (torch.einsum("nd,nkd->nk", own.float(), entries) / self.temperature).exp()
            if self.training and self.constant[place] == 0:
                self.constant[place] = raw.detach().mean() * len(bank)
            total.append(noise_contrast(raw, self.constant[place].clamp(min=1e-12), len(bank))[pairs.heard].mean())
        if self.training:
            self.store(index, pictures.detach(), sounds.detach(), pairs.heard)
        return torch.stack(total).mean().nan_to_num()

    @torch.no_grad()
    def store(self, index: Tensor, pictures: Tensor, sounds: Tensor, heard: Tensor) -> None:
        """Move the bank's entries towards the mean embedding of each recording."""
        for bank, found in ((self.pictures_bank, pictures), (self.sounds_bank, sounds)):
            entries, place = index[heard].unique(return_inverse=True)
            means = torch.zeros(len(entries), found.shape[1], device=found.device).index_add_(
                0, place, found[heard].float()
            )
            counts = torch.bincount(place, minlength=len(entries))[:, None]
            moved = self.momentum * bank[entries] + (1 - self.momentum) * means / counts
            bank[entries] = F.normalize(moved, dim=1)

    @torch.no_grad()
    def remember(self, similar: Tensor, pairs: Pairs) -> None:
        """Follow the cosine half way between true pairs and false ones, by which `judge` decides."""
        other = pairs.video[:, None] != pairs.video[None]
        other &= pairs.heard[None]
        if pairs.heard.any() and other.any():
            middle = (similar.diagonal()[pairs.heard].mean() + similar[other].mean()) / 2
            self.level.lerp_(middle.float(), 0.05)

    def embed_pictures(self, pictures: Tensor) -> Tensor:
        """Return unit vectors ``(N, dim)`` of pictures ``(N, frames, 3, H, W)``."""
        return F.normalize(self.pictures_to(see(self.encoder, pictures)), dim=1)

    def embed_sounds(self, sound: Tensor, alter: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return unit vectors ``(N, dim)`` of windows of sound ``(N, channels, samples)``."""
        return F.normalize(self.sounds_to(self.sound(sound, alter)), dim=1)

    def judge(self, pictures: Tensor, sound: Tensor) -> Tensor:
        """Return cosines beyond the level half way between true and false pairs in training, over the temperature."""
        cosines = (self.embed_pictures(pictures) * self.embed_sounds(sound)).sum(1)
        return (cosines - self.level) / self.temperature

    def measure(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return the scores of `avssl.methods.sound.pairs.measure_pairs`."""
        return measure_pairs(self.judge, batches, self.views, self.sound.spec.rate)


def projector(inputs: int, hidden: int, dim: int) -> nn.Sequential:
    """Return the two layers between features and embeddings."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, dim))


def within_batch(logits: Tensor, video: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
    """Return the symmetric InfoNCE of a batch and the share of rows and columns whose own entry is the greatest.

    Args:
        logits: of each picture (row) with each sound (column), ``(N, N)``; those that belong together on the diagonal.
        video: the recording of each; others of the same recording do not count.
        heard: False where the sound cannot be heard: such pairs count nowhere.
    """
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    out = ((video[:, None] == video[None]) & ~own) | ~heard[None] | ~heard[:, None]
    logits = logits.float().masked_fill(out & ~own, float("-inf"))
    if not heard.any():
        return logits.diagonal().sum() * 0, logits.new_zeros(())
    losses, right = [], []
    for one in (logits, logits.T):
        chosen = one[heard]
        truth = torch.nonzero(heard).flatten()
        losses.append(F.cross_entropy(chosen, truth))
        right.append((chosen.argmax(1) == truth).float().mean())
    return torch.stack(losses).mean(), torch.stack(right).mean()


def noise_contrast(raw: Tensor, constant: Tensor, recordings: int) -> Tensor:
    """Return AVID's loss of each row (section 3.2, equations 3 and 4), in nats.

    Args:
        raw: exponentials of similarities with the own entry (first column) and with noise, ``(N, 1 + noise)``.
        constant: what makes them a distribution over the bank.
        recordings: entries of the bank; noise is uniform over them.
    """
    found, noise = raw / constant, (raw.shape[1] - 1) / recordings
    true = found[:, 0] / (found[:, 0] + noise)
    false = noise / (found[:, 1:] + noise)
    return -(true.clamp(min=1e-12).log() + false.clamp(min=1e-12).log().sum(1))
