"""Maps drawn over frames: with the true sound, and with the sound of the thing that is silent."""

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from avssl.evaluation.attention.maps import upsample
from avssl.evaluation.sound.boxes import Sources
from avssl.evaluation.sound.clips import Heard, over
from avssl.methods import Method
from avssl.methods.sound.base import Localizer
from avssl.report.figures import picture_table

TRUE_COLOR, OTHER_COLOR = (60, 220, 60), (230, 60, 60)  # of the box of what sounds, and of what does not


def sheet_of(
    method: Method, heard: Heard, sources: Sources, count: int, device: str, partner: Tensor | None = None
) -> Image.Image:
    """Draw frames with boxes (green: what is heard, red: what is not), and maps over them.

    Args:
        method: has maps.
        heard: clips; rows are drawn spread evenly.
        sources: their boxes.
        count: columns.
        device: where the method runs.
        partner: rows whose sound is played instead in a further line, -1 for none; None leaves the line out.
    """
    assert isinstance(method, Localizer)
    fitting = torch.arange(len(heard)) if partner is None else torch.nonzero(partner >= 0).flatten()
    rows = fitting[torch.linspace(0, len(fitting) - 1, min(count, len(fitting))).round().long()]
    chosen = heard.rows(rows)
    frames = chosen.frames[:, 0].numpy()
    boxes = [(sources.box[row], sources.other[row]) for row in rows.tolist()]
    lines = {"frame": frames}
    lines["heard"] = overlaid(method, chosen, chosen.sound, [box for box, _ in boxes], device)
    lines["frame"] = np.stack([framed(framed(one, box, TRUE_COLOR), other, OTHER_COLOR)
                               for one, (box, other) in zip(frames, boxes, strict=True)])  # fmt: skip
    if partner is not None:
        lines["swapped"] = overlaid(method, chosen, heard.sound[partner[rows]], [other for _, other in boxes], device)
    return picture_table(lines, "Where the sound comes from; boxes: green sounds, red does not")


def overlaid(method: Localizer, heard: Heard, sound: Tensor, boxes: list[np.ndarray], device: str) -> np.ndarray:
    """Return frames under their maps, with the box of what is heard, uint8 ``(N, 3, H, W)``."""
    maps = over(method.locate, heard.frames, sound, device=device)
    size = (heard.frames.shape[-2], heard.frames.shape[-1])
    drawn = blend(heard.frames[:, 0].numpy(), upsample(maps, size).numpy())
    return np.stack([framed(one, box, TRUE_COLOR) for one, box in zip(drawn, boxes, strict=True)])


def blend(frames: np.ndarray, maps: np.ndarray, strength: float = 0.6) -> np.ndarray:
    """Return frames under coloured maps, more covered where the map is greater.

    Args:
        frames: uint8 ``(N, 3, H, W)``.
        maps: 0 to 1, ``(N, H, W)``.
        strength: share of the colour where a map is 1.
    """
    colors = colormaps["inferno"](maps)[..., :3].transpose(0, 3, 1, 2) * 255
    weight = strength * (0.25 + 0.75 * maps[:, None])
    return np.round(frames * (1 - weight) + colors * weight).astype(np.uint8)


def framed(image: np.ndarray, box: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Return a picture ``(3, H, W)`` with the outline of a box; without one if the box is NaN."""
    if np.isnan(box[0]):
        return image
    drawn = image.copy()
    height, width = image.shape[1:]
    first = np.clip(np.floor(box[:2]), 0, (width - 1, height - 1)).astype(int)
    last = np.clip(np.ceil(box[2:]) - 1, 0, (width - 1, height - 1)).astype(int)
    (left, top), (right, bottom) = first.tolist(), last.tolist()
    for channel, value in enumerate(color):
        drawn[channel, [top, bottom], left : right + 1] = value
        drawn[channel, top : bottom + 1, [left, right]] = value
    return drawn
