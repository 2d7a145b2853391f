"""How labels are propagated: the switches in which authors' evaluators differ, and presets that name them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from avssl.config import ConfigError
from avssl.config.errors import suggest
from avssl.nets.cells import ReadIn

First = Literal["once", "twice", "padded"]


@dataclass(frozen=True, kw_only=True)
class Propagation:
    """What each cell of a frame takes its label from, and how labels come in and go out.

    Args:
        name: what the settings are called; scores carry it.
        context: recent frames that a frame looks at.
        gap: frames from one of these to the next.
        kept: frames that all later ones look at as well, the first one first.
        first: how often frame 0 stands in the context while it is one of the recent frames, too: ``"once"``;
            ``"twice"``; ``"padded"``: what lies before the start is frame 0 as well, so that the best k of an early
            frame may be k times one cell.
        k: cells that a cell takes its label from; None for all within reach.
        among: the best k of ``"all frames"`` together, or of ``"each frame"``, whose labels are then averaged.
        ties: cells as similar as the kth count, too.
        similarity: ``"cosine"``; ``"dot"``; ``"scaled dot"``, divided by the root of the number of channels.
        temperature: that similarities are divided by before their softmax.
        over: the softmax is over the ``"kept"`` cells, or over ``"all"`` within reach, so that labels lose weight.
        radius: how far a cell may have come; None for any distance.
        unit: of the radius: ``"pixels"`` of the picture that the encoder sees, or ``"cells"``.
        shape: ``"circle"`` (Euclidean distance below the radius) or ``"square"`` (at most, on each axis).
        exempt: the radius does not hold for the first of the kept frames.
        read_in: a cell's label: the ``"area"`` average of the mask over its cell, the mask as shares read
            ``"bilinear"``, the ``"nearest"`` pixel to where it looks, or the ``"corner"``, pixel stride x i.
        minmax: stretch each label to [0, 1] before the largest is chosen, in ``"cells"`` or in ``"pixels"``; what is
            stretched is never passed on. A label that vanished stays 0.
        coarse: choose the largest at the size of the encoder's picture, then take the nearest pixel's.
        feedback: later frames see the ``"soft"`` labels, or the largest alone (``"hard"``).
        sigma: of the Gaussian that a point is read in as, in cells.
        peak: cells whose mean, by their weight, a point is read out as.
        short: shorter side of the picture that the encoder sees, in pixels; None as it comes.
        square: the picture is warped to a square of that side.
        multiple: the longer side is cut to a multiple of this.
    """

    name: str = "ours"
    context: int = 20
    gap: int = 1
    kept: tuple[int, ...] = (0,)
    first: First = "once"
    k: int | None = 10
    among: Literal["all frames", "each frame"] = "all frames"
    ties: bool = False
    similarity: Literal["cosine", "dot", "scaled dot"] = "cosine"
    temperature: float = 0.07
    over: Literal["kept", "all"] = "kept"
    radius: float | None = 96
    unit: Literal["pixels", "cells"] = "pixels"
    shape: Literal["circle", "square"] = "circle"
    exempt: bool = True
    read_in: ReadIn = "area"
    minmax: Literal["never", "cells", "pixels"] = "never"
    coarse: bool = False
    feedback: Literal["soft", "hard"] = "soft"
    sigma: float = 0.5
    peak: int = 5
    short: int | None = None
    square: bool = False
    multiple: int = 1

    def __post_init__(self):
        if self.context < 0 or self.gap < 1 or not (self.context or self.kept) or min(self.kept, default=0) < 0:
            raise ConfigError(
                f"a frame must look at some before it; got context {self.context}, gap {self.gap} and kept {self.kept}"
            )
        if self.temperature <= 0 or (self.k is not None and self.k < 1) or self.peak < 1 or self.sigma <= 0:
            raise ConfigError(
                f"temperature and sigma are above 0, k and peak at least 1; got {self.temperature}, {self.sigma}, "
                f"{self.k} and {self.peak}"
            )
        if self.radius is not None and self.radius < (0 if self.shape == "square" else 1e-9):
            raise ConfigError(f"radius: a circle holds its own cell if it is above 0; got {self.radius}")

    def frames(self, time: int) -> list[int]:
        """Return the frames that frame ``time`` looks at, the kept ones first.

        Examples:
            >>> Propagation(context=3).frames(2), Propagation(context=3).frames(9)
            ([0, 1], [0, 6, 7, 8])
            >>> Propagation(context=3, first="padded").frames(2), PRESETS["mast"].frames(20)
            ([0, 0, 0, 1], [0, 5, 15, 17, 19])
        """
        kept = [frame for frame in self.kept if frame < time]
        recent = [time - 1 - self.gap * back for back in reversed(range(self.context))]
        if self.first == "padded":
            return kept + [max(0, frame) for frame in recent]
        recent = [frame for frame in recent if frame >= 0]
        return kept + (recent if self.first == "twice" else [frame for frame in recent if frame not in kept])

    def needs(self, frame: int, time: int) -> bool:
        """Return whether frames from ``time`` on may look at ``frame``."""
        return frame in self.kept or time - frame <= 1 + self.gap * (self.context - 1)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size that the encoder sees a picture at.

        Examples:
            >>> PRESETS["dino"].input_size(480, 854), PRESETS["timecycle"].input_size(480, 854)
            ((480, 832), (320, 320))
        """
        if self.short is None:
            return height, width
        if self.square:
            return self.short, self.short
        scale = self.short / min(height, width)
        sides = [round(height * scale), round(width * scale)]
        longer = int(width > height)
        sides[longer] = max(self.multiple, sides[longer] // self.multiple * self.multiple)
        return sides[0], sides[1]


OWN = Propagation()
PRESETS: Mapping[str, Propagation] = {
    one.name: one
    for one in (
        OWN,
        Propagation(
            name="crw", first="padded", temperature=0.05, radius=12, unit="cells", read_in="bilinear", peak=3
        ),
        Propagation(
            name="vfs", first="twice", radius=12, unit="cells", exempt=False, read_in="nearest", minmax="pixels",
            short=480,
        ),
        Propagation(
            name="dino", context=7, k=5, ties=True, temperature=0.1, radius=12, unit="cells", shape="square",
            exempt=False, read_in="nearest", minmax="pixels", coarse=True, short=480, multiple=64,
        ),
        Propagation(
            name="uvc", context=7, k=5, among="each frame", similarity="dot", temperature=1.0, over="all", radius=None,
            read_in="nearest", minmax="pixels", coarse=True, short=480, multiple=64,
        ),
        Propagation(
            name="timecycle", context=7, k=5, among="each frame", temperature=512**-0.5, over="all", radius=None,
            read_in="bilinear", minmax="cells", short=320, square=True,
        ),
        Propagation(
            name="mast", context=3, gap=2, kept=(0, 5), k=None, similarity="scaled dot", temperature=1.0, radius=12,
            unit="cells", shape="square", exempt=False, read_in="corner", feedback="hard",
        ),
    )
}  # fmt: skip


def preset_of(name: str, **given: Any) -> Propagation:
    """Return the settings called ``name``, with what is given in place of its own.

    Args:
        name: of the preset.
        given: further settings by name; None leaves the preset's. A ``radius`` is in pixels.

    Raises:
        ConfigError: if there are none.
    """
    if name not in PRESETS:
        raise ConfigError(f"preset: there is no {name!r}{suggest(name, PRESETS)}; there is {', '.join(PRESETS)}")
    changed: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    return replace(PRESETS[name], **changed, **({"unit": "pixels"} if "radius" in changed else {}))
