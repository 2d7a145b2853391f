"""What the encoders of a method are given for a batch, and which item of the batch each row of it comes from.

No method is asked and none is treated in a way of its own: pictures and clips are taken where every encoder normalises
them, sounds where they enter the network. Whose a row is, is found by trial: the items are exchanged for noise one
after the other, and a row is of the item whose exchange changes it most.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from avssl.methods import Method
from avssl.methods.base import items_in
from avssl.nets import Encoder, SoundEncoder
from avssl.transforms.tubelets import from_tubelets, to_tubelets

SIGNALS = ("frames", "sound")  # of a batch: what is seen and heard
GREY = 0.5  # in place of blocks that an encoder was not shown


@dataclass(eq=False)
class Given:
    """What an encoder was given in one call.

    Attributes:
        place: of the encoder in its method, such as ``"encoder"``.
        values: pictures ``(N, 3, H, W)`` or clips ``(N, frames, 3, H, W)`` in [0, 1]; of sounds spectrograms ``(N, 1,
            bands, windows)`` or waveforms ``(N, 1, samples)``.
        owners: number of the item in its batch that each row is of, -1 where none is known, ``(N,)``.
    """

    place: str
    values: Tensor
    owners: Tensor

    @property
    def heard(self) -> bool:
        """Whether these are sounds."""
        return self.values.ndim == 3 or self.values.shape[-3] == 1


def given_to_encoders(method: Method, batch: Mapping[str, Any]) -> list[Given]:
    """Return what a method gives to its encoders when it trains on a batch, each thing once.

    The method is left in training mode, and what its forward passes change of it (statistics of batches) has changed.

    Args:
        method: a copy to try out, with what it needs before an epoch (labels of clusters) already in it.
        batch: of items, as its data give them.
    """
    found = watch(method, batch)
    changes = [differences(found, watch(method, exchanged(batch, item))) for item in range(items_in(batch))]
    for number, one in enumerate(found):
        if all(change is not None for change in changes):
            amounts = torch.stack([change[number] for change in changes if change is not None])
            one.owners = torch.where(amounts.amax(0) > 0, amounts.argmax(0), -1)
    return each_once(found)


def watch(method: Method, batch: Mapping[str, Any]) -> list[Given]:
    """Return what the encoders are given in one forward pass of training, whose chance is the same every time.

    Of a method that is made of others, each takes its turn.
    """
    found: list[Given] = []
    within = [part for part in method.modules() if isinstance(part, Method) and part is not method]
    with ExitStack() as ends, torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for place, module in method.named_modules():
            if isinstance(module, Encoder):
                ends.enter_context(listening_to_pictures(module, place, found))
            elif isinstance(module, SoundEncoder):
                ends.enter_context(listening_to_sounds(module, place, found))
        for part in within or [method]:
            before = len(found)
            part.train()(dict(batch))
            for one in found[before:] if within else ():
                one.place = f"{type(part).__name__}, {one.place}"
    return found


def note(found: list[Given], place: str, values: Tensor) -> None:
    """Add what an encoder was given."""
    values = values.detach().float().clone()
    found.append(Given(place, values, torch.full((len(values),), -1)))


@contextmanager
def listening_to_pictures(encoder: Encoder, place: str, found: list[Given]) -> Iterator[None]:
    """Note the pictures or clips that an encoder normalises; blocks that it is not shown are grey."""
    own: Callable[[Tensor], Tensor] = encoder.normalized
    looked: Any = getattr(encoder, "tokens", None)  # of encoders that can look at chosen blocks alone

    def normalized(images: Tensor) -> Tensor:
        note(found, place, images)
        return own(images)

    def tokens(images: Tensor, visible: Tensor | None = None) -> Tensor:
        made = looked(images, visible)
        if visible is not None:
            found[-1].values = blanked(found[-1].values, visible, encoder)
        return made

    with ExitStack() as ends:
        ends.enter_context(replaced(encoder, "normalized", normalized))
        if looked is not None:
            ends.enter_context(replaced(encoder, "tokens", tokens))
        yield


@contextmanager
def listening_to_sounds(encoder: SoundEncoder, place: str, found: list[Given]) -> Iterator[None]:
    """Note the spectrograms or waveforms that an encoder makes of sounds, as its network gets them."""

    def heard(_front: nn.Module, _inputs: Any, output: Tensor) -> None:
        note(found, place, output)

    def altered(_trunk: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if found and found[-1].values.shape == inputs[0].shape:
            found[-1].values = inputs[0].detach().float().clone()  # strips may be hidden on the way

    handles = [encoder.front.register_forward_hook(heard), encoder.trunk.register_forward_pre_hook(altered)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def replaced(module: nn.Module, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Put a function in place of a module's own, within a ``with`` block."""
    setattr(module, name, function)
    try:
        yield
    finally:
        delattr(module, name)


def blanked(images: Tensor, visible: Tensor, encoder: Any) -> Tensor:
    """Return pictures or clips with grey in place of the blocks that are not among the ``visible`` ones."""
    clips = images if encoder.takes == "clips" else images[:, None]
    blocks = to_tubelets(clips, encoder.tubelet, encoder.patch)
    shown = torch.zeros(blocks.shape[:2], dtype=torch.bool).scatter(1, visible.cpu(), True)
    blocks = torch.where(shown[:, :, None, None], blocks.cpu(), torch.tensor(GREY))
    frames, height, width = clips.shape[1], clips.shape[-2], clips.shape[-1]
    return from_tubelets(blocks, frames, height, width, encoder.patch).reshape(images.shape)


def exchanged(batch: Mapping[str, Any], item: int) -> dict[str, Any]:
    """Return a batch with noise in place of what is seen and heard of one item."""
    return {name: noisy(value, item) if name in SIGNALS else value for name, value in batch.items()}


def noisy(values: Tensor, item: int) -> Tensor:
    """Return values with noise in place of one item's."""
    made, chance = values.clone(), torch.Generator().manual_seed(item)
    noise = torch.rand(values[item].shape, generator=chance)
    made[item] = (noise * 255).byte() if values.dtype == torch.uint8 else noise.to(values.dtype)
    return made


def differences(found: list[Given], others: list[Given]) -> list[Tensor] | None:
    """Return how far each row changed, by what was given; None where not the same things were given."""
    if [one.values.shape for one in found] != [other.values.shape for other in others]:
        return None
    pairs = zip(found, others, strict=True)
    return [(one.values - other.values).abs().flatten(1).mean(1) for one, other in pairs]


def each_once(found: list[Given]) -> list[Given]:
    """Return what was given without what was given before: to a teacher, or to an encoder within another."""
    kept: list[Given] = []
    for one in found:
        alike = (other for other in kept if other.values.shape == one.values.shape)
        if not any(torch.equal(one.values, other.values) for other in alike):
            kept.append(one)
    return kept
