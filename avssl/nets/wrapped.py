"""Any network as an encoder: a plain module, whose layers are found by one forward pass."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from avssl.nets.clips import ClipEncoder
from avssl.nets.encoders import FORMS, IMAGENET_MEAN, IMAGENET_STD, Encoder, Takes

FRAMES = 8  # of the clip that is passed through a network to find its layers
Layers = Mapping[str, str] | Sequence[str]


def as_encoder(
    module: nn.Module,
    dim: int | None = None,
    layers: Layers | None = None,
    takes: Takes = "pictures",
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    size: int = 64,
) -> "ModuleEncoder | ModuleClipEncoder":
    """Return a plain module as an encoder; weights keep the module's own keys.

    The module returns vectors ``(N, dim)``, or a map whose mean over places (and frames) is the vector. What is not
    given, ``dim`` or ``layers``, is found by one forward pass of a grey picture, in evaluation mode.

    Args:
        module: normalised pictures ``(N, 3, H, W)``, or clips ``(N, 3, frames, H, W)``, to vectors or maps.
        dim: length of the vectors; None to find it.
        layers: names of the layers that can be tapped, from shallow to deep, as they are called in ``module``, or from
            a name to that place; None for its children that give maps or vectors.
        takes: ``"pictures"`` or ``"clips"``: what the encoder is given, ``(N, 3, H, W)`` or ``(N, frames, 3, H, W)``.
        mean: of each colour channel, in [0, 1], that is subtracted before.
        std: of each colour channel, that is divided by.
        size: side of that picture in pixels; clips have 8 frames.

    Raises:
        ValueError: if the picture does not pass through, or what comes out is neither vectors nor maps.

    Examples:
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2))
        >>> encoder = as_encoder(net)
        >>> encoder.dim, encoder.layers, encoder(torch.rand(2, 3, 32, 32)).shape
        (16, ('0', '1', '2'), torch.Size([2, 16]))
    """
    if takes not in FORMS:
        raise ValueError(f"takes: got {takes!r}; needs 'pictures' or 'clips'")
    kind = ModuleEncoder if takes == "pictures" else ModuleClipEncoder
    return kind(module, dim, layers, mean, std, size)


class ModuleEncoder(Encoder):
    """A plain module as an encoder of pictures, see `as_encoder`.

    Args:
        module: normalised pictures ``(N, 3, H, W)`` to vectors ``(N, dim)`` or maps, which are averaged over places.
        dim: length of the vectors; None to find it.
        layers: layers that can be tapped; None for the children of ``module``.
        mean: of each colour channel, in [0, 1].
        std: of each colour channel.
        size: side in pixels of the picture that finds what is not given.
    """

    def __init__(
        self,
        module: nn.Module,
        dim: int | None = None,
        layers: Layers | None = None,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        size: int = 64,
    ):
        super().__init__(module, *found(module, dim, layers, torch.zeros(1, 3, size, size)), mean, std)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of pictures ``(N, 3, H, W)``, ``(N, dim)``."""
        return averaged(super().forward(images))

    def tapped(self, layer: str, output: Tensor, images: Tensor) -> Tensor:
        """Return what a layer gave, before anything changes it in place."""
        return super().tapped(layer, output, images).clone()


class ModuleClipEncoder(ClipEncoder):
    """A plain module as an encoder of clips, see `as_encoder`.

    Args:
        module: normalised clips ``(N, 3, frames, H, W)`` to vectors ``(N, dim)`` or maps, which are averaged over
            frames and places.
        dim: length of the vectors; None to find it.
        layers: layers that can be tapped; None for the children of ``module``.
        mean: of each colour channel, in [0, 1].
        std: of each colour channel.
        size: side in pixels of the clip that finds what is not given.
    """

    def __init__(
        self,
        module: nn.Module,
        dim: int | None = None,
        layers: Layers | None = None,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        size: int = 64,
    ):
        super().__init__(module, *found(module, dim, layers, torch.zeros(1, 3, FRAMES, size, size)), mean, std)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of clips ``(N, frames, 3, H, W)``, ``(N, dim)``."""
        return averaged(super().forward(images))

    def tapped(self, layer: str, output: Tensor, images: Tensor) -> Tensor:
        """Return what a layer gave, before anything changes it in place."""
        return super().tapped(layer, output, images).clone()


def averaged(features: Tensor) -> Tensor:
    """Return the means of maps over all places, ``(N, channels)``; vectors stay.

    Raises:
        ValueError: if these are neither.
    """
    if not isinstance(features, Tensor) or features.ndim not in (2, 4, 5):
        gave = f"values of shape {tuple(features.shape)}" if isinstance(features, Tensor) else type(features).__name__
        raise ValueError(f"an encoder's module returns vectors (N, dim) or maps (N, dim, H, W); got {gave}")
    return features if features.ndim == 2 else features.flatten(2).mean(2)


def found(module: nn.Module, dim: int | None, layers: Layers | None, images: Tensor) -> tuple[int, Mapping[str, str]]:
    """Return the length of a module's vectors, and its layers from their names to their places.

    Args:
        module: a network; it stays as it was.
        dim: the length, or None to find it.
        layers: the layers, or None to find them.
        images: what is passed through the module for that.

    Raises:
        ValueError: if that cannot be done, or a layer is not there.
    """
    if not isinstance(module, nn.Module):
        raise ValueError(f"module: needs a network, a torch.nn.Module; got {type(module).__name__}")
    places: dict[str, str] | None = None
    if layers is not None:
        places = dict(layers) if isinstance(layers, Mapping) else {name: name for name in layers}
        known = dict(module.named_modules())
        if absent := [place for place in places.values() if place not in known]:
            raise ValueError(f"layers: {type(module).__name__} has no module {absent[0]!r}")
        if dim is not None:
            return dim, places
    output, children = passed(module, images)
    vectors = averaged(output)
    if dim is not None and dim != vectors.shape[1]:
        raise ValueError(f"dim: got {dim}; {type(module).__name__} returns vectors of {vectors.shape[1]} numbers")
    return vectors.shape[1], places if places is not None else {name: name for name in children}


@torch.no_grad()
def passed(module: nn.Module, images: Tensor) -> tuple[Tensor, list[str]]:
    """Return what a module makes of images, and the names of its parts that gave maps or vectors once, in order."""
    gave: list[tuple[str, bool]] = []

    def hook_of(name: str):
        def hook(_module: nn.Module, _inputs: tuple, output: object) -> None:
            gave.append((name, isinstance(output, Tensor) and output.ndim in (2, images.ndim)))

        return hook

    handles = [part.register_forward_hook(hook_of(name)) for name, part in parts_of(module)]
    modes = {part: part.training for part in module.modules()}
    first = next(iter(module.state_dict().values()), images)
    floats = first.dtype if first.is_floating_point() else images.dtype
    try:
        output = module.eval()(images.to(first.device, floats))
    except Exception as error:
        side = "x".join(map(str, images.shape[-2:]))
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"a picture of {side} px does not pass through {type(module).__name__} ({reason}); give size=, or dim= and "
            "layers="
        ) from error
    finally:
        for part, training in modes.items():
            part.training = training
        for handle in handles:
            handle.remove()
    names = [name for name, _ in gave]
    return output, [name for name, fits in gave if fits and names.count(name) == 1]


def parts_of(module: nn.Module, before: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the children of a module and their names; of lists, and of an only child, theirs instead."""
    children = list(module.named_children())
    for name, child in children:
        if isinstance(child, nn.ModuleList) or (len(children) == 1 and list(child.children())):
            yield from parts_of(child, f"{before}{name}.")
        else:
            yield f"{before}{name}", child
