"""A picture of retrieval: queries, and what each way of comparing takes for nearest, framed by right and wrong."""

from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F

from avssl.data import Dataset
from avssl.evaluation.retrieval.results import Retrieved
from avssl.evaluation.retrieval.tables import called
from avssl.features.extraction import Rows
from avssl.features.rows import Recipe, centre
from avssl.nets import Spectrogram, SpectrogramSpec
from avssl.report.figures import Strip, contact_sheet
from avssl.report.scores import HOG, LOG_MEL, PIXELS, TRAINED
from avssl.report.strips import spectrogram_colors

SIDE = 96  # pixels of a picture in the sheet
ACROSS = 5  # answers drawn
LEFT_OUT = (PIXELS, HOG, LOG_MEL)  # rows of the table that are not drawn


def gallery_picture(retrieved: Retrieved, data: tuple[Dataset, Dataset], recipe: Recipe, num_shown: int) -> Image:
    """Draw some queries and their nearest: random weights first, then further weights, the trained ones last.

    Args:
        retrieved: what was found.
        data: what queries and gallery were made from.
        recipe: how.
        num_shown: queries to draw, of different classes where there are any.
    """
    known = bool(retrieved.question.total.any())
    names = [row for row in retrieved.found if row not in (TRAINED, *LEFT_OUT)] + [TRAINED]
    right = {row: retrieved.right(row) for row in names}
    queries = spread_queries(retrieved, num_shown)
    strips = []
    for query in queries:
        lines = []
        for row in names:
            found = retrieved.found[row]
            places = found.answers.index[query, :ACROSS]
            pictures = np.stack([picture_of(data[1], retrieved.theirs, place, recipe) for place in places])
            captions = [caption(retrieved.theirs, place, found.far, query, rank) for rank, place in enumerate(places)]
            lines.append(Strip(row, pictures, captions, right[row][query, :ACROSS].tolist() if known else None))
        strips.append(lines)
    pictures = np.stack([picture_of(data[0], retrieved.ours, query, recipe) for query in queries])
    title = f"Nearest {retrieved.unit}s" + (": framed green where right, red where wrong" * known)
    title += "; numbers are distances of poses, in torsos" * bool(retrieved.best)
    classes = [shortened(called(retrieved.ours, query)) for query in queries]
    return contact_sheet(pictures, strips, title, captions=[f"query: {name}" if name else "query" for name in classes])


def spread_queries(retrieved: Retrieved, num_shown: int) -> np.ndarray:
    """Return some queries that count, spread over classes and items."""
    total = retrieved.question.total
    could = np.flatnonzero(total > 0) if total.any() else np.arange(len(total))
    order = could[np.argsort(retrieved.ours.label[could], kind="stable")]
    return order[np.unique(np.linspace(0, len(order) - 1, num_shown).round().astype(int))]


def caption(rows: Rows, place: int, far: np.ndarray | None, query: int, rank: int) -> str:
    words = [shortened(called(rows, place))]
    if far is not None and np.isfinite(far[query, rank]):
        words.append(f"{far[query, rank]:.2f}")
    return " · ".join(filter(None, words))


def shortened(text: str, most: int = 14) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def picture_of(data: Dataset, rows: Rows, row: int, recipe: Recipe) -> np.ndarray:
    """Return a picture of what a row of features was made from, uint8 ``(3, SIDE, SIDE)``.

    It is the first frame (of a patch: its square), or a spectrogram of the first window of sound.
    """
    return pictures_of(data[0, int(rows.item[row])], rows, row, recipe)[0]


def pictures_of(
    item: dict[str, Any], rows: Rows, row: int, recipe: Recipe, count: int = 1, side: int = SIDE
) -> np.ndarray:
    """Return pictures of what a row of features was made from, uint8 ``(frames, 3, side, side)``.

    Args:
        item: that the row is of.
        rows: what each row is; one of a whole item is shown by its first clip.
        row: which one.
        recipe: how rows were made; of sound there is one picture, a spectrogram of the first window.
        count: frames at most, spread evenly from the first to the last of the row.
        side: of the pictures, in pixels.
    """
    clip = max(0, int(rows.clip[row]))
    if recipe.stream == "sound":
        heard = item["sound_valid"].flatten(1).any(1).nonzero().flatten()
        return sound_picture(item["sound"][int(heard[0]) if rows.clip[row] < 0 else clip], side)[None]
    valid = item["valid"][clip]
    times = item["times"][clip][valid].numpy()
    first, last = (int(np.abs(times - moment).argmin()) for moment in (rows.start[row], rows.end[row]))
    places = np.unique(np.linspace(first, last, count).round().astype(int))
    frames = item["frames"][clip][valid][torch.from_numpy(places)]
    frames = frames if recipe.crop is None else centre(frames, recipe.crop)[0]
    if rows.box is not None:
        left, top, right, bottom = rows.box[row]
        frames = frames[..., top:bottom, left:right]
    return squared(frames.float(), side).byte().numpy()


def squared(pictures: Tensor, most: int = SIDE) -> Tensor:
    """Return pictures ``(N, 3, H, W)`` whole in squares on white, ``(N, 3, most, most)``."""
    height, width = pictures.shape[-2:]
    scale = most / max(height, width)
    size = [max(1, round(side * scale)) for side in (height, width)]
    small = F.interpolate(pictures, size, mode="nearest" if scale > 1 else "area")
    above, before = ((most - side) // 2 for side in size)
    squares = torch.full((len(pictures), 3, most, most), 255.0)
    squares[..., above : above + size[0], before : before + size[1]] = small
    return squares


def sound_picture(sound: Tensor, side: int = SIDE) -> np.ndarray:
    """Return a window of sound ``(channels, samples)`` as a logarithmic mel spectrogram, low notes below."""
    colored = spectrogram_colors(Spectrogram(SpectrogramSpec())(sound[None])[0, 0].numpy())
    return F.interpolate(torch.from_numpy(colored).permute(2, 0, 1)[None], (side, side), mode="nearest")[0].numpy()
