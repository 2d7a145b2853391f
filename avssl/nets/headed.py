"""An encoder with layers behind it, as one encoder: those of a projection head, or a linear map to classes.

Chen et al., "Big Self-Supervised Models are Strong Semi-Supervised Learners" (SimCLR v2), NeurIPS 2020, section 2,
fine-tunes from the first layer of the projection head; a linear map to classes goes on top of it.
https://arxiv.org/abs/2006.10029
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from avssl import config
from avssl.nets.encoders import Encoder
from avssl.nets.feature_maps import FeatureMap
from avssl.nets.projectors import named_projector
from avssl.nets.tensor_files import fill, read_export


class HeadedEncoder(Encoder, ABC):
    """An encoder and what stands behind it, which maps its features on.

    It takes what the encoder takes, and has its layers, those behind it last. In its trunk the encoder is called
    ``encoder``.

    Args:
        encoder: of pictures or of clips; it is not copied.
        parts: applied to its features one after the other, ``(N, numbers)`` to ``(N, numbers)``, by name.
        dim: numbers of the last one.
    """

    @abstractmethod
    def __init__(self, encoder: Encoder, parts: Mapping[str, nn.Module], dim: int):
        layers = {layer: f"encoder.trunk.{encoder.place(layer)}" for layer in encoder.layers}
        trunk = nn.Sequential(OrderedDict(encoder=encoder, **parts))
        nothing, unchanged = (0.0,) * 3, (1.0,) * 3  # the encoder within normalises
        super().__init__(trunk, dim, layers | {name: name for name in parts}, nothing, unchanged)
        self.takes, self.parts = encoder.takes, tuple(parts)

    @property
    def inner(self) -> Encoder:
        """The encoder within."""
        inner = self.trunk.get_submodule("encoder")
        assert isinstance(inner, Encoder)
        return inner

    @classmethod
    def holding(cls, parts: Iterable[nn.Module], *args: Any, **settings: Any) -> Self:
        """Return one with these very modules behind the encoder, such as those of a method, in place of new ones.

        Args:
            parts: as many as it has.
            args: of the constructor.
            settings: likewise.
        """
        with torch.random.fork_rng(devices=[]):
            made = cls(*args, **settings)
        for name, part in zip(made.parts, parts, strict=True):
            made.trunk.add_module(name, part)
        return made

    def tapped(self, layer: str, output: Tensor, images: Tensor) -> Tensor:
        """Return what a layer gave as a map or a vector, see `Encoder.tapped`."""
        within = layer in self.inner.layers
        return self.inner.tapped(layer, output, images) if within else super().tapped(layer, output, images)

    def maps(self, images: Tensor, layer: str) -> FeatureMap:
        """Return what a layer makes of pictures, and where in them each of its cells looks, see `Encoder.maps`."""
        return self.inner.maps(images, layer) if layer in self.inner.layers else super().maps(images, layer)


class ProjectedEncoder(HeadedEncoder):
    """An encoder with the first layers of a projection head behind it, called ``head1``, ``head2`` and so on.

    Args:
        encoder: of pictures or of clips.
        head: whose head, as `avssl.nets.named_projector` knows it.
        layers: how many of its layers, each a linear map with its normalisation and activation; never the last one.
        hidden: numbers of each.

    Raises:
        ValueError: if there is no such head, or a number is below 1.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> encoder = ProjectedEncoder(SmallNet(dim=16, width=4), hidden=32)
        >>> encoder.dim, encoder.layers, encoder(torch.rand(2, 3, 32, 32)).shape
        (32, ('conv1', 'conv2', 'conv3', 'fc', 'head1'), torch.Size([2, 32]))
    """

    def __init__(self, encoder: Encoder, head: str = "simclr", layers: int = 1, hidden: int = 2048):
        if layers < 1:
            raise ValueError(f"needs layers of at least 1; got {layers}")
        parts = named_projector(head, encoder.dim, layers=layers + 1, hidden=hidden)[:layers]
        before = sum(layer.startswith("head") for layer in encoder.layers)
        super().__init__(encoder, {f"head{before + number}": part for number, part in enumerate(parts, 1)}, hidden)


class Classifier(HeadedEncoder):
    """An encoder with a linear map to classes behind it, called ``logits``, which are its features.

    Args:
        encoder: of pictures or of clips.
        classes: their names, in the order of the logits.

    Raises:
        ValueError: for fewer than two classes, or one that is named twice.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> classifier = Classifier(SmallNet(dim=16, width=4), classes=["cat", "dog", "owl"])
        >>> classifier(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 3])
    """

    def __init__(self, encoder: Encoder, classes: Sequence[str]):
        names = tuple(map(str, classes))
        if len(names) < 2 or len(set(names)) < len(names):
            raise ValueError(f"needs at least two classes, each of a name of its own; got {', '.join(names)}")
        super().__init__(encoder, {"logits": nn.Linear(encoder.dim, len(names))}, len(names))
        self.classes = names


def load_classifier(path: str | Path) -> Classifier:
    """Rebuild the classifier in an exported file, strictly, in evaluation mode on the CPU.

    Such files are written by fine-tuning (`avssl.evaluation.FineTune` with ``save``) and by
    `avssl.methods.Distilled`. Nothing in them is run; classes of others than this project are refused unless trusted,
    see `avssl.config.trusting`.

    Raises:
        ValueError: if it cannot be read, is no classifier, or its tensors are not those of the classifier it names.
    """
    made = load_exported(path, "fine-tune a classifier first, with evaluator.save=true")
    if not isinstance(made, Classifier):
        raise ValueError(f"{path} holds a {type(made).__name__}, no classifier; fine-tune it with evaluator.save=true")
    return made


def load_exported(path: str | Path, advice: str) -> Encoder:
    """Rebuild the encoder in an exported file, strictly, in evaluation mode on the CPU.

    Args:
        path: the file.
        advice: what to do where there is none.

    Raises:
        ValueError: if it cannot be read, or its tensors are not those of the encoder it names.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {path}; {advice}")
    settings, weights = read_export(path)
    with torch.random.fork_rng(devices=[]):  # the caller's chance is the caller's
        made = config.rebuild(settings, "avssl.nets.Encoder", f"{path}: encoder")
    assert isinstance(made, Encoder)
    fill(made, weights, path)
    return made.eval()
