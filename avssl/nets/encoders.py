"""The contract of encoders: pictures in, one vector a picture out, every layer within reach."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from avssl.config import Recorded
from avssl.nets.feature_maps import FeatureMap, Following, map_of, start

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as torchvision's weights expect


class Encoder(Recorded, nn.Module):
    """Maps pictures to feature vectors, and shows its layers on the way.

    The pictures are normalised inside, so that training, evaluation and use cannot differ in it.

    Args:
        trunk: the network, ``(N, 3, H, W)`` normalised to ``(N, dim)``; its state dict is what is exported.
        dim: length of the feature vectors.
        layers: names of the layers that can be tapped, from shallow to deep, and where they are in ``trunk``.
        mean: of each colour channel, in [0, 1].
        std: of each colour channel.

    Attributes:
        dim: length of the feature vectors.
        layers: names of the layers that ``taps`` knows, from shallow to deep.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        trunk: nn.Module,
        dim: int,
        layers: Mapping[str, str],
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ):
        super().__init__()
        self.trunk, self.dim, self.layers = trunk, dim, tuple(layers)
        self._places = dict(layers)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of pictures.

        Args:
            images: RGB, float in [0, 1], ``(N, 3, H, W)``.

        Returns:
            Features, ``(N, dim)``.
        """
        return self.trunk((images - self.mean) / self.std)

    def place(self, layer: str) -> str:
        """Return where a layer is in ``trunk``, such as ``"features.9"``.

        Raises:
            ValueError: if it is not one of ``self.layers``.
        """
        if layer not in self._places:
            raise ValueError(f"{type(self).__name__} has no layer {layer!r}; it has {', '.join(self.layers)}")
        return self._places[layer]

    def taps(self, images: Tensor, layers: Sequence[str], whole: bool = True) -> dict[str, Tensor]:
        """Return what chosen layers make of pictures, from one pass.

        Args:
            images: RGB, float in [0, 1], ``(N, 3, H, W)``.
            layers: names out of ``self.layers``.
            whole: run what lies behind these layers too; False saves that work.

        Returns:
            A map ``(N, channels, height, width)`` or a vector ``(N, channels)`` for each name.

        Raises:
            ValueError: if a name is not one of ``self.layers``.
        """
        seen: dict[str, Tensor] = {}
        places = {name: self.place(name) for name in layers}

        def keep(name: str):
            def hook(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
                seen[name] = output
                if not whole and len(seen) == len(set(layers)):
                    raise _Enough

            return hook

        handles = [self.trunk.get_submodule(place).register_forward_hook(keep(name)) for name, place in places.items()]
        try:
            self(images)
        except _Enough:  # leaves a forward pass of any shape from within
            pass
        finally:
            for handle in handles:
                handle.remove()
        return {name: seen[name] for name in layers}

    def maps(self, images: Tensor, layer: str) -> FeatureMap:
        """Return what a layer makes of pictures, and where in them each of its cells looks.

        Args:
            images: as for ``forward``.
            layer: one out of ``self.layers`` that gives a map.

        Returns:
            Values, stride and offset: cell i of an axis looks at pixel ``offset + stride * i``.

        Raises:
            ValueError: if it is not one of ``self.layers``, gives vectors, or the places of its cells cannot be known.

        Examples:
            >>> from avssl.nets import SmallNet
            >>> found = SmallNet().maps(torch.rand(2, 3, 32, 32), "conv2")
            >>> found.values.shape, found.stride, found.offset
            (torch.Size([2, 48, 8, 8]), (4.0, 4.0), (0.0, 0.0))
        """
        handle = self.trunk.register_forward_pre_hook(lambda _trunk, inputs: start(inputs[0]))
        try:
            with Following():
                values = self.taps(images, [layer], whole=False)[layer]
        finally:
            handle.remove()
        return map_of(values, layer)


class _Enough(Exception):
    """All layers that were asked for have been seen."""


@torch.no_grad()
def shapes_of(encoder: Encoder, layers: Sequence[str], size: int) -> dict[str, tuple[int, ...]]:
    """Return what layers make of one picture of ``size`` x ``size`` px: shapes by name; the encoder stays as it was.

    Raises:
        ValueError: if a layer is not the encoder's.
    """
    training = encoder.training
    shown = encoder.eval().taps(encoder.mean.expand(1, 3, size, size), layers)
    encoder.train(training)
    return {name: tuple(value.shape[1:]) for name, value in shown.items()}
