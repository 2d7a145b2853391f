"""CMA: recordings that look alike and sound alike are positives of each other, beside each picture's own sound.

Morgado, Vasconcelos and Misra, "Audio-Visual Instance Discrimination with Cross-Modal Agreement", CVPR 2021, section 4.
https://arxiv.org/abs/2004.12943
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import halfway, symmetric_contrast
from avssl.methods.banks import contrast_entries, noise_entries, own_noise
from avssl.methods.base import Batch, Features
from avssl.methods.sound.bank import PairBank
from avssl.methods.sound.nce import relations
from avssl.methods.sound.pairs import Pairs
from avssl.methods.sound.two_streams import JointStreams, embedding
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask
from avssl.transforms import Transform
from avssl.transforms.draws import index_of

ROWS = 1024  # of the bank that are compared with all of it at a time


class CMA(JointStreams):
    """AVID's contrast across modalities, and within each modality a contrast with recordings that agree in both.

    Two recordings agree as much as the lesser of their pictures' and their sounds' similarity in the bank. The ``top``
    ones of each are its positives within a modality, and are never noise. They are computed before epoch ``start``
    and every ``refresh`` epochs from there; until then this is AVID.

    Departures: one run goes from AVID to CMA (the paper starts from a finished AVID run); every positive counts in each
    step, in place of a few drawn ones; several windows of a recording share its entry of the bank. With
    ``across="batch"`` the contrast across modalities is InfoNCE among the pairs of the batch, those that agree left
    out, and the bank serves for agreement and within modalities alone: a bank follows its encoders by epochs, and
    short runs have few of them.

    Args:
        encoder: pictures or clips to vectors.
        sound: sounds to vectors.
        recordings: how many the data has.
        views: transforms of the pictures, in order.
        gain: of the sound's jitter.
        masks: strips of spectrograms hidden in training; None hides nothing.
        dim: length of the embeddings (section 3.3: 128).
        hidden: width of the layer before.
        across: whether pictures and sounds are contrasted with those of the bank (AVID) or of the batch.
        temperature: similarities are divided by it (0.07).
        noise: entries of the bank that each embedding is contrasted with, across modalities (1,024).
        within_noise: likewise within a modality (the authors' configs: 64).
        within: weight of the contrast within modalities (the authors' configs: 1).
        top: recordings that are taken to agree with each (32).
        momentum: share of a bank's entry that is kept when it is seen (0.5).
        start: epochs of AVID alone, at least 1.
        refresh: epochs after which agreement is computed anew.

    Raises:
        ValueError: if numbers cannot be.
    """

    remembers = True
    decides = "pair_loss"

    level: Tensor
    constant: Tensor
    agreeing: Tensor
    epochs: Tensor

    def __init__(
        self,
        encoder: Encoder,
        sound: SoundEncoder,
        recordings: int,
        views: Sequence[Transform] = (),
        gain: float = 0.1,
        masks: SpectrogramMask | None = None,
        dim: int = 128,
        hidden: int = 512,
        across: Literal["bank", "batch"] = "bank",
        temperature: float = 0.07,
        noise: int = 1024,
        within_noise: int = 64,
        within: float = 1.0,
        top: int = 32,
        momentum: float = 0.5,
        start: int = 10,
        refresh: int = 5,
    ):
        super().__init__(encoder, sound, views, gain, masks)
        if temperature <= 0 or within < 0 or min(noise, within_noise, top, start, refresh) < 1:
            raise ValueError(
                "needs temperature > 0, within >= 0 and noise, within_noise, top, start, refresh >= 1; got "
                f"{temperature}, {within}, {noise}, {within_noise}, {top}, {start}, {refresh}"
            )
        if top + 1 >= recordings or within_noise > noise:
            raise ValueError(
                f"needs top < recordings - 1 and within_noise <= noise; got {top} and {recordings}, {within_noise} and "
                f"{noise}"
            )
        self.across: Literal["bank", "batch"] = across
        self.least_recordings = 2 if across == "batch" else 1
        self.temperature, self.noise, self.within_noise = temperature, noise, within_noise
        self.within, self.top, self.start, self.refresh = within, top, start, refresh
        self.pictures_to = embedding(encoder.dim, hidden, dim)
        self.sounds_to = embedding(sound.dim, hidden, dim)
        self.bank = PairBank(recordings, dim, momentum)
        self.register_buffer("level", torch.tensor(0.0))  # a cosine half way between true pairs and false ones
        self.register_buffer("constant", torch.zeros(2, 2))  # (across, within) x bank; 0 until it is known
        self.register_buffer("agreeing", torch.full((recordings, top), -1))  # -1: not known yet
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))  # begun

    def before_epoch(self, features: Features) -> None:
        """Compute agreement where it is due; the bank knows all recordings, so the data need not be read."""
        passed = int(self.epochs)
        if passed >= self.start and (passed - self.start) % self.refresh == 0:
            self.agreeing.copy_(agreement(self.bank.pictures.rows, self.bank.sounds.rows, self.top))
        self.epochs += 1

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats, its parts ``across``, ``within``, and ``batch_accuracy`` as `CrossModalNCE` does."""
        pairs = self.pairs_of(batch)
        pictures, sounds = self.embed(pairs)
        across, within = self.contrasts(pictures, sounds, pairs)
        if self.training:
            self.bank.update(index_of(pairs.key), pictures.detach(), sounds.detach(), pairs.heard)
        key, heard = all_gather(pairs.key), all_gather(pairs.heard)
        similar = all_gather(pictures) @ all_gather(sounds).T
        recording = all_gather(pairs.recording)
        if self.training and self.across == "batch" and len(recording.unique()) < 2:
            raise ValueError("negatives are sounds of other recordings: use a batch of at least 2 recordings")
        positive, counts = relations(key, torch.zeros_like(heard), "ignored", "none", recording)
        strangers = counts & ~self.agree(index_of(key))
        within_batch, accuracy = symmetric_contrast(similar / self.temperature, positive, strangers, heard)
        if self.training:
            self.level.lerp_(halfway(similar.detach(), positive, counts, heard, self.level), 0.05)
        across = within_batch if self.across == "batch" else across
        return {"loss": across + self.within * within, "across": across, "within": within, "batch_accuracy": accuracy}

    def agree(self, index: Tensor) -> Tensor:
        """Return which of some recordings agree with which, either way, bool ``(N, N)``."""
        either = (self.agreeing[index][:, None] == index[None, :, None]).any(2)
        return either | either.T

    def contrasts(self, pictures: Tensor, sounds: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Return the contrasts with the bank, across modalities and within, each the mean of both directions."""
        index, bank = self.bank.entries(pairs.key), self.bank
        friends = self.agreeing[index]
        known = bool((friends >= 0).all())
        excluded = torch.cat([index[:, None], friends], 1) if known else index[:, None]
        noise = noise_entries(pairs.key, excluded, self.noise, len(bank))
        entries = torch.cat([index[:, None], noise], 1), torch.cat([friends, noise[:, : self.within_noise]], 1)
        own = [own_noise(bank.owners, index, pairs.recording, some, self.training) for some in entries]
        heard = all_gather(pairs.heard)
        across, within = [], []
        for rows, same, other, constant in zip(
            (pictures, sounds), (bank.pictures, bank.sounds), (bank.sounds, bank.pictures), self.constant.T, strict=True
        ):
            if self.across == "bank":
                asked = other, entries[0], self.temperature, constant[0], self.training
                across.append(contrast_entries(rows, *asked, own=own[0])[heard].mean())
            if known:
                asked = same, entries[1], self.temperature, constant[1], self.training, self.top
                within.append(contrast_entries(rows, *asked, own=own[1])[heard].mean())
        nothing = [pictures.sum() * 0]  # of what is not asked, or of sounds that cannot be heard
        across, within = (torch.stack(parts or nothing).mean().nan_to_num() for parts in (across, within))
        return across, within

    def decide(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return cosines beyond the level half way between true and false pairs in training, over the temperature."""
        return ((pictures * sounds).sum(1) - self.level) / self.temperature


def agreement(pictures: Tensor, sounds: Tensor, top: int) -> Tensor:
    """Return the recordings that agree most with each, best first, int64 ``(recordings, top)``.

    Args:
        pictures: unit vectors of each recording's pictures, ``(recordings, dim)``.
        sounds: likewise of sounds.
        top: how many; never the recording itself.

    Examples:
        >>> pictures = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
        >>> sounds = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6], [1.0, 0.0]])
        >>> agreement(pictures, sounds, top=1)[0].tolist()  # what looks the same sounds otherwise
        [2]
    """
    found = []
    for first in range(0, len(pictures), ROWS):
        part = slice(first, first + ROWS)
        agree = torch.minimum(pictures[part] @ pictures.T, sounds[part] @ sounds.T)
        own = torch.arange(first, first + len(agree), device=agree.device)
        agree.scatter_(1, own[:, None], -torch.inf)
        found.append(agree.topk(top, 1).indices)
    return torch.cat(found)
