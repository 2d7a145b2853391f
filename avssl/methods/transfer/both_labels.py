"""What self-training of classes and of pixels share: labels and pseudo-labels in one batch, and the balance of both."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.losses import both_losses, target_cross_entropy
from avssl.methods.base import Batch, Method
from avssl.methods.inputs import as_batch, to_float
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import numbered


class BothLabels(Method, ABC):
    """Learns from labels and, where a batch has ``pseudo``, from those of a teacher.

    Args:
        classes: names of the classes, by number.
        views: transforms of the frames, the noise of both kinds of items; each clip has draws of its own. In evaluation
            their look of evaluation.
        alpha: weight of pseudo-labels beside 1 for labels.
        averaging: share of the running means of both losses that each step keeps; the loss of pseudo-labels is brought
            to the size of the other by them. None leaves both as they are.
        smoothing: of labels and of hard pseudo-labels; soft ones are soft already.
        balanced: in the loss of hard pseudo-labels the classes of a batch weigh alike.
        together: both kinds of items pass as one batch, with common statistics of batch normalisation; False gives each
            kind its own.

    Raises:
        ValueError: if a number cannot be, or there are not two classes of different names.
    """

    averages: Tensor
    moved: list[Tensor]

    def __init__(
        self,
        classes: Sequence[str],
        views: Sequence[Transform],
        alpha: float,
        averaging: float | None,
        smoothing: float,
        balanced: bool,
        together: bool,
    ):
        super().__init__()
        self.classes = tuple(map(str, classes))
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError(
                f"needs at least two classes, each of its own name; got {', '.join(self.classes) or 'none'}"
            )
        if not alpha >= 0 or not 0 <= smoothing < 1 or not (averaging is None or 0 <= averaging < 1):
            raise ValueError(
                f"needs alpha of at least 0, smoothing and averaging in [0, 1); got {alpha}, {smoothing}, {averaging}"
            )
        self.views, self.alpha, self.averaging, self.smoothing = tuple(views), alpha, averaging, smoothing
        self.balanced, self.together = balanced, together
        self.register_buffer("averages", torch.zeros(2))
        self.moved = []

    @abstractmethod
    def answer(self, frames: Tensor) -> Tensor:
        """Return logits of ``(N, frames, 3, H, W)``: ``(N, classes)``, or of each pixel ``(N, classes, H, W)``."""

    @abstractmethod
    def truth(self, batch: Batch, clips: int) -> Tensor:
        """Return the class of each clip, or of each pixel, int64, -1 for none, by the labels of people."""

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Learn from labels and, where there are some, from pseudo-labels.

        Args:
            batch: pictures or clips with their labels. With ``pseudo`` (`avssl.data.WithPseudoLabels`) the first clip
                of an item is labelled by people and the others by a teacher: ``(N, others, ...)``, whole numbers for
                classes, or shares of all.

        Returns:
            ``loss`` in nats, ``labelled`` and ``accuracy`` of what people labelled (the log of the number of classes is
            undecided); with pseudo-labels ``pseudo``, their loss, and ``agreement`` with them.

        Raises:
            ValueError: if the batch has no labels, or one is beyond the classes.
        """
        batch = as_batch(batch)
        frames = self.looks(batch)
        if "pseudo" not in batch:
            logits = rows_of(self.answer(frames.flatten(0, 1)))
            found = self.scored(logits, self.truth(batch, frames.shape[1]).flatten())
            return {"loss": found["labelled"], **found}
        ours, theirs = frames[:, 0], frames[:, 1:].flatten(0, 1)
        if self.together:
            answers = self.answer(torch.cat([ours, theirs]))
            first, second = answers[: len(ours)], answers[len(ours) :]
        else:
            first, second = self.answer(ours), self.answer(theirs)
        found = self.scored(rows_of(first), self.truth(batch, 1).flatten())
        wanted, logits = self.targets(batch["pseudo"]), rows_of(second)
        found["pseudo"] = target_cross_entropy(logits, wanted, self.smoothing, self.balanced and wanted.ndim == 1)
        found["agreement"] = agreement(logits, wanted)
        means = None if self.averaging is None else self.means(found["labelled"], found["pseudo"])
        return {"loss": both_losses(found["labelled"], found["pseudo"], self.alpha, means), **found}

    def looks(self, batch: Batch) -> Tensor:
        """Return all clips as the views show them, float in [0, 1], ``(items, clips, frames, 3, H, W)``."""
        items, clips = batch["frames"].shape[:2]
        key = numbered(batch["key"], clips).flatten(0, 1)
        frames = apply_views(self.views, to_float(batch["frames"].flatten(0, 1)), Draws(key), self.training)
        return frames.unflatten(0, (items, clips))

    def scored(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the loss and the accuracy of rows that people labelled."""
        if labels.device.type == "cpu" and labels.numel() and int(labels.max()) >= len(self.classes):
            raise ValueError(
                f"label {int(labels.max())} is beyond the {len(self.classes)} classes {', '.join(self.classes[:8])}; "
                "name all classes of the data with method.classes"
            )
        return {
            "labelled": target_cross_entropy(logits, labels, self.smoothing),
            "accuracy": agreement(logits, labels),
        }

    def targets(self, pseudo: Tensor) -> Tensor:
        """Return pseudo-labels row by row: classes int64 ``(rows,)``, -1 for none, or shares ``(rows, classes)``."""
        if pseudo.is_floating_point():
            return rows_of(pseudo.flatten(0, 1))
        return pseudo.long().flatten()

    def means(self, labelled: Tensor, pseudo: Tensor) -> Tensor:
        """Return the running means with the losses of this batch, of all processes; `after_backward` keeps them."""
        now = torch.stack([labelled.detach(), pseudo.detach()]).float()
        if self.training:
            now = all_gather(now[None]).mean(0)
            self.moved.append(now)
        return self.moved_by(now)

    def moved_by(self, now: Tensor) -> Tensor:
        """Return the running means after losses ``(2,)``; the first ones stand for themselves."""
        share = self.averaging or 0.0
        return torch.where(self.averages > 0, share * self.averages + (1 - share) * now, now)

    def after_backward(self, step: int, steps: int) -> None:
        """Let the running means move by the losses of the step."""
        if self.moved:
            self.averages.copy_(self.moved_by(torch.stack(self.moved).mean(0)))
            self.moved.clear()

    @torch.no_grad()
    def predict(self, batch: Any) -> Tensor:
        """Return logits of all clips of a batch, as evaluation looks at them: of classes, or of each pixel."""
        return self.answer(self.looks(as_batch(batch)).flatten(0, 1)).float()


def rows_of(answers: Tensor) -> Tensor:
    """Return ``(N, classes)`` as it is, and ``(N, classes, H, W)`` as a row for each pixel."""
    return answers if answers.ndim == 2 else answers.movedim(1, -1).flatten(0, -2)


def agreement(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the share of rows whose greatest logit is of the class wanted, of those that are wanted to be of one."""
    soft = wanted.ndim == 2
    known = wanted.sum(1) > 0 if soft else wanted >= 0
    right = logits.argmax(1) == (wanted.argmax(1) if soft else wanted)
    return (right & known).sum() / known.sum().clamp(min=1)
