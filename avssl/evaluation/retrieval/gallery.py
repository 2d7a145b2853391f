"""A picture of retrieval: queries, and what each way of comparing takes for nearest, framed by right and wrong."""

import numpy as np
import torch
from matplotlib import colormaps
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F

from avssl.data import Dataset
from avssl.evaluation.retrieval.results import Retrieved
from avssl.evaluation.retrieval.subjects import LOG_MEL
from avssl.evaluation.retrieval.tables import called
from avssl.features.extraction import Rows
from avssl.features.rows import Recipe, centre
from avssl.nets import Spectrogram, SpectrogramSpec
from avssl.report.figures import Strip, contact_sheet
from avssl.report.scores import HOG, PIXELS, TRAINED

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
    item = data[0, int(rows.item[row])]
    clip = max(0, int(rows.clip[row]))
    if recipe.stream == "sound":
        heard = item["sound_valid"].flatten(1).any(1).nonzero().flatten()
        return sound_picture(item["sound"][int(heard[0]) if rows.clip[row] < 0 else clip])
    valid = item["valid"][clip]
    times = item["times"][clip][valid].numpy()
    frame = item["frames"][clip][valid][int(np.abs(times - rows.start[row]).argmin())]
    frame = frame if recipe.crop is None else centre(frame, recipe.crop)[0]
    if rows.box is not None:
        left, top, right, bottom = rows.box[row]
        frame = frame[:, top:bottom, left:right]
    return squared(frame[None].float()).byte().numpy()


def squared(picture: Tensor) -> Tensor:
    """Return a picture ``(1, 3, H, W)`` whole in a square, ``(3, SIDE, SIDE)``, on white."""
    height, width = picture.shape[-2:]
    scale = SIDE / max(height, width)
    size = [max(1, round(side * scale)) for side in (height, width)]
    small = F.interpolate(picture, size, mode="nearest" if scale > 1 else "area")[0]
    above, before = ((SIDE - side) // 2 for side in size)
    square = torch.full((3, SIDE, SIDE), 255.0)
    square[:, above : above + size[0], before : before + size[1]] = small
    return square


def sound_picture(sound: Tensor) -> np.ndarray:
    """Return a window of sound ``(channels, samples)`` as a logarithmic mel spectrogram, low notes below."""
    logs = Spectrogram(SpectrogramSpec())(sound[None])[0, 0].flip(0)
    scaled = (logs - logs.min()) / (logs.max() - logs.min()).clamp(min=1e-6)
    colored = colormaps["magma"](scaled.numpy())[..., :3] * 255
    large = F.interpolate(torch.from_numpy(colored).permute(2, 0, 1)[None], (SIDE, SIDE), mode="nearest")
    return large[0].byte().numpy()
