"""What methods of picture and sound share: two encoders, how a batch reaches them, embeddings of both in one space."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from avssl.methods.base import Batch, Method
from avssl.methods.sound.pairs import Pairs, jittered, measure_pairs, pairs_of
from avssl.nets import Encoder, SoundEncoder, SpectrogramMask, projector
from avssl.nets.clips import encode_clips
from avssl.nets.older_names import load_older_names
from avssl.transforms import Transform


class TwoStreams(Method, ABC):
    """A method with an encoder of pictures and one of sounds, which scores pairs; a base of others.

    Args:
        encoder: pictures or clips to vectors.
        sound: sounds to vectors.
        views: transforms of the pictures, in order.
        gain: of the sound's jitter.
        masks: strips of spectrograms hidden in training; None hides nothing.
    """

    floors: ClassVar = {"ceiling": "accuracy"}

    def __init__(
        self,
        encoder: Encoder,
        sound: SoundEncoder,
        views: Sequence[Transform],
        gain: float,
        masks: SpectrogramMask | None,
    ):
        super().__init__()
        self.encoder, self.sound, self.gain, self.masks = encoder, sound, gain, masks
        self.views: Sequence[Transform] = tuple(views)

    def pairs_of(self, batch: Batch) -> Pairs:
        """Return the pairs of a batch; in training pictures are seen through drawn views."""
        return pairs_of(batch, self.views, self.training, self.sound.spec.rate)

    def jittered(self, pairs: Pairs) -> tuple[Tensor, Callable[[Tensor], Tensor] | None]:
        """Return windows of sound and what is done to their spectrograms; outside of training as they are."""
        return jittered(pairs, self.gain, self.masks) if self.training else (pairs.sound, None)

    def encode(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Return features of pictures ``(N, encoder.dim)`` and of sounds ``(N, sound.dim)``."""
        return self.encode_pictures(pairs.pictures), self.sound(*self.jittered(pairs))

    def encode_pictures(self, pictures: Tensor) -> Tensor:
        """Return features ``(N, encoder.dim)`` of pictures ``(N, frames, 3, H, W)``."""
        return encode_clips(self.encoder, pictures)

    def side_of_pictures(self, pictures: Tensor) -> Tensor:
        """Return what pictures ``(N, frames, 3, H, W)`` are compared by: their features, unless a method says more."""
        return self.encode_pictures(pictures)

    def side_of_sounds(self, sound: Tensor) -> Tensor:
        """Return what windows of sound ``(N, channels, samples)`` are compared by: their features."""
        return self.sound(sound)

    @abstractmethod
    def score_sides(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return the scores ``(N,)`` of both sides, row by row: above 0 where they belong together."""

    def score_pairs(self, pictures: Tensor, sound: Tensor) -> Tensor:
        """Return scores ``(N,)`` of pictures ``(N, frames, 3, H, W)`` and windows of sound ``(N, channels, samples)``.

        Above 0 where they belong together.
        """
        return self.score_sides(self.side_of_pictures(pictures), self.side_of_sounds(sound))

    def measure(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return the scores of `avssl.methods.sound.pairs.measure_pairs`.

        Their ``loss`` is called ``pair_loss`` where a method learns by another one.
        """
        scores = measure_pairs(self.score_pairs, batches, self.views, self.sound.spec.rate)
        return {self.decides if name == "loss" else name: value for name, value in scores.items()}


class JointStreams(TwoStreams, ABC):
    """Two streams that end in unit vectors of one space, by ``pictures_to`` and ``sounds_to``; a base of others."""

    pictures_to: nn.Module
    sounds_to: nn.Module

    def embed(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Return unit vectors of the pictures and of the sounds of pairs, ``(N, dim)`` each."""
        return self.embed_pictures(pairs.pictures), self.embed_sounds(*self.jittered(pairs))

    def embed_pictures(self, pictures: Tensor) -> Tensor:
        """Return unit vectors ``(N, dim)`` of pictures ``(N, frames, 3, H, W)``."""
        return F.normalize(self.pictures_to(self.encode_pictures(pictures)), dim=1)

    def embed_sounds(self, sound: Tensor, alter: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return unit vectors ``(N, dim)`` of windows of sound ``(N, channels, samples)``."""
        return F.normalize(self.sounds_to(self.sound(sound, alter)), dim=1)

    @abstractmethod
    def decide(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return logits of embeddings ``(N, dim)``, ``(N,)``, row by row."""

    def side_of_pictures(self, pictures: Tensor) -> Tensor:
        """Return unit vectors, as `embed_pictures` does."""
        return self.embed_pictures(pictures)

    def side_of_sounds(self, sound: Tensor) -> Tensor:
        """Return unit vectors, as `embed_sounds` does."""
        return self.embed_sounds(sound)

    def score_sides(self, pictures: Tensor, sounds: Tensor) -> Tensor:
        """Return logits of unit vectors, ``(N,)``, as `decide` does."""
        return self.decide(pictures, sounds)


def embedding(dim: int, hidden: int, out: int) -> nn.Sequential:
    """Return the two layers between features and embeddings; states of earlier versions load."""
    head = projector(dim, layers=2, hidden=hidden, out=out, norm="none")
    parts = ("weight", "bias")
    load_older_names(head, {f"{place}.{part}": f"layer{1 + place // 2}.0.{part}" for place in (0, 2) for part in parts})
    return head
