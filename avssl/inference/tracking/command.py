"""Follow what a person marked in one frame through a whole recording: film, masks, table and a page to step through."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from avssl.cache import whole
from avssl.config import ConfigError, Count, Positive, Trust
from avssl.data.masks import read_mask
from avssl.evaluation.propagation.adaptation import Adapt
from avssl.evaluation.propagation.results import write_masks
from avssl.features.device import find_device
from avssl.features.propagation.settings import OWN
from avssl.inference.film import check_out, write_film
from avssl.inference.tracking.carrying import PIECE, carry_marks
from avssl.inference.tracking.compared import maps_of, told
from avssl.inference.tracking.drawing import marked
from avssl.inference.tracking.marks import Marks, read_marks, save_frame
from avssl.inference.tracking.page import Shown, write_page
from avssl.media import Reader, open_video
from avssl.progress import track as progress

COLUMNS = ("frame", "time", "name", "x", "y", "confidence", "pixels")


@dataclass(frozen=True, eq=False, kw_only=True)
class Paths:
    """What was found of each object and point in all frames.

    Args:
        names: of objects and points.
        places: (x, y) in pixels, NaN where lost, float32 ``(frames, names, 2)``.
        confidence: float32 ``(frames, names)``.
        pixels: of objects, int64 ``(frames, objects)``.
    """

    names: Sequence[str]
    places: np.ndarray
    confidence: np.ndarray
    pixels: np.ndarray


def track(
    *,
    video: Path,
    out: Path,
    mask: Path | None = None,
    points: str | None = None,
    frame: Annotated[int, Field(ge=0)] = 0,
    run: Path | None = None,
    layer: str | None = None,
    adapt: Adapt | None = None,
    short: Count = 240,
    context: Annotated[int, Field(ge=0)] = 7,
    k: Count = 10,
    radius: Positive = 40.0,
    temperature: Positive = 0.07,
    multiple: Count = 1,
    strength: float = 0.5,
    steps: Count = 600,
    device: str = "auto",
    trust: Trust = (),
) -> Path:
    """Find what was marked in one frame in all the others, by which of their cells look alike.

    Beside ``out``, the recording with what was found drawn over it and its sound as it was, stand ``<name>_masks/``
    (a palette PNG a frame, values are objects), ``<name>.csv`` (a row for each object and point in each frame) and
    ``<name>.html``, a page to step through the frames. Frames are read one after the other, from the marked one to the
    end and back to the start: an hour of film takes no more memory than a minute.

    Args:
        video: a recording, with or without sound, or a folder of pictures.
        out: the film to write, such as ``tracked.mp4``.
        mask: a PNG painted over the frame: a value or a colour an object, black the background.
        points: ``"x,y;x,y"`` in pixels of the frame.
        frame: number of the frame that was marked, 0 for the first.
        run: folder of the run whose encoder says what looks alike; None compares windows of raw pixels.
        layer: of the encoder; None for its deepest map of more than one cell.
        adapt: steps of the run's own loss on this recording first, such as ``adapt.steps=20``; None for its weights as
            they are.
        short: shorter side that frames are compared at, in pixels; smaller ones stay as they are.
        context: recent frames that a frame looks at, beside the marked one.
        k: cells that a cell takes its label from.
        radius: how far these lie at most in recent frames, in pixels of what is compared.
        temperature: of their weights.
        multiple: sides are filled up to a multiple of this, for encoders that need it.
        strength: share of colour over an object.
        steps: pictures of the page at most, spread evenly over longer films.
        device: where the encoder runs.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        The film.

    Raises:
        ConfigError: if there is nothing to follow, what was marked does not fit the frames, there is no such frame, or
            ``out`` cannot be written.
        MediaError: if the recording cannot be read.
    """
    if not 0 < strength <= 1:
        raise ConfigError(f"strength: got {strength}; should be above 0 and at most 1")
    check_out(video, out)
    with open_video(video) as large:
        if frame >= len(large):
            raise ConfigError(f"frame: got {frame}; {video} has {len(large)}, 0 to {len(large) - 1}")
        marks = read_marks(mask, points, (large.info.height, large.info.width))
        size = min(short, large.info.height, large.info.width)
        settings = replace(OWN, context=context, k=k, radius=radius, temperature=temperature)
        with open_video(video, size=size) as small:
            maps = maps_of(run, layer, small, find_device(device), trust, adapt, settings, multiple)
            folder = out.with_name(f"{out.stem}_masks")
            found = progress(
                carry_marks(small, maps, marks, frame, settings, multiple),
                "following",
                len(large),
            )
            paths = kept(found, marks, len(large), folder)
        write_table(out.with_suffix(".csv"), paths, large.timeline.times)
        shown = Shown(out, len(large), frame, steps)
        write_film(video, large, out, drawn(large, marks, paths, folder, strength, shown))
        page = write_page(shown, paths, large.timeline.times, video.name, told(run, adapt))
    by = told(run, adapt)
    print(f"Followed {', '.join(marks.names)} from frame {frame} through {len(paths.places)} frames by {by}.")
    print(f"Written: {out}, {out.with_suffix('.csv')}, {page}" + (f", {folder}" if marks.objects else ""))
    return out


def kept(found, marks: Marks, frames: int, folder: Path) -> Paths:
    """Write the mask of each frame as it comes, and return the rest of all."""
    names = marks.names
    paths = Paths(
        names=names,
        places=np.full((frames, len(names), 2), np.nan, np.float32),
        confidence=np.zeros((frames, len(names)), np.float32),
        pixels=np.zeros((frames, marks.objects), np.int64),
    )
    for one in found:
        paths.places[one.frame], paths.confidence[one.frame] = one.places, one.confidence
        paths.pixels[one.frame] = one.pixels
        if marks.objects:
            write_masks(folder, one.mask[None], [f"{one.frame:05d}"])
    return paths


def write_table(path: Path, paths: Paths, times: np.ndarray) -> None:
    """Write a row for each object and point in each frame; one that is lost has no place."""
    with whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for frame, time in enumerate(times.tolist()):
            for number, name in enumerate(paths.names):
                x, y = paths.places[frame, number]
                place = ["", ""] if np.isnan(x) else [f"{x:.2f}", f"{y:.2f}"]
                pixels = paths.pixels[frame, number] if number < paths.pixels.shape[1] else ""
                writer.writerow([frame, f"{time:.4f}", name, *place, f"{paths.confidence[frame, number]:.4f}", pixels])


def drawn(
    large: Reader, marks: Marks, paths: Paths, folder: Path, strength: float, shown: Shown
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield times and frames with what was found drawn over them; what the page shows is written on the way."""
    times = large.timeline.times
    shown.folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(times), PIECE)
    for start in progress(starts, "drawing"):
        images = large.frames(np.arange(start, min(start + PIECE, len(times)))).data.permute(0, 2, 3, 1).numpy()
        painted = []
        for frame, image in enumerate(images, start):
            objects = read_mask(folder / f"{frame:05d}.png", marks.mask.shape) if marks.objects else marks.mask
            painted.append(marked(image, objects, paths.places[frame, marks.objects :], marks.objects, strength))
            if frame in shown.frames:
                save_frame(painted[-1], shown.folder / f"{frame:05d}.jpg")
        yield times[start : start + PIECE], np.stack(painted)
