"""Maps laid over their pictures, or over the frames of their clips."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from avssl.evaluation.attention.samples import Samples
from avssl.report.figures import picture_table
from avssl.text import printable

COLUMNS = 8  # pictures of a sheet, or frames of a clip, side by side


def draw(
    maps: Mapping[str, Tensor], samples: Samples, name: str, title: str, count: int | None
) -> dict[str, Image.Image]:
    """Draw pictures, and under them what each row has for a map: sheets of several, or one of each clip.

    Args:
        maps: from the name of a row to its maps, each from 0 to 1, ``(pictures, H, W)``.
        samples: the pictures.
        name: of the sheet; numbers follow where there are several.
        title: over the sheets.
        count: pictures or clips to draw, spread evenly; None for all.
    """
    upright = samples.places()[:: samples.copies]
    if samples.clips is None:
        parts = pictures_to_draw(len(upright), count)
    else:
        parts = frames_to_draw(np.array([place["clip"] for place in upright]), count)
    drawn = {}
    for number, part in enumerate(parts):
        lines = {}
        for turn in range(samples.copies):
            rows = part * samples.copies + turn
            images = samples.images.numpy()[rows]
            after = f", {90 * turn}°" if samples.copies > 1 else ""
            lines[f"picture{after}"] = images
            lines |= {f"{row}{after}": overlay(images, found.numpy()[rows]) for row, found in maps.items()}
        sheet = f"{name}_{number:03d}" if len(parts) > 1 else name
        drawn[sheet] = picture_table(lines, title + clip_title(samples, part * samples.copies))
    return drawn


def pictures_to_draw(pictures: int, count: int | None) -> list[np.ndarray]:
    """Return which pictures each sheet shows: some on one, or all on as many as it takes."""
    chosen = spread(np.arange(pictures), pictures if count is None else count)
    return [chosen] if count is not None else np.array_split(chosen, -(-len(chosen) // COLUMNS))


def frames_to_draw(clip: np.ndarray, count: int | None) -> list[np.ndarray]:
    """Return which frames each sheet shows, a clip each; `COLUMNS` of a longer one.

    Args:
        clip: which clip each frame is of.
        count: clips to draw; None for all.
    """
    clips = np.unique(clip)
    return [
        spread(np.flatnonzero(clip == one), COLUMNS) for one in spread(clips, len(clips) if count is None else count)
    ]


def spread(values: np.ndarray, count: int) -> np.ndarray:
    """Return at most ``count`` values, evenly spread, the first and the last among them."""
    return values[np.unique(np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int))]


def clip_title(samples: Samples, rows: np.ndarray) -> str:
    """Return the line that says which clip it is; nothing for pictures."""
    if samples.clips is None:
        return ""
    first, last = (samples.times[row] for row in rows[[0, -1]])
    return f"\n{printable(Path(samples.paths[rows[0]]).name)}, {first:.2f} to {last:.2f} s"


def overlay(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Return uint8 pictures ``(N, 3, H, W)`` with their maps ``(N, H, W)`` laid over them."""
    heat = colormaps["inferno"](maps)[..., :3].transpose(0, 3, 1, 2)
    grey = images.mean(1, keepdims=True) / 255
    return (255 * (0.35 * grey + 0.65 * heat)).round().astype(np.uint8)
