"""Distilled: a student of any architecture learns, without labels, what a fine-tuned classifier answers.

Chen, Kornblith, Swersky, Norouzi and Hinton, "Big Self-Supervised Models are Strong Semi-Supervised Learners" (SimCLR
v2), NeurIPS 2020, section 2, https://arxiv.org/abs/2006.10029. Numbers with a star are from memory.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avssl.losses import distill, entropy
from avssl.methods.base import Batch, Method
from avssl.methods.inputs import as_batch, view_clips
from avssl.nets import Classifier, Encoder, SoundEncoder, load_classifier
from avssl.nets.clips import encode_clips
from avssl.transforms import Transform


class Distilled(Method):
    """The student's classes follow the teacher's on the same views; the teacher stays as it is, in evaluation mode.

    No label is used unless ``alpha`` is below 1: then items with a label of 0 or more (`avssl.data.Relabelled` gives
    few of them one) are learned from by it too, by the mean over those of a batch. Several clips of an item count one
    by one.

    A run exports the student's ``encoder`` and, in the form that fine-tuning writes, its ``classifier``, which can
    teach the next.

    Args:
        encoder: the student's, of pictures or of clips; its linear map to classes is added.
        teacher: the file of a classifier, see `avssl.nets.load_classifier`, or a classifier. Its weights are kept in
            checkpoints too; to build the method again the file must still be there.
        views: transforms of the frames, in order, the same for both; in evaluation their look of evaluation.
        temperature: logits of both are divided by it (1.0* for a student of another architecture, 0.1* for one of the
            teacher's own).
        alpha: weight of the teacher; labels count by the rest.
        classes: names of the data's labels by number; None for those of the teacher, an empty list where labels are to
            be left alone. Those that the teacher does not know count as no label.

    Raises:
        ValueError: if the file holds no classifier, a number cannot be, or classes are none of the teacher's.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> teacher = Classifier(SmallNet(dim=16, width=4), classes=["cat", "dog", "owl"])
        >>> method = Distilled(SmallNet(dim=8, width=2), teacher)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['agreement', 'loss', 'teacher_entropy']
    """

    places: Tensor
    floors: ClassVar = {"teacher_accuracy": "accuracy"}

    def __init__(
        self,
        encoder: Encoder,
        teacher: str | Path | Classifier,
        views: Sequence[Transform] = (),
        temperature: float = 1.0,
        alpha: float = 1.0,
        classes: Sequence[str] | None = None,
    ):
        super().__init__()
        if not temperature > 0 or not 0 <= alpha <= 1:
            raise ValueError(f"needs temperature above 0 and alpha in [0, 1]; got {temperature} and {alpha}")
        self.source = "a classifier" if isinstance(teacher, Classifier) else str(teacher)
        self.teacher = teacher if isinstance(teacher, Classifier) else load_classifier(teacher)
        self.teacher.requires_grad_(False).eval()
        known = self.teacher.classes
        self.classes = known if classes is None else tuple(map(str, classes))
        if self.classes and not set(self.classes) & set(known):
            raise ValueError(f"classes {listed(self.classes)} are none of the teacher's, {listed(known)}")
        if alpha < 1 and not self.classes:
            raise ValueError(
                f"alpha={alpha} learns from labels, and classes=[] leaves them alone; set alpha=1 or classes"
            )
        self.encoder, self.views, self.temperature, self.alpha = encoder, tuple(views), temperature, alpha
        self.head = nn.Linear(encoder.dim, len(known))
        places = [known.index(name) if name in known else -1 for name in self.classes]
        self.register_buffer("places", torch.tensor([*places, -1]), persistent=False)  # no label has the last

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the student; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Compare the student's answers with the teacher's.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone; with
                ``label``, int64 ``(N,)``, where ``alpha`` is below 1.

        Returns:
            ``loss`` in nats; without labels at least ``teacher_entropy``, and ``log(classes)`` for a student that
            cannot decide; ``agreement``, the share of views of which both say the same class.

        Raises:
            ValueError: if labels are asked for and the batch has none, or one is beyond their names.
        """
        return self.compared(*self.answers(batch))

    def compared(self, student: Tensor, teacher: Tensor, label: Tensor | None) -> dict[str, Tensor]:
        """Return what ``forward`` does, from logits ``(views, classes)`` and classes ``(views,)``, -1 for none."""
        loss = self.alpha * distill(student, teacher, self.temperature)
        if self.alpha < 1:
            if label is None:
                raise ValueError(f"alpha={self.alpha} learns from labels too, and the batch has no 'label'")
            each = F.cross_entropy(student.float(), label, reduction="none", ignore_index=-1)
            loss = loss + (1 - self.alpha) * each.sum() / (label >= 0).sum().clamp(min=1)
        agreement = (student.argmax(1) == teacher.argmax(1)).float().mean()
        return {"loss": loss, "agreement": agreement, "teacher_entropy": entropy(teacher, self.temperature)}

    def answers(self, batch: Batch | Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return logits of the student and of the teacher, ``(views, classes)``, and the classes, -1 for none.

        Raises:
            ValueError: for labels beyond the names, as far as this costs no wait for a device.
        """
        batch = as_batch(batch)
        clips = batch["frames"].shape[1]
        frames = view_clips(batch, self.views, self.training)
        with torch.no_grad():
            teacher = encode_clips(self.teacher, frames)
        student = self.head(encode_clips(self.encoder, frames))
        if "label" not in batch or not self.classes:
            return student, teacher, None
        label = batch["label"]
        if label.device.type == "cpu" and len(label) and int(label.max()) >= len(self.classes):
            raise ValueError(
                f"label {int(label.max())} is beyond the {len(self.classes)} classes {listed(self.classes)}; name the "
                "data's with classes, or classes=[] to leave labels alone"
            )
        last = len(self.classes)
        return student, teacher, self.places[label.where(label >= 0, last).clamp(max=last)].repeat_interleave(clips)

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return the means of what ``forward`` returns, and what labels and the teacher's commonest class tell.

        Returns:
            Beside them ``agreement_chance``, the share of the teacher's commonest answer; and, of the items with a
            label, if there are any, ``accuracy`` and ``teacher_accuracy``.
        """
        totals: dict[str, float] = {}
        said: list[Tensor] = []
        for batch in batches:
            student, teacher, label = self.answers(batch)
            none = torch.full_like(student[:, 0], -1, dtype=torch.int64)
            said.append(torch.stack([student.argmax(1), teacher.argmax(1), none if label is None else label]))
            for name, value in self.compared(student, teacher, label).items():
                totals[name] = totals.get(name, 0.0) + value.item() * len(student)
        answer, teachers, label = torch.cat(said, 1)
        scores = {name: total / len(answer) for name, total in totals.items()}
        scores["agreement_chance"] = teachers.bincount().max().item() / len(teachers)
        if bool((labelled := label >= 0).any()):
            scores["accuracy"] = (answer == label)[labelled].float().mean().item()
            scores["teacher_accuracy"] = (teachers == label)[labelled].float().mean().item()
        return scores

    def facts(self) -> list[str]:
        """Return a line on the teacher."""
        labels = "no labels" if self.alpha == 1 else f"labels by {1 - self.alpha:g} of the loss"
        teacher = f"{type(self.teacher.inner).__name__} of {len(self.teacher.classes)} classes"
        return [f"teacher: {self.source}, {teacher}, at temperature {self.temperature:g}; {labels}"]

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the student's encoder, and the encoder with its map to classes as a classifier."""
        classifier = Classifier.holding([self.head], self.encoder, list(self.teacher.classes))
        return {"encoder": self.encoder, "classifier": classifier}


def listed(names: Sequence[str]) -> str:
    """Return the first names, in one line."""
    return f"{', '.join(names[:8])}{' ...' if len(names) > 8 else ''}"
