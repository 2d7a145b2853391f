"""Cross-modal noise contrast: a picture finds its own sound among others, and a sound its own picture.

Within the batch: Patrick et al., "Multi-modal Self-Supervision from Generalized Data Transformations" (GDT),
https://arxiv.org/abs/2003.04298. Against a memory bank: Morgado, Vasconcelos and Misra, "Audio-Visual Instance
Discrimination with Cross-Modal Agreement" (AVID), CVPR 2021, https://arxiv.org/abs/2004.12943, section 3.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import halfway, symmetric_contrast
from avssl.methods.banks import contrast_entries, noise_entries, own_noise
from avssl.methods.base import Batch
from avssl.methods.sound.bank import PairBank
from avssl.methods.sound.pairs import Pairs
from avssl.methods.sound.two_streams import JointStreams, embedding
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask
from avssl.transforms import Transform
from avssl.transforms.draws import epoch_of, index_of

Shift = Literal["ignored", "variant", "invariant"]
Reversal = Literal["none", "variant", "invariant"]


class CrossModalNCE(JointStreams):
    """Unit vectors of pictures and sounds; what belongs together is near, everything else far.

    ``negatives="batch"``: symmetric InfoNCE over the batches of all processes. What other windows of the same recording
    are is GDT's choice of a transformation (section 3.2): ``shift="ignored"`` leaves them out, ``"variant"`` makes them
    negatives (the embedding has to depend on when), ``"invariant"`` makes them positives. With ``reversal``, each pair
    is also played backwards, and pairs of one direction and the other are negatives or positives likewise.

    ``negatives="bank"``: AVID's. A bank keeps a running vector of each modality of each recording; each embedding is
    contrasted with ``noise`` entries of the other modality's bank (noise-contrastive estimation), whose normalising
    constant is estimated on the first batch and kept. The bank is part of checkpoints.

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
        noise: entries of the bank that each embedding is contrasted with (AVID, section 3.3: 1,024).
        momentum: share of a bank's entry that is kept when it is seen (AVID: 0.5).

    Raises:
        ValueError: if numbers cannot be, or settings of the batch and of the bank are mixed.
    """

    decides = "pair_loss"

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
        super().__init__(encoder, sound, views, gain, masks)
        if temperature <= 0 or noise < 1:
            raise ValueError(f"needs temperature > 0 and noise >= 1; got {temperature} and {noise}")
        if (negatives == "bank") != (recordings is not None):
            raise ValueError("negatives='bank' needs recordings, the number of those in the data; 'batch' takes none")
        if negatives == "bank" and (shift, reversal) != ("ignored", "none"):
            raise ValueError("shift and reversal are for negatives='batch': a bank has one entry a recording")
        self.temperature, self.noise = temperature, noise
        self.shift: Shift = shift
        self.reversal: Reversal = reversal
        self.pictures_to = embedding(encoder.dim, hidden, dim)
        self.sounds_to = embedding(sound.dim, hidden, dim)
        self.bank = None if recordings is None else PairBank(recordings, dim, momentum)
        self.least_recordings, self.remembers = (2, False) if self.bank is None else (1, True)
        self.register_buffer("level", torch.tensor(0.0))  # a cosine half way between true pairs and false ones
        self.register_buffer("constant", torch.zeros(2))  # of each modality's bank; 0 until it is known

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return ``loss`` in nats, and ``batch_accuracy``: how often the own one is nearest in the batch."""
        pairs = self.pairs_of(batch)
        backwards = torch.zeros_like(pairs.heard)
        if self.reversal != "none":
            pairs, backwards = both_ways(pairs)
        pictures, sounds = self.embed(pairs)
        key, heard, backwards = all_gather(pairs.key), all_gather(pairs.heard), all_gather(backwards)
        similar = all_gather(pictures) @ all_gather(sounds).T
        recording = all_gather(pairs.recording)
        if self.training and self.bank is None and len(recording.unique()) < 2:
            raise ValueError("negatives are sounds of other recordings: use a batch of at least 2 recordings")
        positive, counts = relations(key, backwards, self.shift, self.reversal, recording)
        loss, accuracy = symmetric_contrast(similar / self.temperature, positive, counts, heard)
        if self.bank is not None:
            loss = self.against(self.bank, pictures, sounds, pairs)
        if self.training:
            self.level.lerp_(halfway(similar.detach(), positive, counts, heard, self.level), 0.05)
        return {"loss": loss, "batch_accuracy": accuracy}

    def against(self, bank: PairBank, pictures: Tensor, sounds: Tensor, pairs: Pairs) -> Tensor:
        """Return the mean of both directions of the contrast with the bank, and take the embeddings into it."""
        index = bank.entries(pairs.key)
        others = noise_entries(pairs.key, index[:, None], self.noise, len(bank))
        entries, heard = torch.cat([index[:, None], others], 1), all_gather(pairs.heard)
        own = own_noise(bank.owners, index, pairs.recording, entries, self.training)
        losses = []
        for rows, other, constant in zip((pictures, sounds), (bank.sounds, bank.pictures), self.constant, strict=True):
            each = contrast_entries(rows, other, entries, self.temperature, constant, self.training, own=own)
            losses.append(each[heard].mean())
        if self.training:
            bank.update(index, pictures.detach(), sounds.detach(), pairs.heard)
        return torch.stack(losses).mean().nan_to_num()

    def decide(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return cosines beyond the level half way between true and false pairs in training, over the temperature."""
        return ((pictures * sounds).sum(1) - self.level) / self.temperature


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
    same_epoch = item & (epoch[:, None] == epoch)
    window = item & (key[:, None] == key[None]).all(2)
    direction = backwards[:, None] == backwards[None]
    positive = item & (window | (shift == "invariant")) & (direction | (reversal == "invariant"))
    other = ~item & (recording[:, None] != recording[None])
    windows = {"ignored": window, "variant": same_epoch, "invariant": item}[shift]
    return positive, other | windows
