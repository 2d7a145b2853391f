"""Self-labelling: what clusters are sure of on weak views teaches strong views.

Van Gansbeke, Vandenhende, Georgoulis, Proesmans and Van Gool, "SCAN: Learning to Classify Images without Labels", ECCV
2020, section 2.3, https://arxiv.org/abs/2005.12320.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from avssl.distributed import all_gather
from avssl.losses import balanced_cross_entropy
from avssl.methods.base import Batch, Clustered
from avssl.methods.clustering.used import count_used, lost_clusters
from avssl.methods.recordings import in_company
from avssl.methods.rows import looking
from avssl.methods.views import Embedder, MultiViewMethod, Recipes
from avssl.nets import Classifier, Encoder, SoundEncoder, load_classifier
from avssl.transforms.multiview import View


class SelfLabel(MultiViewMethod):
    """The network begins as a classifier, and learns on strong views what is surely guessed on weak ones.

    Guesses are those of a frozen copy of the classifier, in evaluation mode. In a trial on Fashion-MNIST (SCAN, 100 and
    120 steps) accuracy went from 64 to 65 % by them, and fell to 47 % where the network that is being trained guessed
    for itself: its mistakes come back surer. ``guesses="student"`` is that way, as the authors' code without its
    average; guesses are then made in evaluation mode too.

    The loss is taken over the confident items of all processes; where none is, it is 0, and so is its gradient. A run
    exports ``encoder`` and, with its head, ``classifier``.

    Args:
        teacher: the file of a classifier, such as ``classifier.safetensors`` of a run of `SCAN`, or a classifier. Its
            encoder and its head are what is trained. To build the method again the file must still be there.
        views: the transforms of the weak view and those of the strong one.
        threshold: guesses above it count (0.99).
        balanced: clusters weigh alike, as on small pictures; False lets items weigh alike, as on ImageNet.
        guesses: of the ``"frozen"`` copy, or of the ``"student"``.

    Raises:
        ValueError: if the file holds no classifier, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms import Flip, RandomResizedCrop
        >>> clusters = Classifier(SmallNet(dim=16, width=4), ["cluster 0", "cluster 1"])
        >>> method = SelfLabel(clusters, [[Flip()], [RandomResizedCrop(24), Flip()]], threshold=0.5)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['agreement', 'confident', 'loss']
    """

    def __init__(
        self,
        teacher: str | Path | Classifier,
        views: Recipes,
        threshold: float = 0.99,
        balanced: bool = True,
        guesses: Literal["frozen", "student"] = "frozen",
    ):
        known = teacher if isinstance(teacher, Classifier) else load_classifier(teacher)
        student = deepcopy(known).requires_grad_(True).train()
        super().__init__(student.inner, views)
        if len(self.views) != 2 or not 0 <= threshold < 1 or guesses not in ("frozen", "student"):
            raise ValueError(
                "needs two views, a weak and a strong one, threshold in [0, 1) and guesses 'frozen' or 'student'; got "
                f"{len(self.views)} views, {threshold} and {guesses!r}"
            )
        self.source = "a classifier" if isinstance(teacher, Classifier) else str(teacher)
        self.threshold, self.balanced, self.guesses = threshold, balanced, guesses
        self.names = known.classes
        self.head: nn.Linear = student.trunk.get_submodule("logits")  # pyright: ignore[reportIncompatibleVariableOverride, reportAttributeAccessIssue]
        self.teacher = deepcopy(known).requires_grad_(False).eval() if guesses == "frozen" else None

    def train(self, mode: bool = True) -> Self:
        """Set the mode; the frozen copy stays in evaluation mode."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def watched(self) -> nn.Linear:
        """Return the head."""
        return self.head

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Learn on strong views what is surely guessed on weak ones.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them.

        Returns:
            ``loss`` in nats; ``confident``, the share of items whose guess counts; ``agreement``, the share of items of
            which the strong view is given the cluster that the weak one was guessed to be of.
        """
        _, (weak, strong) = self.views_of(batch)
        shares, guesses = self.guess(weak).softmax(1).max(1)
        labels = all_gather(guesses.where(shares > self.threshold, -1))
        logits, guesses = all_gather(self.student()(strong.frames)), all_gather(guesses)
        return {
            "loss": balanced_cross_entropy(logits, labels, self.balanced),
            "confident": (labels >= 0).float().mean(),
            "agreement": (logits.argmax(1) == guesses).float().mean(),
        }

    def guess(self, view: View) -> Tensor:
        """Return the logits of the one that guesses, ``(N, clusters)``."""
        with torch.no_grad():
            if self.teacher is not None:
                return Embedder(self.teacher)(view.frames).float()
            with looking(self, first=False):
                return self.student()(view.frames).float()

    @torch.no_grad()
    def clusters_of(self, batch: Batch) -> Clustered:
        """Return features of items and the clusters that the student finds likeliest."""
        rows = self.plain_rows(batch, Embedder(self.encoder))
        return Clustered(rows, self.head(rows).argmax(1), len(self.names))

    @torch.no_grad()
    def measure(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return the means of what ``forward`` returns, and ``clusters``, how many the student uses on weak views."""
        found: list[Tensor] = []
        scores = super().measure(self.answered(batches, found))
        return scores | ({"clusters": float(count_used(torch.cat(found)))} if found else {})

    def answered(self, batches: Iterable[Any], found: list[Tensor]) -> Iterator[Any]:
        """Yield batches of two items and more, and put what the student says of each on a list."""
        for batch in in_company(batches):
            if len(batch if isinstance(batch, Tensor) else batch["frames"]) > 1:
                found.append(self.student()(self.views_of(batch)[1][0].frames))
            yield batch

    def facts(self) -> list[str]:
        """Return a line on who guesses."""
        who = "a frozen copy" if self.teacher is not None else "the network that is being trained"
        return [f"begins as {self.source}, {len(self.names)} clusters; {who} guesses, surer than {self.threshold:g}"]

    def warnings(self, scores: Mapping[str, float], start: Mapping[str, float]) -> list[str]:
        """Return lines on clusters that are lost, and on a threshold that nothing passes."""
        lines = [*super().warnings(scores, start), *lost_clusters(scores, start)]
        none = [name.partition("/")[0] for name, share in scores.items() if name.endswith("/confident") and not share]
        return lines + [
            f"warning: no item of {name} that was measured is guessed surer than {self.threshold:g}, and without one "
            "nothing is learned; set threshold lower, or train the clusters longer"
            for name in none
        ]

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the encoder, and with its head as a classifier of clusters."""
        return {"encoder": self.encoder, "classifier": Classifier.holding([self.head], self.encoder, self.names)}
