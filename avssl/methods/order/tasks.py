"""What methods of order share: questions with one right answer, coin labels, and a floor of pixels beside the score."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from avssl.methods.base import Batch, Method
from avssl.methods.guards import Guard
from avssl.methods.inputs import as_batch, to_float
from avssl.methods.order.floors import accuracy_of
from avssl.methods.recordings import recordings_of
from avssl.nets import Encoder
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import numbered, stream_of

COIN_STREAM, ORDER_STREAM = -1, -23  # last numbers of the keys that coin labels and questions are drawn by
LIGHT = {"name": "GainOffset", "scope": "frame"}
GUARDS = (
    Guard(name="light in each frame", cue="Flicker", off={"views": []}, on={"views": [LIGHT]}),
    Guard(name="borders trimmed", cue="Bars", off={"views": []}, on={"views": [{"name": "Trim"}]}),
    Guard(
        name="blur in each frame",
        cue="Pulse",
        off={"views": []},
        on={"views": [{"name": "GaussianBlur", "chance": 1.0, "sigma": [1.5, 2.0], "kernel": 9, "scope": "frame"}]},
    ),
)

Labels = Literal["true", "shuffled"]
Look = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False, kw_only=True)
class Questions:
    """The questions of a batch.

    Args:
        scores: of each answer, ``(questions, classes)``.
        truth: the right one, int64 ``(questions,)``.
        counts: False where a question must not count, as where frames only pad, bool ``(questions,)``.
        key: names each question, int64 ``(questions, parts)``.
        recording: whose it is, a number, int64 ``(questions,)``.
        views: the frames as the network saw them; what shape they have is the method's.
        plain: the frames before the views.
        look: from such frames to what pixels alone say of each question: guesses, int64 ``(questions,)``, or numbers
            that a linear classifier is fitted on, float ``(questions, numbers)``.
    """

    scores: Tensor
    truth: Tensor
    counts: Tensor
    key: Tensor
    recording: Tensor
    views: Tensor
    plain: Tensor
    look: Look


class OrderTask(Method):
    """A question about time with equally likely answers, and what pixels alone reach of it.

    Args:
        encoder: of frames or of clips.
        views: transforms of the frames, in order.
        labels: ``"shuffled"`` tosses a coin for every label of the training: a control that must stay at chance.
    """

    guards: ClassVar[tuple[Guard, ...]] = GUARDS
    chance: float  # pyright: ignore[reportIncompatibleVariableOverride]  # each task has one

    def __init__(self, encoder: Encoder, views: Sequence[Transform], labels: Labels):
        super().__init__()
        self.encoder, self.views, self.labels = encoder, tuple(views), labels

    @abstractmethod
    def ask(self, batch: Batch) -> Questions:
        """Answer the questions of a batch, as `avssl.methods.inputs.as_batch` returns it."""

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Answer every question.

        Args:
            batch: clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, cross-entropy in nats; ``accuracy``, whose chance the method states.

        Raises:
            ValueError: if the clips have too few frames.
        """
        asked = self.ask(as_batch(batch))
        truth, counts = asked.truth, asked.counts.float()
        if self.training and self.labels == "shuffled":
            truth = Draws(stream_of(asked.key, COIN_STREAM)).integers(low=0, high=asked.scores.shape[1] - 1)
        losses = F.cross_entropy(asked.scores, truth, reduction="none")
        right, total = (asked.scores.argmax(1) == asked.truth).float(), counts.sum().clamp(min=1e-12)
        return {"loss": (losses * counts).sum() / total, "accuracy": (right * counts).sum() / total}

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return scores over a data set.

        Returns:
            ``loss`` in nats and ``accuracy``; ``pixel_accuracy``, what a plain rule reaches on the pixels that the
            network saw (the shortcut's floor), and ``pixel_accuracy_plain``, the same before the views; ``chance``;
            ``left_out``, the share of questions that did not count. NaN where none is left. Rules of numbers are
            fitted on other recordings than they are judged on, in turn.
        """
        rows: dict[str, list[Tensor]] = {}
        for batch in batches:
            asked = self.ask(as_batch(batch))
            found = {
                "loss": F.cross_entropy(asked.scores, asked.truth, reduction="none"),
                "accuracy": (asked.scores.argmax(1) == asked.truth).float(),
                "truth": asked.truth,
                "recording": asked.recording,
                "pixel_accuracy": asked.look(asked.views),
                "pixel_accuracy_plain": asked.look(asked.plain),
                "counts": asked.counts,
            }
            for name, value in found.items():
                rows.setdefault(name, []).append(value.cpu())
        pooled = {name: torch.cat(values) for name, values in rows.items()}
        counts = pooled.pop("counts") if pooled else torch.zeros(0, dtype=torch.bool)
        scores = {"chance": self.chance, "left_out": 1 - counts.float().mean().item() if len(counts) else math.nan}
        if not counts.any():
            return scores | dict.fromkeys(("loss", "accuracy", "pixel_accuracy", "pixel_accuracy_plain"), math.nan)
        kept = {name: value[counts] for name, value in pooled.items()}
        scores |= {name: kept[name].mean().item() for name in ("loss", "accuracy")}
        for name in ("pixel_accuracy", "pixel_accuracy_plain"):
            scores[name] = accuracy_of(kept[name], kept["truth"], kept["recording"])
        return scores

    def clips(self, batch: Batch, frames: int, sampler: str, exactly: bool = False) -> tuple[Tensor, ...]:
        """Return the clips of a batch, each by itself.

        Args:
            batch: as `avssl.methods.inputs.as_batch` returns it.
            frames: how many a clip needs.
            sampler: which to take, for the message.
            exactly: whether more are too many.

        Returns:
            Clips, float in [0, 1], ``(clips, frames, 3, H, W)``; a key for each, int64 ``(clips, parts)``; which frames
            are no padding, bool ``(clips, frames)``; and the recording of each, int64 ``(clips,)``.

        Raises:
            ValueError: if clips have other numbers of frames.
        """
        shown, key = batch["frames"], batch["key"]
        if shown.shape[2] < frames or (exactly and shown.shape[2] > frames):
            raise ValueError(
                f"{type(self).__name__} needs clips of {'' if exactly else 'at least '}{frames} frames, (items, clips, "
                f"frames, 3, H, W); got {tuple(shown.shape)}; sample with {sampler}"
            )
        keys = numbered(key, shown.shape[1]).flatten(0, 1)
        plain = to_float(shown.flatten(0, 1))
        valid = batch["valid"].flatten(0, 1) if "valid" in batch else plain.new_ones(plain.shape[:2], dtype=torch.bool)
        recording = recordings_of(batch).to(plain.device).repeat_interleave(shown.shape[1])
        return plain, keys, valid, recording

    def view(self, clips: Tensor, keys: Tensor) -> Tensor:
        """Return clips as the views show them, drawn by the key of each."""
        return apply_views(self.views, clips, Draws(keys), self.training)


def needs_clips(encoder: Encoder, who: str) -> Encoder:
    """Return an encoder of clips, or refuse one of pictures.

    Raises:
        ValueError: for an encoder of pictures, whose mean over frames does not know how they move.
    """
    if encoder.takes != "clips":
        raise ValueError(
            f"{who} asks how things move, and {type(encoder).__name__} sees one frame at a time; take an encoder of "
            "clips, such as SmallClips or VideoResNet"
        )
    return encoder
