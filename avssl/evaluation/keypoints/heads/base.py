"""The contract of heads: a few labelled pictures in, joints of other pictures out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from avssl.config import ConfigError
from avssl.features.layers import Extractor
from avssl.nets import Encoder


@dataclass(frozen=True, eq=False, kw_only=True)
class Labelled:
    """The few labelled pictures that a head learns from.

    Args:
        images: uint8 RGB ``(labels, 3, H + 2 * margin, W + 2 * margin)``.
        points: joints in pixels of the middle ``H x W`` part, ``(labels, joints, 2)``; NaN where unknown.
        counted: which joints count, ``(labels, joints)``.
        margin: pixels round the middle, for heads that shift their pictures.
        mirrored: where each joint's namesake on the other side stands, for heads that mirror their pictures.
    """

    images: Tensor
    points: np.ndarray
    counted: np.ndarray
    margin: int = 0
    mirrored: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def middle(self) -> Tensor:
        """The pictures without their margin, ``(labels, 3, H, W)``."""
        height, width = self.images.shape[-2:]
        return self.images[..., self.margin : height - self.margin, self.margin : width - self.margin]

    def mean_pose(self) -> np.ndarray:
        """Return the mean place of each joint over the labels that show it, ``(joints, 2)``.

        Raises:
            ConfigError: if no label shows some joint.
        """
        shown = self.counted.sum(0)
        if (shown == 0).any():
            raise ConfigError(
                f"none of the {len(self)} labelled pictures shows joint {int(np.flatnonzero(shown == 0)[0])}; "
                "use more labels"
            )
        places = np.where(self.counted[..., None], self.points, 0.0).astype(np.float64)
        return places.sum(0) / shown[:, None]


class Head(ABC):
    """Learns to find key points on top of an encoder.

    Attributes:
        name: what the head is called in tables.
        trains: whether it trains a network, which is done with one thread on a CPU, and several at a time.
    """

    name: str
    trains: bool = False

    @abstractmethod
    def __call__(self, encoder: Encoder, labelled: Labelled, test: Tensor, extract: Extractor, seed: int) -> np.ndarray:
        """Learn from the labelled pictures and find the joints of the test pictures.

        Args:
            encoder: what is scored; its weights are not changed.
            labelled: the pictures to learn from.
            test: uint8 RGB ``(pictures, 3, H, W)``.
            extract: runs encoders; its device is the one to work on.
            seed: fixes every draw.

        Returns:
            Joints in pixels, float32 ``(pictures, joints, 2)``; NaN for a joint that is lost.
        """

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return all that the result depends on besides the arguments, as plain values: part of the protocol."""

    @abstractmethod
    def chosen(self, encoder: Encoder, pictures: Tensor) -> dict[str, Any]:
        """Return what the head sets by itself for an encoder and its pictures, uint8 ``(pictures, 3, H, W)``.

        It is part of the protocol too, and nothing where the settings say all.
        """
