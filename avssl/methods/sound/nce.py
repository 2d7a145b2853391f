"""Cross-modal noise contrast: a picture finds its own sound among others, and a sound its own picture.

Within the batch: Patrick et al., "Multi-modal Self-Supervision from Generalized Data Transformations" (GDT),
https://arxiv.org/abs/2003.04298. Against a memory bank: Morgado, Vasconcelos and Misra, "Audio-Visual Instance
Discrimination with Cross-Modal Agreement" (AVID), CVPR 2021, https://arxiv.org/abs/2004.12943, section 3.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.distributed import all_gather
from avssl.methods.base import Batch, Method
from avssl.methods.sound.bank import Bank, noise_entries, own_noise, told_apart
from avssl.methods.sound.pairs import Pairs, jittered, measure_pairs, pairs_of
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask
from avssl.nets.clips import encode_clips
from avssl.transforms import Transform
from avssl.transforms.draws import epoch_of, index_of

Shift = Literal["ignored", "variant", "invariant"]
Reversal = Literal["none", "variant", "invariant"]


class CrossModalNCE(Method):
    """Unit vectors of pictures and sounds; what belongs together is near, everything else far.

    ``negatives="batch"``: symmetric InfoNCE over the batches of all processes. What other windows of the same recording
    are is GDT's choice of a transformation (section 3.2): ``shift="ignored"`` leaves them out, ``"variant"`` makes them
    negatives (the embedding has to say when), ``"invariant"`` makes them positives. With ``reversal``, each pair is
    seen and heard backwards too, and pairs of one direction and the other are negatives or positives likewise.

    ``negatives="bank"``: AVID's. A bank keeps a running vector of each modality of each recording; each embedding is
    told from ``noise`` entries of the other modality's bank by noise-contrastive estimation, whose normalising constant
    is estimated on the first batch and kept. The bank is part of checkpoints.

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
        shift: what other windows of the same recording are, within the batch.
        reversal: whether pairs are played backwards too, and what the two directions are to each other.
        recordings: how many the data has, for the bank.
        noise: entries of the bank that each embedding is told from (AVID, section 3.3: 1,024).
        momentum: share of a bank's entry that is kept when it is seen (AVID: 0.5).

    Raises:
        ValueError: if numbers cannot be, or settings of the batch and of the bank are mixed.
    """

    level: Tensor
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
        shift: Shift = "ignored",
        reversal: Reversal = "none",
        recordings: int | None = None,
        noise: int = 1024,
        momentum: float = 0.5,
    ):
        super().__init__()
        if temperature <= 0 or noise < 1:
            raise ValueError(f"needs temperature > 0 and noise >= 1; got {temperature} and {noise}")
        if (negatives == "bank") != (recordings is not None):
            raise ValueError("negatives='bank' needs recordings, the number of those in the data; 'batch' takes none")
        if negatives == "bank" and (shift, reversal) != ("ignored", "none"):
            raise ValueError("shift and reversal are for negatives='batch': a bank has one entry a recording")
        self.encoder, self.sound, self.gain, self.masks = encoder, sound, gain, masks
        self.views: Sequence[Transform] = tuple(views)
        self.temperature, self.noise = temperature, noise
        self.shift: Shift = shift
        self.reversal: Reversal = reversal
        self.pictures_to = projector(encoder.dim, hidden, dim)
        self.sounds_to = projector(sound.dim, hidden, dim)
        self.bank = None if recordings is None else Bank(recordings, dim, momentum)
        self.least_recordings, self.remembers = (2, False) if self.bank is None else (1, True)
        self.register_buffer("level", torch.tensor(0.0))  # a cosine half way between true pairs and false ones
        self.register_buffer("constant", torch.zeros(2))  # of each modality's bank; 0 until it is known

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats, and how often the own one is nearest among those of the batch, ``accuracy``."""
        pairs = pairs_of(batch, self.views, self.training, self.sound.spec.rate)
        backwards = torch.zeros_like(pairs.heard)
        if self.reversal != "none":
            pairs, backwards = both_ways(pairs)
        pictures = self.embed_pictures(pairs.pictures)
        sound, alter = jittered(pairs, self.gain, self.masks) if self.training else (pairs.sound, None)
        sounds = self.embed_sounds(sound, alter)
        key, heard, backwards = all_gather(pairs.key), all_gather(pairs.heard), all_gather(backwards)
        similar = all_gather(pictures) @ all_gather(sounds).T
        recording = all_gather(pairs.recording)
        if self.training and self.bank is None and len(recording.unique()) < 2:
            raise ValueError("negatives are sounds of other recordings: use a batch of at least 2 recordings")
        positive, counted = relations(key, backwards, self.shift, self.reversal, recording)
        loss, accuracy = within_batch(similar / self.temperature, positive, counted, heard)
        if self.bank is not None:
            loss = self.against(self.bank, pictures, sounds, pairs)
        if self.training:
            self.level.lerp_(halfway(similar.detach(), positive, counted, heard, self.level), 0.05)
        return {"loss": loss, "accuracy": accuracy}

    def against(self, bank: Bank, pictures: Tensor, sounds: Tensor, pairs: Pairs) -> Tensor:
        """Return the mean of both directions of the contrast with the bank, and take the embeddings into it."""
        index = bank.places(pairs.key)
        others = noise_entries(pairs.key, index[:, None], self.noise, len(bank))
        entries, heard = torch.cat([index[:, None], others], 1), all_gather(pairs.heard)
        mine = own_noise(bank.owners, index, pairs.recording, entries, self.training)
        losses = []
        for own, memory, constant in zip((pictures, sounds), (bank.sounds, bank.pictures), self.constant, strict=True):
            each = told_apart(own, memory, entries, self.temperature, constant, self.training, left_out=mine)
            losses.append(each[heard].mean())
        if self.training:
            bank.store(index, pictures.detach(), sounds.detach(), pairs.heard)
        return torch.stack(losses).mean().nan_to_num()

    def embed_pictures(self, pictures: Tensor) -> Tensor:
        """Return unit vectors ``(N, dim)`` of pictures ``(N, frames, 3, H, W)``."""
        return F.normalize(self.pictures_to(encode_clips(self.encoder, pictures)), dim=1)

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


