"""Self-training of classes: a student learns from labels and from what a teacher, taught on these, says of other items.

Xie, Luong, Hovy and Le, "Self-training with Noisy Student improves ImageNet classification", CVPR 2020, section 2,
https://arxiv.org/abs/1911.04252; the balance of both losses as Zoph et al., "Rethinking Pre-training and
Self-training", NeurIPS 2020, https://arxiv.org/abs/2006.06882. Numbers with a star are from memory.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from avssl.methods.base import Batch
from avssl.methods.transfer.both_labels import BothLabels
from avssl.nets import Classifier, Encoder, SoundEncoder
from avssl.nets.clips import encode_clips
from avssl.transforms import Transform


class SelfTraining(BothLabels):
    """A classifier that learns from labels, and from pseudo-labels where its data have some.

    Without these it is the teacher. What labels items, and in which order rounds follow, is said by
    ``tools/self_train.py``.

    Noise is that of ``views`` and ``dropout``, and what the encoder has of its own in training, such as the stochastic
    depth of timm's (``settings: {drop_path_rate: 0.2}``; Noisy Student: 0.2* at the last block, dropout 0.5,
    RandAugment of two operations). A teacher labels without any of it.

    Departures: Noisy Student's loss has no running means and divides by the labelled batch alone
    (``averaging: null``; its ``alpha`` is its ratio of unlabelled to labelled, 1 to 3 in the released scripts, and the
    rate is then multiplied by ``1 + alpha``). How far back Zoph et al. average is not published; 0.997 is ours.

    Args:
        encoder: of pictures or of clips; its linear map to classes is added.
        classes: names of the classes, by number.
        views: transforms of the frames, see `BothLabels`.
        dropout: share of the features that is dropped before the linear map.
        alpha: weight of pseudo-labels beside 1 for labels.
        averaging: of the running means of both losses; None leaves the losses as they are.
        smoothing: of labels and of hard pseudo-labels (Noisy Student: 0.1).
        balanced: in the loss of hard pseudo-labels the classes of a batch weigh alike.
        together: whether both kinds of items share the statistics of batch normalisation.

    Raises:
        ValueError: if a number cannot be, or there are not two classes of different names.

    Examples:
        >>> import torch
        >>> from avssl.nets import SmallNet
        >>> method = SelfTraining(SmallNet(dim=8, width=2), ["cat", "dog"])
        >>> pictures, labels = torch.rand(4, 3, 1, 3, 32, 32), torch.tensor([0, 1, 1, 0])
        >>> sorted(method({"frames": pictures, "label": labels, "pseudo": torch.tensor([[0, 1]] * 4)}))
        ['accuracy', 'agreement', 'labelled', 'loss', 'pseudo']
    """

    def __init__(
        self,
        encoder: Encoder,
        classes: Sequence[str],
        views: Sequence[Transform] = (),
        dropout: float = 0.0,
        alpha: float = 1.0,
        averaging: float | None = 0.997,
        smoothing: float = 0.0,
        balanced: bool = False,
        together: bool = True,
    ):
        super().__init__(classes, views, alpha, averaging, smoothing, balanced, together)
        if not 0 <= dropout < 1:
            raise ValueError(f"needs dropout in [0, 1); got {dropout}")
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.head = nn.Linear(encoder.dim, len(self.classes))

    def answer(self, frames: Tensor) -> Tensor:
        """Return logits of clips, ``(N, classes)``."""
        return self.head(self.dropout(encode_clips(self.encoder, frames)))

    def truth(self, batch: Batch, clips: int) -> Tensor:
        """Return the label of each clip, int64 ``(N * clips,)``."""
        if "label" not in batch:
            raise ValueError("SelfTraining learns from labels, and the batch has no 'label'")
        return batch["label"].repeat_interleave(clips)

    def facts(self) -> list[str]:
        """Return a line on what is learned from."""
        means = (
            "as they are" if self.averaging is None else f"brought to one size by means that keep {self.averaging:g}"
        )
        return [f"{len(self.classes)} classes; pseudo-labels weigh {self.alpha:g} beside labels, losses {means}"]

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the encoder, and the encoder with its map to classes as a classifier."""
        classifier = Classifier.holding([self.head], self.encoder, list(self.classes))
        return {"encoder": self.encoder, "classifier": classifier}
