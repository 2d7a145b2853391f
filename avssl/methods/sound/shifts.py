"""Sounds out of step: which windows of a batch are false for a clip, how hard that is to tell, and scores.

A batch holds several clips of each recording, each with its own window of sound; false pairs exchange these windows.
Windows and clips are thus the same on both sides. Because not every two windows of a recording are far enough apart,
true pairs are weighted by how many false ones their clip (and as many their window) takes part in: then loudness,
place in the recording or what the codec does at its start tell nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.sound.pairs import Pairs
from avssl.transforms.draws import index_of

KINDS = ("easy", "hard", "super_hard")


@dataclass(frozen=True, eq=False)
class Moments:
    """When the clips of a batch play.

    Args:
        start: seconds from each recording's beginning, float64 ``(pairs,)``.
        length: seconds that each clip lasts, float64 ``(pairs,)``.
    """

    start: Tensor
    length: Tensor


def moments_of(batch: Batch) -> Moments:
    """Return when the clips of a batch play.

    Args:
        batch: ``times`` float64 ``(videos, clips, frames)`` in seconds.

    Raises:
        ValueError: if there is one clip of each recording alone, or clips of one frame.
    """
    times = batch["times"].double()
    _, clips, frames = times.shape
    if clips < 2 or frames < 2:
        raise ValueError(
            f"sounds out of step need several clips of each recording, of several frames each; got {clips} clips of "
            f"{frames} frames: set count and frames_per_segment of the sampler"
        )
    times = times.flatten(0, 1)
    return Moments(times[:, 0], (times[:, -1] - times[:, 0]) * frames / (frames - 1))


def negatives_of(pairs: Pairs, moments: Moments, gap: float, least: float) -> dict[str, Tensor]:
    """Return which clip (row) and window (column) make a false pair, bool ``(pairs, pairs)``, symmetric, by kind.

    Args:
        pairs: of the batch; none counts whose sound cannot be heard.
        moments: when they play.
        gap: seconds between the clip's end and the window's start, or the other way round, that make a hard one.
        least: seconds that an overlapping window is shifted by to be a (super-hard) false one.

    Returns:
        ``easy``: windows of other recordings; ``hard``: of the same item, apart; ``super_hard``: of the same,
        overlapping. Other items of the same recording, whose times are on other clocks, are none of them.

    Examples:
        >>> video, heard = torch.zeros(3, dtype=torch.long), torch.ones(3, dtype=torch.bool)
        >>> key = torch.zeros(3, 4, dtype=torch.long)
        >>> pairs = Pairs(torch.zeros(3), torch.zeros(3), key, video, heard, None, recording=video)
        >>> moments = Moments(torch.tensor([0.0, 0.5, 2.0]), torch.ones(3))
        >>> found = negatives_of(pairs, moments, gap=0.5, least=0.2)
        >>> [found[kind].nonzero().tolist() for kind in KINDS]
        [[], [[0, 2], [1, 2], [2, 0], [2, 1]], [[0, 1], [1, 0]]]
    """
    heard = pairs.heard[:, None] & pairs.heard[None]
    other = pairs.recording[:, None] != pairs.recording[None]
    index = index_of(pairs.key)
    item = index[:, None] == index  # whose times are on one clock
    shift = (moments.start[:, None] - moments.start[None]).abs()
    length = torch.maximum(moments.length[:, None], moments.length[None])
    apart = shift >= length + gap - 1e-6  # containers round times
    overlapping = (shift >= least - 1e-6) & (shift < length - 1e-6)
    found = (other & ~item, item & apart, item & overlapping)
    return {kind: which & heard for kind, which in zip(KINDS, found, strict=True)}


def halves(true: Tensor, false: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Return the means of what true pairs and false pairs cost; clips and windows weigh the same in both.

    Args:
        true: of each true pair, ``(pairs,)``.
        false: of each clip with each window, ``(pairs, pairs)``.
        which: the false pairs that count, bool ``(pairs, pairs)``, symmetric.
    """
    count = which.sum().clamp(min=1)
    return (true * which.sum(1)).sum() / count, (false * which).sum() / count


class KindScores:
    """Collects logits of true and false pairs, by kind, and scores them."""

    def __init__(self):
        self.rows: dict[str, list[Tensor]] = {}

    def add(self, logits: Tensor, negatives: dict[str, Tensor]) -> None:
        """Take in the logits of each clip with each window, ``(pairs, pairs)``, own ones on the diagonal."""
        logits = logits.detach().float().cpu()
        for kind, which in negatives.items():
            row, column = which.cpu().nonzero().unbind(1)
            found = torch.stack([logits[row, row], logits[row, column]])  # a clip's true logit for each false one
            self.rows.setdefault(kind, []).append(found)

    def scores(self) -> Iterator[tuple[str, float]]:
        """Yield ``accuracy_*``, ``auc_*`` and ``choice_*`` (between the own window and the other) by kind; chance 0.5.

        A kind that never occurred has no scores.
        """
        from sklearn.metrics import roc_auc_score  # slow to import; needed only here

        for kind, parts in self.rows.items():
            true, false = torch.cat(parts, 1)
            if not len(true):
                continue
            yield f"accuracy_{kind}", ((true > 0).float().mean().item() + (false <= 0).float().mean().item()) / 2
            truth = torch.cat([torch.ones_like(true), torch.zeros_like(false)])
            yield f"auc_{kind}", float(roc_auc_score(truth.numpy(), torch.cat([true, false]).numpy()))
            yield f"choice_{kind}", ((true > false).float() + 0.5 * (true == false).float()).mean().item()
