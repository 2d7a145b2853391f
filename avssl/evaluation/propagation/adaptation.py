"""Adaptation at test time: a few steps of a method's own loss on the video through which labels are carried.

Jabri, Owens and Efros, "Space-Time Correspondence as a Contrastive Random Walk", NeurIPS 2020, "Self-supervised
Adaptation at Test-time", https://arxiv.org/abs/2006.14613; their code of it was never released.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.config import ConfigError, Count, Positive
from avssl.evaluation.propagation.maps import LayerMaps, seen_by
from avssl.features.cache import digest
from avssl.features.propagation.settings import Propagation
from avssl.methods import Method
from avssl.nets import Encoder
from avssl.training.optim import OWN, AdamW, optimizers
from avssl.training.seeding import seed_torch
from avssl.transforms.draws import Draws, stream_of

STARTS = -21  # last number of the keys that clips are chosen by
TOLD = ("loss", "returned")  # what is measured before and after; a method without the second has NaN there
Frames = Callable[[Sequence[int]], Tensor]  # numbers of frames -> uint8 (frames, 3, H, W)


@dataclass(frozen=True, kw_only=True)
class Adapt:
    """Steps of gradient descent on each video before its labels are carried through it; no label is used.

    Weights and optimiser begin anew for each video, and what is drawn depends on the seed, the step and the number of
    the clip alone. Statistics of batch normalisation stay as they are, since videos are few.

    Departure: steps come before the labels and on clips from anywhere in the video, where the paper goes on while a
    film comes in, on the frames t - 10 to t + 10 around each, so that frames are compared by different weights.

    Args:
        steps: of the optimiser ("a small number of iterations"); 0 leaves the weights as they are.
        lr: of Adam (1e-4, as in the paper's training).
        clips: a step.
        frames: of a clip (4, as in training).
        stride: frames from one of a clip to the next (3 of 25 a second, about the 8 a second of training); less in
            videos that are shorter than such a clip.
        seed: of all that is drawn.
    """

    steps: Annotated[int, Field(ge=0)] = 20
    lr: Positive = 1e-4
    clips: Count = 4
    frames: Annotated[int, Field(ge=2)] = 4
    stride: Count = 3
    seed: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self):
        if min(self.steps, self.seed) < 0 or self.frames < 2 or min(self.clips, self.stride) < 1 or self.lr <= 0:
            raise ConfigError(
                f"needs steps and seed from 0 on, 2 frames, a clip, a stride of 1, lr above 0; got {self}"
            )


@dataclass(frozen=True, eq=False, kw_only=True)
class Adapted:
    """What adaptation did to a video's weights.

    Args:
        encoder: adapted.
        before: loss and share of walks that come home on clips spread over the video, in evaluation mode.
        after: the same clips by the adapted weights.
        motion: mean change of brightness between neighbouring frames of these clips, in [0, 1]; 0 for a video that
            stands still, which teaches no more than that places differ.
    """

    encoder: Encoder
    before: tuple[float, ...]
    after: tuple[float, ...]
    motion: float

    def numbers(self) -> np.ndarray:
        """Return before, after and motion as one array, to be kept."""
        return np.array([*self.before, *self.after, self.motion])


class Adapter:
    """Adapts copies of a method to videos.

    Args:
        method: whole, as it was trained; it is not changed.
        adapt: how.
        settings: at which size videos are seen.
        layer: of its encoder, whose maps are wanted.
        device: where it runs.
        multiple: of the sides of pictures, for encoders that need it.

    Raises:
        ConfigError: if the method learns from several recordings, remembers items, or has an adversary.
    """

    def __init__(
        self, method: Method, adapt: Adapt, settings: Propagation, layer: str, device: str = "cpu", multiple: int = 1
    ):
        name = type(method).__name__
        if method.least_recordings > 1 or method.remembers:
            raise ConfigError(
                f"adapt: {name} needs many recordings at once; a method that learns from one video can adapt"
            )
        if odd := {group.get("optimizer", OWN) for group in method.parameter_groups()} - {OWN}:
            raise ConfigError(f"adapt: {name} trains its {odd.pop()} too, which one video does not allow")
        self.method, self.adapt, self.settings, self.layer = method.to(device), adapt, settings, layer
        self.device, self.multiple = device, multiple

    @property
    def about(self) -> str:
        """All that its results depend on beside the video, as text."""
        return f"{digest(self.method)} {self.layer} {self.adapt}"

    def maps(self, adapted: Adapted) -> LayerMaps:
        """Return the maps of what was adapted."""
        return LayerMaps(adapted.encoder, self.layer, self.device)

    def __call__(self, frames: Frames, count: int) -> Adapted:
        """Return what a video makes of the method's encoder.

        Args:
            frames: reads frames by number.
            count: how many the video has. One of a single frame leaves the weights as they are.

        Raises:
            ConfigError: if the method cannot learn from such clips, or its loss is not finite.
        """
        method = deepcopy(self.method)
        nothing = (float("nan"),) * len(TOLD)
        if count < 2:
            return Adapted(encoder=method.encoder.eval(), before=nothing, after=nothing, motion=0.0)
        length, span = self.clip_in(count)
        spread = torch.linspace(0, count - 1 - span, self.adapt.clips).round().long()
        clips = self.read(frames, spread, length, span)
        keys = self.keys(0)
        before = measured(method, clips, keys)
        if self.adapt.steps:
            with torch.random.fork_rng(devices=[]):
                self.learn(method, frames, count)
        return Adapted(
            encoder=method.encoder.eval(),
            before=before,
            after=measured(method, clips, keys) if self.adapt.steps else before,
            motion=float((clips[:, 1:] - clips[:, :-1]).abs().mean()),
        )

    def learn(self, method: Method, frames: Frames, count: int) -> None:
        """Take the steps."""
        length, span = self.clip_in(count)
        plain = AdamW(lr=self.adapt.lr, weight_decay=0.0)
        optimizer = optimizers(method.parameter_groups(), plain, {})[OWN]
        method.train()
        for module in method.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        for step in range(1, self.adapt.steps + 1):
            keys = self.keys(step)
            seed_torch(self.adapt.seed, step)
            starts = Draws(stream_of(keys, STARTS)).integers(low=0, high=count - 1 - span)
            loss = asked(method, self.read(frames, starts, length, span), keys)["loss"]
            if not loss.isfinite():
                raise ConfigError(f"adapt: the loss is {loss.item()} at step {step}; take a smaller lr")
            optimizer.zero_grad()
            loss.backward()
            method.after_backward(step, self.adapt.steps)
            optimizer.step()
            method.after_step(step, self.adapt.steps)

    def clip_in(self, count: int) -> tuple[int, int]:
        """Return how many frames a clip of a video of ``count`` frames has, and how far its last is from its first."""
        length = min(self.adapt.frames, count)
        return length, min(self.adapt.stride, (count - 1) // (length - 1)) * (length - 1)

    def keys(self, step: int) -> Tensor:
        """Return the keys of a step's clips, int64 ``(clips, 3)``."""
        number = torch.arange(self.adapt.clips, device=self.device)
        return torch.stack([torch.full_like(number, self.adapt.seed), torch.full_like(number, step), number], 1)

    def read(self, frames: Frames, starts: Tensor, length: int, span: int) -> Tensor:
        """Return clips, float in [0, 1] as the encoder sees them, ``(clips, frames, 3, H, W)``."""
        places = starts.cpu()[:, None] + torch.arange(length) * (span // (length - 1))
        wanted, back = places.unique(return_inverse=True)
        pictures, _ = seen_by(frames(wanted.tolist()), self.settings, self.multiple)
        return pictures[back].to(self.device)


@torch.no_grad()
def measured(method: Method, clips: Tensor, keys: Tensor) -> tuple[float, ...]:
    """Return what a method says of clips in evaluation mode, by `TOLD`."""
    found = asked(method.eval(), clips, keys)
    return tuple(float(found[name]) if name in found else float("nan") for name in TOLD)


def asked(method: Method, clips: Tensor, keys: Tensor) -> dict[str, Tensor]:
    """Return what a method says of clips; what it cannot take is answered in our words."""
    try:
        return method({"frames": clips[:, None], "key": keys})
    except ValueError as error:
        raise ConfigError(f"adapt: {type(method).__name__} cannot learn from the video: {error}") from error
