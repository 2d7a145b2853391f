"""The contract of encoders: pictures or clips in, one vector each out, every layer within reach."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from avssl.config import ConfigError, Recorded
from avssl.nets.feature_maps import FeatureMap, Following, map_of, start

Takes = Literal["pictures", "clips"]
FORMS: dict[Takes, str] = {"pictures": "(N, 3, H, W)", "clips": "(N, frames, 3, H, W)"}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as torchvision's weights expect


@contextmanager
def outputs_of(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what a module returns while the block runs, call by call."""
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append(output)

    handle = module.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()


class Encoder(Recorded, nn.Module):
    """Maps pictures to feature vectors, and shows its layers on the way.

    `avssl.nets.clips.ClipEncoder` does so of clips, `avssl.nets.as_encoder` makes one of any network. The pictures are
    normalised inside, so that training, evaluation and use cannot differ in it.

    Args:
        trunk: the network, ``(N, 3, H, W)`` normalised to ``(N, dim)``; its state dict is what is exported.
        dim: length of the feature vectors.
        layers: names of the layers that can be tapped, from shallow to deep, and where they are in ``trunk``.
        mean: of each colour channel, in [0, 1].
        std: of each colour channel.

    Attributes:
        takes: what it looks at: ``"pictures"`` ``(N, 3, H, W)``, or ``"clips"`` ``(N, frames, 3, H, W)``.
        dim: length of the feature vectors.
        layers: names of the layers that ``taps`` knows, from shallow to deep.
    """

    takes: Takes = "pictures"
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
        if not isinstance(trunk, nn.Module):
            raise ValueError(f"trunk: needs a network, a torch.nn.Module; got {type(trunk).__name__}")
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

        Raises:
            ValueError: if these are clips.
        """
        return self.trunk(self.normalized(images))

    def normalized(self, images: Tensor) -> Tensor:
        """Return pictures or clips with the mean and the deviation of the colours taken out, as the trunk sees them.

        Raises:
            ValueError: if they are not what the encoder takes.
        """
        form = FORMS[self.takes]
        if images.ndim != form.count(",") + 1:
            raise ValueError(
                f"{type(self).__name__} takes {self.takes} {form}; got values of shape {tuple(images.shape)}"
            )
        return (images - self.mean) / self.std

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
            A map ``(N, channels, height, width)``, of clips ``(N, channels, frames, height, width)``, or a vector
            ``(N, channels)`` for each name.

        Raises:
            ValueError: if a name is not one of ``self.layers``, or the layer gives neither a map nor a vector.
        """
        seen: dict[str, Tensor] = {}
        places = {name: self.place(name) for name in layers}

        def keep(name: str):
            def hook(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
                seen[name] = self.tapped(name, output, images)
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
        if absent := [name for name in layers if name not in seen]:
            raise ValueError(f"layer {absent[0]!r} of {type(self).__name__} takes no part in its forward pass")
        return {name: seen[name] for name in layers}

    def tapped(self, layer: str, output: Tensor, images: Tensor) -> Tensor:
        """Return what a layer gave as a map or a vector.

        Args:
            layer: its name.
            output: what it gave.
            images: of which pictures or clips.

        Raises:
            ValueError: if it is neither.
        """
        if not isinstance(output, Tensor) or output.ndim not in (2, FORMS[self.takes].count(",") + 1):
            gave = f"values of shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(f"layer {layer!r} of {type(self).__name__} gives {gave}, neither maps nor vectors")
        return output

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
        ValueError: if a layer is not the encoder's, or it takes clips.
    """
    training = encoder.training
    shown = encoder.eval().taps(encoder.mean.expand(1, 3, size, size), layers)
    encoder.train(training)
    return {name: tuple(value.shape[1:]) for name, value in shown.items()}


def require_takes(encoder: nn.Module, takes: Takes, who: str) -> None:
    """Say in one line that something works with encoders of one kind alone.

    Args:
        encoder: which encoder.
        takes: the kind that is needed.
        who: what needs it, such as ``"KeyPoints"``.

    Raises:
        ConfigError: if the encoder takes something else.
    """
    has = getattr(encoder, "takes", None)
    if has != takes:
        raise ConfigError(f"{who} needs an encoder of {takes} {FORMS[takes]}; {type(encoder).__name__} takes {has}")
