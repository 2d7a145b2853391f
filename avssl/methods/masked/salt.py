"""SALT: features of hidden blocks of a clip, as a frozen teacher makes them, told from what is visible.

Li et al., "Rethinking JEPA: Compute-Efficient Video SSL with Frozen Teachers", 2025 (static-teacher asymmetric latent
training), https://arxiv.org/abs/2509.24317. The authors' names are from memory.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from avssl.methods.masked.hidden_features import FeaturePrediction, HiddenFeatures
from avssl.nets import Encoder, SoundEncoder, TubeletViT
from avssl.nets.headed import load_exported
from avssl.transforms import BlockMask, Transform


class SALT(FeaturePrediction):
    """Two runs: the first reconstructs pixels (`VideoMAE`), the second tells the features that the first has learned.

    The teacher stays as it is, so the loss is a number that means the same at every step, and nothing can collapse to
    please it. The student starts anew, and may be larger than its teacher.

    Departures: as `VJEPA`'s; the paper's first run hides V-JEPA's blocks, where the teacher here is any export.

    Args:
        encoder: the student, a transformer that can leave tokens out.
        teacher: the export of a run of reconstruction (``runs/videomae/encoder.safetensors``), or an encoder; its
            tokens must be those of the student. Its weights are kept in checkpoints too; to build the method again
            the file must still be there.
        masks: kinds of blocks; None for V-JEPA's, 8 of 0.15 and 2 of 0.7 of the places.
        width: of the predictor.
        depth: its blocks.
        heads: its heads.
        dense: weight of a loss on visible tokens, see `VJEPA`.
        views: transforms of the clips, in order; all frames of a clip alike.

    Raises:
        ValueError: for other encoders, tokens that differ, or numbers that cannot be.

    Examples:
        >>> import torch
        >>> kind = {"patch": 8, "depth": 1, "heads": 2, "size": 32, "frames": 4}
        >>> method = SALT(TubeletViT(width=24, **kind), TubeletViT(width=12, **kind), width=12, depth=1, heads=2)
        >>> sorted(method(torch.rand(2, 4, 3, 32, 32)))
        ['loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        teacher: str | Path | Encoder,
        masks: Sequence[BlockMask] | None = None,
        width: int = 384,
        depth: int = 12,
        heads: int = 12,
        dense: float = 0.0,
        views: Sequence[Transform] = (),
    ):
        super().__init__(encoder, views)
        self.source = "an encoder" if isinstance(teacher, Encoder) else str(teacher)
        known = teacher if isinstance(teacher, Encoder) else load_exported(teacher, "train a run of VideoMAE first")
        if not isinstance(known, TubeletViT) or token_of(known) != token_of(self.encoder):
            raise ValueError(
                f"teacher: needs a TubeletViT of the student's tokens, {token_of(self.encoder)}; got a "
                f"{type(known).__name__}{f' of {token_of(known)}' if isinstance(known, TubeletViT) else ''}"
            )
        self.teacher = known.requires_grad_(False).eval()
        self.prediction = HiddenFeatures(encoder.dim, known.dim, masks, width, depth, heads, dense)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the student; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def target_encoder(self) -> TubeletViT:
        """Return the teacher."""
        return self.teacher

    def facts(self) -> list[str]:
        """Return a line on the teacher."""
        return [f"teacher: {self.source}, {self.teacher.dim} numbers a token; it stays as it is"]

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the student's encoder."""
        return {"encoder": self.encoder}


def token_of(encoder: TubeletViT) -> str:
    """Return what a token of an encoder is, in words."""
    return f"{encoder.takes}, {encoder.tubelet} frames of {encoder.patch} x {encoder.patch} px"
