"""Self-training of segmentation: labels and pseudo-labels are of pixels.

Zoph, Ghiasi, Lin, Cui, Liu, Cubuk and Le, "Rethinking Pre-training and Self-training", NeurIPS 2020,
https://arxiv.org/abs/2006.06882. The network is the one that segmentation is evaluated with
(`avssl.nets.pixel_net.PixelNet`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from avssl.methods.base import Batch
from avssl.methods.transfer.both_labels import BothLabels
from avssl.nets import Encoder, SoundEncoder
from avssl.nets.encoders import require_takes
from avssl.nets.pixel_net import PixelNet
from avssl.transforms import ColorJitter, GainOffset, GaussianBlur, Grey, Solarize, Transform

IN_PLACE = (ColorJitter, GainOffset, GaussianBlur, Grey, Solarize)  # what moves no pixel away from its label
VOID = 255  # a pixel that nobody knows the class of


class SelfTrainingPixels(BothLabels):
    """Self-training of segmentation: as `SelfTraining`, a class for each pixel.

    What moves pixels (cuts, scales, mirrors) is done by the data, to picture and mask alike: `avssl.data.SceneCrops`.

    Args:
        encoder: of pictures.
        classes: names of the classes, the numbers 0, 1, ... of the masks; 255 is none.
        layers: maps of the encoder that the head reads, their scores added.
        size: height and width of the pictures of training, in pixels; each is a number that the encoder's maps fit.
        views: transforms that change colours alone.
        hidden: channels of a 3x3 convolution in the head; 0 for a linear head.
        alpha: weight of pseudo-labels beside 1 for labels.
        averaging: of the running means of both losses; None leaves the losses as they are.
        smoothing: of labels and of hard pseudo-labels.
        balanced: in the loss of hard pseudo-labels the classes of a batch weigh alike.
        together: whether both kinds of pictures share the statistics of batch normalisation.

    Raises:
        ValueError: if a number cannot be, a layer is no map, or a view moves pixels.
    """

    def __init__(
        self,
        encoder: Encoder,
        classes: Sequence[str],
        layers: Sequence[str],
        size: tuple[int, int],
        views: Sequence[Transform] = (),
        hidden: int = 0,
        alpha: float = 1.0,
        averaging: float | None = 0.997,
        smoothing: float = 0.0,
        balanced: bool = False,
        together: bool = True,
    ):
        super().__init__(classes, views, alpha, averaging, smoothing, balanced, together)
        require_takes(encoder, "pictures", "segmentation")
        if moving := next((type(view).__name__ for view in views if not isinstance(view, IN_PLACE)), None):
            raise ValueError(
                f"views: {moving} moves pixels away from their labels; cut, scale and mirror by the data (SceneCrops)"
            )
        if not layers or hidden < 0:
            raise ValueError(f"needs layers and hidden of at least 0; got {list(layers)} and {hidden}")
        self.network = PixelNet(encoder, layers, torch.zeros(len(self.classes)), hidden, torch.zeros(1, 3, *size))
        self.network.train()

    @property
    def encoder(self) -> Encoder:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The encoder within the network."""
        return self.network.encoder

    def answer(self, frames: Tensor) -> Tensor:
        """Return logits of each pixel of pictures, ``(N, classes, H, W)``."""
        return self.network(frames.flatten(0, 1))

    def truth(self, batch: Batch, clips: int) -> Tensor:
        """Return the class of each pixel, int64 ``(N, H, W)``."""
        if "mask" not in batch:
            raise ValueError("SelfTrainingPixels learns from masks, and the batch has no 'mask'")
        return known(batch["mask"])

    def targets(self, pseudo: Tensor) -> Tensor:
        """Return pseudo-labels pixel by pixel, see `BothLabels.targets`."""
        return super().targets(pseudo if pseudo.is_floating_point() else known(pseudo))

    def facts(self) -> list[str]:
        """Return a line on what is learned from."""
        return [f"{len(self.classes)} classes of pixels; pseudo-labels weigh {self.alpha:g} beside labels"]

    def exports(self) -> dict[str, Encoder | SoundEncoder]:
        """Return the encoder; the head stays in the run's checkpoints."""
        return {"encoder": self.network.encoder}


def known(mask: Tensor) -> Tensor:
    """Return classes of pixels as int64, -1 where a mask is void."""
    return mask.long().where(mask != VOID, -1)
