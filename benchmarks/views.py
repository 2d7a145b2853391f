"""Measure what the views of methods of contrast cost, beside torchvision's transforms and beside the trunk.

python benchmarks/views.py                              256 pictures of 128 px, ResNet-18
python benchmarks/views.py pictures=64 rounds=1         sooner
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from rich.table import Table
from torch import Tensor, nn
from torchvision.transforms import v2

from avssl.config import Count, main
from avssl.nets import Encoder
from avssl.screen import screen
from avssl.transforms import (
    ColorJitter,
    Flip,
    GaussianBlur,
    Grey,
    MultiView,
    RandAugment,
    RandomResizedCrop,
    Solarize,
    Transform,
    recipes,
)
from avssl.version import versions

sys.path.insert(0, str(Path(__file__).parents[1]))  # what times transforms lies beside

from benchmarks.transforms import noise, timed

Case = Literal[
    "crop", "jitter", "blur", "rand_augment", "moco_v1", "moco_v2", "simclr", "byol", "swav", "infomin", "rho"
]
STEPS: dict[str, Callable[[int], Transform]] = {  # single steps, each of every picture
    "crop": lambda size: RandomResizedCrop(size),
    "jitter": lambda size: ColorJitter(0.8, 0.8, 0.8, 0.2),
    "blur": lambda size: GaussianBlur(1.0),
    "rand_augment": lambda size: RandAugment(),
}


def bench_views(
    *,
    encoder: Encoder,
    cases: list[Case],
    pictures: Count = 256,
    size: Count = 128,
    trunk: Count = 16,
    rounds: Count = 3,
) -> list[dict[str, float]]:
    """Time all views of a batch of pictures: ours on the batch, and torchvision's, one picture after another.

    Both start from bytes and end with floats in [0, 1]. *Trunk* is forward and backward of the encoder on all views,
    taken on some rows and scaled. Times are of the CPU, over all threads, the least of all rounds, which take turns.

    Args:
        encoder: the trunk.
        cases: recipes of `avssl.transforms.recipes`, or single steps.
        pictures: of a batch; noise, of which nothing here depends.
        size: side of the pictures and of large views, in pixels; small ones have half of it.
        trunk: rows that the trunk is timed on.
        rounds: how often to measure each; once more before, which does not count.

    Returns:
        For each case ``views`` a picture; ``ours``, ``theirs`` and ``trunk``, seconds a batch; ``ratio`` of ours to
        theirs; ``share`` of ours in the trunk's time.
    """
    table = Table(title=f"{pictures} pictures of {size} px, CPU milliseconds a batch", title_justify="left")
    for name in ("views", "a picture", "ours", "torchvision", "ratio", "trunk", "of trunk"):
        table.add_column(name, justify="left" if name == "views" else "right")
    batch, rows = noise(pictures, size), []
    frames, key = batch["frames"].flatten(0, 2), batch["key"]
    for case in cases:
        row = compared(views_of(case, size), frames, key, encoder, trunk, rounds)
        rows.append(row)
        times = [f"{1000 * row[name]:.0f}" for name in ("ours", "theirs", "trunk")]
        table.add_row(
            case, f"{row['views']:g}", *times[:2], f"{row['ratio']:.2f}", times[2], f"{100 * row['share']:.1f} %"
        )
    console = screen()
    console.print(table)
    console.print(versions(), markup=False)
    return rows


def views_of(case: str, size: int) -> MultiView:
    """Return the views that a case names."""
    if case in STEPS:
        return MultiView([[STEPS[case](size)]])
    small = {"small": size // 2} if case == "swav" else {}
    return MultiView(getattr(recipes, case)(size=size, **small))


def compared(
    views: MultiView, frames: Tensor, key: Tensor, encoder: Encoder, trunk: int, rounds: int
) -> dict[str, float]:
    """Return a row of the table, of pictures ``(N, 3, H, W)``."""
    theirs = [v2.Compose([*map(equivalent, recipe), v2.ToDtype(torch.float32, scale=True)]) for recipe in views.recipes]
    shown = [view.frames[:trunk, 0].clone() for view in views(frames, key)]
    times: list[list[float]] = [[], [], []]
    for turn in range(rounds + 1):
        found = (
            timed(lambda: views(frames, key)),
            timed(lambda: [torch.stack([make(picture) for picture in frames]) for make in theirs]),
            timed(lambda: [encoder(view).sum().backward() for view in shown]),
        )
        for kept, seconds in zip(times, found, strict=True):
            kept += [seconds] if turn else []
    encoder.zero_grad()
    ours, other, own = map(min, times)
    own *= len(frames) / len(shown[0])
    return {
        "views": len(views),
        "ours": ours,
        "theirs": other,
        "trunk": own,
        "ratio": ours / other,
        "share": ours / own,
    }


def equivalent(step: Transform) -> nn.Module:
    """Return torchvision's transform of one picture that does what ours does to each."""
    match step:
        case RandomResizedCrop():
            return v2.RandomResizedCrop(step.size, scale=step.scale, ratio=step.ratio)
        case Flip():
            return v2.RandomHorizontalFlip(step.chance)
        case ColorJitter():
            brightness, contrast, saturation, hue = step.ranges
            return v2.RandomApply([v2.ColorJitter(brightness, contrast, saturation, hue)], step.chance)
        case Grey():
            return v2.RandomGrayscale(step.chance)
        case GaussianBlur():
            return _Blur(step)
        case Solarize():
            return v2.RandomSolarize(step.threshold * 255, step.chance)
        case RandAugment():
            return v2.RandAugment(step.num_ops, step.magnitude, step.bins)  # each done: it knows no chance
    raise ValueError(f"{type(step).__name__} has no counterpart in torchvision to be timed beside")


class _Blur(nn.Module):
    """torchvision's blur, with the kernel that ours takes at a picture's size."""

    def __init__(self, step: GaussianBlur):
        super().__init__()
        self.step = step

    def forward(self, picture: Tensor) -> Tensor:
        kernel = self.step.kernel_at(picture.shape[-2])
        return v2.RandomApply([v2.GaussianBlur(kernel, self.step.sigma)], self.step.chance)(picture)


if __name__ == "__main__":
    main("__main__.bench_views", __doc__, default="configs/bench_views.yaml")