def both_ways(pairs: Pairs) -> tuple[Pairs, Tensor]:
    """Return pairs as they are and then played backwards, and which are backwards, bool ``(2 * pairs,)``.

    Raises:
        ValueError: if the pictures are single frames, which have no direction.
    """
    if pairs.pictures.shape[1] < 2:
        raise ValueError("reversal needs clips of several frames; a single frame has no direction of time")
    twice = replace(
        pairs,
        pictures=torch.cat([pairs.pictures, pairs.pictures.flip(1)]),
        sound=torch.cat([pairs.sound, pairs.sound.flip(-1)]),
        key=pairs.key.repeat(2, 1),
        video=pairs.video.repeat(2),
        heard=pairs.heard.repeat(2),
        label=None if pairs.label is None else pairs.label.repeat(2),
        recording=pairs.recording.repeat(2),
    )
    return twice, torch.arange(len(twice), device=pairs.heard.device) >= len(pairs)


def relations(
    key: Tensor, backwards: Tensor, shift: Shift, reversal: Reversal, recording: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return which picture (row) and sound (column) are positives, and which count at all, bool ``(N, N)``.

    Other windows of the same item are what ``shift`` says, but never negatives where they come from another epoch: a
    batch that begins the next one may hold the same window again. Other items of the same recording count nowhere.

    Args:
        key: of each pair: seed, epoch, index of the item, clip, ``(N, 4)``.
        backwards: which are played backwards, ``(N,)``.
        shift: what other windows of the same item are.
        reversal: what the other direction of the same window is.
        recording: a number for the recording of each, ``(N,)``; None where every item is one of its own.
    """
    index, epoch = index_of(key), epoch_of(key)
    recording = index if recording is None else recording
    item = index[:, None] == index
    look = item & (epoch[:, None] == epoch)
    window = item & (key[:, None] == key[None]).all(2)
    direction = backwards[:, None] == backwards[None]
    positive = item & (window | (shift == "invariant")) & (direction | (reversal == "invariant"))
    other = ~item & (recording[:, None] != recording[None])
    windows = {"ignored": window, "variant": look, "invariant": item}[shift]
    return positive, other | windows


def within_batch(logits: Tensor, positive: Tensor, counted: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
    """Return the symmetric InfoNCE of a batch, and the share of rows and columns whose greatest entry is a positive.

    A row of several positives counts by their mean; each of them is told from everything that counts (GDT, equation 2).

    Args:
        logits: of each picture (row) with each sound (column), ``(N, N)``.
        positive: those that belong together, bool ``(N, N)``, symmetric.
        counted: those that count, positives among them, bool ``(N, N)``, symmetric.
        heard: False where the sound cannot be heard: such pairs count nowhere.
    """
    if not heard.any():
        return logits.sum() * 0, logits.new_zeros(())
    logits = logits.float()[heard][:, heard]
    positive, counted = positive[heard][:, heard], counted[heard][:, heard]
    logits = logits.masked_fill(~counted, float("-inf"))
    losses, right = [], []
    for table in (logits, logits.T):
        shares = table.log_softmax(1).masked_fill(~positive, 0)  # masked entries are infinite, and times 0 not a number
        losses.append(-(shares.sum(1) / positive.sum(1)).mean())
        right.append(positive.gather(1, table.argmax(1, keepdim=True)).float().mean())
    return torch.stack(losses).mean(), torch.stack(right).mean()


def halfway(similar: Tensor, positive: Tensor, counted: Tensor, heard: Tensor, otherwise: Tensor) -> Tensor:
    """Return the cosine half way between the means of true pairs and of false ones, by which `judge` decides."""
    both = heard[:, None] & heard[None] & counted
    true, false = both & positive, both & ~positive
    if not true.any() or not false.any():
        return otherwise
    return ((similar[true].mean() + similar[false].mean()) / 2).to(otherwise.dtype)
