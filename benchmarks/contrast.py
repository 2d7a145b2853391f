"""Measure how fast SimCLR learns here and with lightly: the same network, pictures, views and batch, in turns.

python benchmarks/contrast.py                           needs lightly: pip install lightly
python benchmarks/contrast.py steps=10 rounds=1         sooner
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count
from typing import Any

import torch
from PIL import Image
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader

from avssl.config import ConfigError, Count, main
from avssl.data import Dataset
from avssl.methods import SimCLR
from avssl.screen import screen
from avssl.training.feed import Feed
from avssl.training.loop import launch
from avssl.training.optim import OWN, SGD
from avssl.training.precision import halves_of
from avssl.training.progress import Pace
from avssl.training.step import update
from avssl.transforms import ColorJitter, Flip, RandomResizedCrop
from avssl.version import versions


def bench_contrast(
    *,
    method: SimCLR,
    data: Dataset,
    pictures: Count = 4096,
    batch_size: Count = 128,
    steps: Count = 30,
    warmup: Count = 5,
    rounds: Count = 3,
    workers: Count = 2,
) -> dict[str, float]:
    """Train for some steps with this project's loop, then with lightly's transform and loss in a plain loop.

    Both start from the pictures in memory. Lightly makes its views of PIL pictures, in its loading processes; here they
    are made of the batch, where the network is.

    Args:
        method: whose encoder, head, views and temperature both have.
        data: items of one picture each.
        pictures: how many of them.
        batch_size: items a batch.
        steps: to count, in each round.
        warmup: steps before them that do not count.
        rounds: how often to measure both; the best counts.
        workers: processes that load data, of each.

    Returns:
        ``ours`` and ``lightly``, items a second, and ``ratio``, the first over the second.

    Raises:
        ConfigError: without lightly, or for views that it has no like of.
    """
    transform, loss = theirs(method)
    chosen = range(min(pictures, len(data)))
    frames = torch.stack([data[0, index]["frames"][0, 0] for index in chosen])
    fabric = launch("cpu", 1, "auto", "32-true", halves_of("32-true", "auto", []))
    network = copy.deepcopy(nn.Sequential(method.encoder, method.head))
    optimizer = SGD(lr=1e-4)([{"params": list(network.parameters())}])
    module, own = fabric.setup(method, SGD(lr=1e-4)(method.parameter_groups()))

    def here(batch: dict) -> None:
        update(fabric, module, {OWN: own}, [batch], 0, None)

    def there(views: Sequence[Tensor]) -> None:
        value = loss(network(views[0]), network(views[1]))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        value.item()

    loader = DataLoader(
        Pairs(frames, transform), batch_size, shuffle=True, num_workers=workers, drop_last=True, persistent_workers=True
    )
    found = {"ours": 0.0, "lightly": 0.0}
    with closing(Feed(fabric, data, batch_size, 0, 0, workers, 4)) as feed:
        other = endless(loader)
        for _ in range(rounds):  # in turns, and the best of each: other work on the machine disturbs both alike
            for name, take, work in (("ours", lambda: feed.take(1)[0], here), ("lightly", lambda: next(other), there)):
                found[name] = max(found[name], pace_of(take, work, batch_size, steps, warmup))
    found["ratio"] = found["ours"] / found["lightly"]
    table = Table(title=f"SimCLR, batches of {batch_size}, {torch.get_num_threads()} threads", title_justify="left")
    for name in found:
        table.add_column(name + ("" if name == "ratio" else ", items/s"), justify="right")
    table.add_row(f"{found['ours']:.0f}", f"{found['lightly']:.0f}", f"{found['ratio']:.2f}")
    screen().print(table)
    screen().print(versions(), markup=False)
    return found


def pace_of(take: Callable[[], Any], work: Callable[[Any], None], items: int, steps: int, warmup: int) -> float:
    """Return items a second over ``steps`` steps after ``warmup``."""
    pace = Pace()
    pace.startup = 0.0
    for step in range(warmup + steps):
        if step == warmup:
            pace.restart()
        begun = time.perf_counter()
        batch = take()
        arrived = time.perf_counter()
        work(batch)
        pace.lap(arrived - begun, time.perf_counter() - arrived, items)
    return pace.rates()[0]


class Pairs(torch.utils.data.Dataset):
    """Pictures in memory as lightly takes them: from PIL to two views."""

    def __init__(self, frames: Tensor, transform: Callable[[Image.Image], list[Tensor]]):
        self.frames, self.transform = frames, transform

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> list[Tensor]:
        return self.transform(Image.fromarray(self.frames[index].permute(1, 2, 0).numpy()))


def endless(loader: DataLoader) -> Iterator[Sequence[Tensor]]:
    """Yield batches for ever."""
    for _ in count():
        yield from loader


def theirs(method: SimCLR) -> tuple[Any, Any]:
    """Return lightly's transform of the method's views, and its loss.

    Raises:
        ConfigError: without lightly, or for other views than crop, flip and jitter.
    """
    try:
        from lightly.loss import NTXentLoss  # pyright: ignore[reportMissingImports]
        from lightly.transforms import SimCLRTransform  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(f"this benchmark needs lightly: pip install lightly ({error})") from error
    recipe = method.views.recipes[0]
    if len(recipe) != 3 or len(method.views) != 2:
        raise ConfigError("the benchmark compares two views of RandomResizedCrop, Flip and ColorJitter")
    crop, flip, jitter = recipe
    if not (isinstance(crop, RandomResizedCrop) and isinstance(flip, Flip) and isinstance(jitter, ColorJitter)):
        raise ConfigError("the benchmark compares two views of RandomResizedCrop, Flip and ColorJitter")
    brightness, contrast, saturation, hue = (high - (place < 3) for place, (_, high) in enumerate(jitter.ranges))
    transform = SimCLRTransform(
        input_size=crop.size[0],
        min_scale=crop.scale[0],
        hf_prob=0.5,
        cj_prob=jitter.chance,
        cj_strength=1.0,
        cj_bright=brightness,
        cj_contrast=contrast,
        cj_sat=saturation,
        cj_hue=hue,
        random_gray_scale=0.0,
        gaussian_blur=0.0,
        normalize=None,
    )
    return transform, NTXentLoss(temperature=method.temperature)


if __name__ == "__main__":
    main("__main__.bench_contrast", __doc__, default="configs/bench_contrast.yaml")
