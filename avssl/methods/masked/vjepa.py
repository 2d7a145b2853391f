"""V-JEPA: features of hidden blocks of a clip, as the encoder's own slow copy makes them, told from what is visible.

Bardes et al., "Revisiting Feature Prediction for Learning Visual Representations from Video", TMLR 2024, section 3,
https://arxiv.org/abs/2404.08471; version 2: Assran et al., https://arxiv.org/abs/2506.09985; the loss on visible
tokens: version 2.1, https://arxiv.org/abs/2603.14482.
"""

from collections.abc import Sequence

from avssl.methods.masked.hidden_features import FeaturePrediction, HiddenFeatures
from avssl.nets import Encoder, SoundEncoder, Teacher, TubeletViT
from avssl.transforms import BlockMask, Transform


class VJEPA(FeaturePrediction):
    """The mean absolute error of told features; the teacher sees whole clips and gets no gradient.

    The teacher is a moving average of the encoder; its tokens are normalised over their numbers (layer norm without
    weights). Every mask gives a loss; they are averaged. The loss is no measure of progress: targets move. `rank` and a
    monitor (`avssl.training.monitors`) tell more, and a line is shown where features collapse.

    Departures: every clip's blocks are drawn by its key, where the released code draws their size from a counter;
    equally many tokens are visible in each clip (`avssl.transforms.BlockMask`, which has the released way too); the
    teacher's momentum is constant, as in version 2, where version 1 raises it; the loss on visible tokens is on the
    last layer alone.

    Args:
        encoder: a transformer that can leave tokens out; the student.
        masks: kinds of blocks; None for the paper's, 8 of 0.15 and 2 of 0.7 of the places.
        width: of the predictor (section 3.3: 384).
        depth: its blocks (section 3.3: 12).
        heads: its heads.
        momentum: of the teacher (released configs: 0.998 rising to 1; version 2: 0.99925).
        dense: weight of the loss on visible tokens, which falls with the root of the distance to the nearest hidden one
            (version 2.1); 0 for none.
        views: transforms of the clips, in order; all frames of a clip alike.

    Raises:
        ValueError: for another encoder, or numbers that cannot be.

    Examples:
        >>> import torch
        >>> encoder = TubeletViT(patch=8, width=24, depth=1, heads=2, size=32, frames=4)
        >>> method = VJEPA(encoder, width=12, depth=1, heads=2)
        >>> sorted(method(torch.rand(2, 4, 3, 32, 32)))
        ['loss']
    """

    def __init__(
        self,
        encoder: Encoder,
        masks: Sequence[BlockMask] | None = None,
        width: int = 384,
        depth: int = 12,
        heads: int = 12,
        momentum: float = 0.998,
        dense: float = 0.0,
        views: Sequence[Transform] = (),
    ):
        super().__init__(encoder, views)
        self.prediction = HiddenFeatures(encoder.dim, encoder.dim, masks, width, depth, heads, dense)
        self.teacher = Teacher(encoder, momentum)

    def target_encoder(self) -> TubeletViT:
        """Return the slow copy."""
        network = self.teacher.network
        assert isinstance(network, TubeletViT)
        return network

    def after_step(self, step: int, steps: int) -> None:
        """Move the teacher."""
        self.teacher.update(self.encoder, step, steps)

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the student's encoder and, as ``teacher``, its slow copy, which the paper evaluates."""
        return {"encoder": self.encoder, "teacher": self.target_encoder()}
