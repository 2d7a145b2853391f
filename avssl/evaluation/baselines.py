"""What an encoder is compared with: random initialisations of its own architecture, and plain pixels."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.features.layers import unit
from avssl.features.rows import centre, frames_per_pass
from avssl.features.runs import Fresh
from avssl.nets import Encoder
from avssl.nets.encoders import Takes
from avssl.report.scores import HOG, LOG_MEL, PIXELS, RANDOM, TRAINED
from avssl.training.weights import load_weights

LEAST = 16  # pixels a side, for HOG
AnyModule = TypeVar("AnyModule", bound=nn.Module)
Row = TypeVar("Row")


class Pixels(Encoder):
    """No network: the picture itself, averaged to at most ``side`` x ``side`` cells.

    Args:
        side: the finest grid that is kept.
    """

    def __init__(self, side: int = 32):
        trunk = nn.Sequential()
        trunk.add_module("pixels", Shrink(side))
        trunk.add_module("flat", nn.Flatten())
        super().__init__(trunk, 3 * side * side, {"pixels": "pixels"}, mean=(0.0,) * 3, std=(1.0,) * 3)


def compared_encoders(
    encoder: Encoder,
    pool: Tensor,
    fresh: Fresh | None = None,
    device: torch.device | str = "cpu",
    initialisations: int = 3,
    seed: int = 0,
    extra: Mapping[str, str] | None = None,
) -> dict[str, list[Encoder]]:
    """Return the networks that a table compares, row by row: random, trained, then the others.

    Args:
        encoder: the trained one.
        pool: pictures, uint8 ``(pictures, 3, H, W)``, or clips for an encoder of clips, that give the random rows their
            batch statistics.
        fresh: builds random initialisations; None re-initialises copies.
        device: where encoders run.
        initialisations: how many random ones.
        seed: of the first.
        extra: further rows, from a name to the folder of a run or a file of weights (of the same architecture).

    Raises:
        ConfigError: if the weights of a further row cannot be loaded.
    """
    make = fresh or (lambda number: reinitialised(encoder, number))
    rows = {
        RANDOM: [calibrated(make(seed + one), pool, device=device) for one in range(initialisations)],
        TRAINED: [encoder],
    }
    for name, path in (extra or {}).items():
        if name in (*rows, PIXELS, HOG, LOG_MEL):
            raise ConfigError(f"evaluator.extra.{name}: there is a row of that name already; choose another")
        rows[name] = [load_weights(path, encoder)]
    return rows


def add_rows(rows: Mapping[str, Row], more: Mapping[str, Row], where: str) -> dict[str, Row]:
    """Return the rows of a table, with more behind them.

    Args:
        rows: by name.
        more: likewise.
        where: the setting that names them, for the error.

    Raises:
        ConfigError: if one has the name of another, in whose place it would stand.

    Examples:
        >>> add_rows({"copy": 0}, {"trained": 1}, "evaluator.extra")
        {'copy': 0, 'trained': 1}
    """
    if double := next((name for name in more if name in rows), None):
        raise ConfigError(f"{where}.{double}: there is a row of that name already; choose another")
    return {**rows, **more}


def baselines(pool: Tensor) -> dict[str, list[Encoder]]:
    """Return what needs no network: the picture itself, and HOG where pictures are large enough for it.

    Args:
        pool: pictures as encoders will see them, ``(pictures, 3, H, W)``, or clips, whose frames these look at one by
            one.
    """
    from avssl.features.hog import Hog

    rows: dict[str, list[Encoder]] = {PIXELS: [Pixels()]}
    size = (pool.shape[-2], pool.shape[-1])
    if min(size) >= LEAST:
        rows[HOG] = [Hog(size)]
    return rows


def pool_of(
    data: Dataset,
    count: int = 512,
    crop: int | tuple[int, int] | Literal["common"] | None = None,
    takes: Takes = "pictures",
) -> Tensor:
    """Return pictures or clips of items spread evenly over a data set.

    Args:
        data: items with ``frames``.
        count: pictures at most, or frames of all clips together (one clip at least).
        crop: the middle of each picture that is taken, (height, width) or a side in pixels; ``"common"`` for the
            largest size that all of them have.
        takes: whether an encoder takes pictures or clips.

    Returns:
        uint8 ``(pictures, 3, H, W)`` or ``(clips, frames, 3, H, W)``.

    Raises:
        ConfigError: if none can be read, or they differ in size.
    """
    items = spread_items(data, count)
    each = -(-count // max(1, min(count, len(data))))
    found = []
    for item in items:
        valid = item["valid"]
        frames = item["frames"][valid.any(1) if takes == "clips" else valid]
        found.append(frames[torch.linspace(0, len(frames) - 1, min(each, len(frames))).round().long()])
    found = [frames for frames in found if len(frames)]
    if found and crop == "common":
        crop = (min(frames.shape[-2] for frames in found), min(frames.shape[-1] for frames in found))
    if crop is not None and crop != "common":
        found = [centre(frames, crop)[0] for frames in found]
    sizes = {tuple(frames.shape[-2:]) for frames in found}
    if len(sizes) == 1 and len(lengths := {frames.shape[1] for frames in found if frames.ndim == 5}) > 1:
        raise ConfigError(f"the clips of the data differ in length ({sorted(lengths)[:3]} frames); sample equal ones")
    if len(sizes) != 1:
        wrong = f"differ in size ({sorted(sizes)[:3]}); set size: [height, width]" if sizes else "cannot be read"
        raise ConfigError(f"the pictures of the data {wrong}")
    pool = torch.cat(found)
    if takes == "pictures":
        return pool[:count]
    most = min(len(pool), frames_per_pass(count, pool))
    return pool[torch.linspace(0, len(pool) - 1, most).round().long()]


def sounds_of(data: Dataset, count: int = 256, windows: Literal["all", "middle"] = "all") -> Tensor:
    """Return windows of sound of items spread evenly over a data set, ``(windows, channels, samples)``.

    Args:
        data: items with ``sound``.
        count: items at most, and about as many windows.
        windows: of each item all that hold sound, or the one in the middle.

    Raises:
        ConfigError: if an item has no sound, or none can be read.
    """
    found = []
    for item in spread_items(data, count):
        if "sound" not in item:
            raise ConfigError(f"{item['path']} has no sound; such data cannot be looked at by stream: sound")
        sound = item["sound"]
        middle = slice(len(sound) // 2, len(sound) // 2 + 1)
        found.append(sound[middle] if windows == "middle" else sound[item["sound_valid"].flatten(1).any(1)])
    total = sum(map(len, found))
    if not total:
        raise ConfigError("no window of sound of the data can be read")
    return torch.cat(found)[:: max(1, total // count)]


def spread_items(data: Dataset, count: int) -> list[dict[str, Any]]:
    """Return the items that can be read among at most ``count`` that are spread evenly over a data set."""
    places = np.unique(np.linspace(0, len(data) - 1, min(count, len(data))).round().astype(int)).tolist()
    return [item for item in (data[0, index] for index in places) if "failure" not in item]


class Shrink(nn.Module):
    """Averages pictures to at most ``side`` cells a side; smaller pictures stay as they are."""

    def __init__(self, side: int):
        super().__init__()
        self.side = side

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        return nn.functional.adaptive_avg_pool2d(images, (min(height, self.side), min(width, self.side)))


def reinitialised(encoder: Encoder, seed: int) -> Encoder:
    """Return a copy with initial weights, by each module's own ``reset_parameters``.

    An architecture that sets its initial weights in another way should be built anew instead.

    Raises:
        ValueError: if a module with weights cannot reset them.
    """
    copy = deepcopy(encoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in copy.named_modules():
            if not list(module.parameters(recurse=False)) and not isinstance(module, _BatchNorm):
                continue
            reset = getattr(module, "reset_parameters", None)
            if reset is None:
                raise ValueError(
                    f"{type(encoder).__name__}: {name or 'the encoder'} ({type(module).__name__}) has weights but no "
                    "reset_parameters; pass fresh= to build random initialisations"
                )
            reset()
    return copy


@torch.no_grad()
def calibrated(
    module: AnyModule,
    *pool: Tensor,
    run: Callable[..., object] | None = None,
    device: torch.device | str = "cpu",
    batch: int | None = 256,
) -> AnyModule:
    """Set the statistics of batch normalisation to those of data, and return the module in evaluation mode.

    Without this a random network is scored with statistics that fit no data, and looks worse than it is. Normalisation
    alone is in training mode, so nothing is dropped and nothing else is drawn.

    Args:
        module: changed in place.
        pool: tensors whose rows belong together, such as pictures, uint8 ``(pictures, 3, H, W)``, or clips.
        run: takes so many rows of each tensor through the module; None calls it on pictures or clips in [0, 1].
        device: where the module runs.
        batch: frames a pass; None for all in one. The mean over passes counts.
    """
    module = module.to(device).eval()
    norms = [one for one in module.modules() if isinstance(one, _BatchNorm) and one.track_running_stats]
    if not norms:
        return module
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the passes
        norm.train()
    run = run or (lambda images: module(unit(images)))
    # no small last pass: it would weigh as much
    passes = 1 if batch is None else max(1, len(pool[0]) // frames_per_pass(batch, pool[0]))
    for parts in zip(*(one.chunk(passes) for one in pool), strict=True):
        run(*(part.to(device) for part in parts))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return module.eval()
