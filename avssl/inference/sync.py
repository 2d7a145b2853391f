"""How well sound and picture of one recording fit, along time and when the sound is moved."""

import csv
from pathlib import Path
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field

from avssl.config import ConfigError, Positive, Trust
from avssl.features.device import find_device
from avssl.inference.loading import Loaded, centres, frames_at, load_for, open_whole, pair_scorer, sounds_at
from avssl.methods.sound.base import PairScorer
from avssl.report.figures import rendered

SURE = 3  # standard errors that a peak must stand out by, as the best of many offsets
LEAST = 0.9  # share of a window that the track must hold to be scored


def score_sync(
    *,
    video: Path,
    out: Path | None = None,
    run: Path | None = None,
    runs: Path = Path("runs"),
    every: Positive = 0.2,
    reach: Positive = 1.0,
    step: Positive = 0.1,
    device: str = "auto",
    most: Annotated[int, Field(ge=1)] = 600,
    trust: Trust = (),
) -> dict[str, float]:
    """Score how sound and picture of a recording belong together, and at which offset of the sound they fit best.

    A method that was taught to tell recordings apart says whether what is heard can be what is seen; only one that was
    taught with shifted sounds (AVTS) says when. The curve is flat for the others, and the spread beside it shows that.

    Args:
        video: a recording with picture and sound.
        out: folder for ``<name>_sync.png`` and ``<name>_sync.csv``; None for the run's ``score_sync``.
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
        every: seconds between moments.
        reach: greatest offset of the sound, in seconds, earlier and later.
        step: between offsets, in seconds.
        device: where the method runs.
        most: moments at most, spread evenly over longer recordings.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        ``offset`` in seconds (above 0: the sound that fits lies later than the picture), ``score`` there, ``at 0``, and
        ``error``, the standard error of their difference over windows that do not overlap, and ``at the edge``, 1 where
        the best offset is the greatest that was tried.

    Raises:
        ConfigError: if the recording has no sound, the run's method does not score pairs, or ``out`` is a file.
        MediaError: if the recording cannot be read.
    """
    if out is not None and out.suffix.lower() in (".png", ".csv"):
        raise ConfigError(f"out: {out} would be a folder of that name; give a folder, which gets a picture and a table")
    method = load_for(
        run, runs, PairScorer, "tell whether sound and picture belong together", find_device(device), trust
    )
    offsets = np.arange(-round(reach / step), round(reach / step) + 1) * step
    with open_whole(video, method.size) as opened:
        times = centres(opened, every, video)
        whole = (times + method.within[0] >= opened.timeline.times[0]) & (
            times + method.within[-1] < opened.timeline.end
        )
        times = times[whole] if whole.any() else times
        times = times[np.linspace(0, len(times) - 1, min(most, len(times))).round().astype(int)]
        scores = scores_at(opened, method, times, offsets)
    if np.isnan(scores).all():
        raise ConfigError(f"{video}: no whole window of {method.seconds:g} s of sound lies around any frame; too short")
    zero = int(np.abs(offsets).argmin())
    mean = curve_of(scores)
    best = int(np.nanargmax(mean))
    apart = scores[:, best] - scores[:, zero]
    kept = apart[~np.isnan(apart)]
    apart_by = max(every, float(np.median(np.diff(times))) if len(times) > 1 else every)
    share = min(1.0, apart_by / method.seconds)  # windows overlap
    independent = len(kept) * share
    error = float(kept.std(ddof=1) / max(independent, 1.0) ** 0.5) if len(kept) > 1 else float("nan")
    found = {"offset": float(offsets[best]), "score": float(mean[best]), "at 0": float(mean[zero]), "error": error}
    found["at the edge"] = float(best in (0, len(offsets) - 1))
    folder = out or method.folder / "score_sync"
    folder.mkdir(parents=True, exist_ok=True)
    picture, table = folder / f"{video.stem}_sync.png", folder / f"{video.stem}_sync.csv"
    draw(scores, times, offsets, video.name, share, found["offset"] if shows_offset(found) else None).save(picture)
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["time in s", *(f"sound {offset:+.3f} s" for offset in offsets)])
        writer.writerows(
            [f"{time:.3f}", *(f"{score:.4f}" for score in row)] for time, row in zip(times, scores, strict=True)
        )
    print(summarize(video, found))
    print(f"Written: {picture}, {table}")
    return found


def scores_at(video, taught: Loaded, times: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return a score for each moment (row) and offset of the sound (column); NaN where the track holds too little.

    Args:
        video: opened, with sound.
        taught: judges pairs.
        times: moments of the frames, in seconds.
        offsets: of the sound, in seconds.
    """
    score = pair_scorer(taught, frames_at(video, times, taught.within))
    scores = np.full((len(times), len(offsets)), np.nan)
    for column, offset in enumerate(offsets):
        sound, share = sounds_at(video, times + offset, taught.seconds, taught.rate)
        whole = (share >= LEAST).numpy()
        if whole.any():
            scores[whole, column] = score(whole, sound[whole])
    return scores


def counted(scores: np.ndarray) -> np.ndarray:
    """Return the scores of the moments that have all offsets; all, if none has."""
    complete = ~np.isnan(scores).any(1)
    return scores[complete] if complete.any() else scores


def curve_of(scores: np.ndarray) -> np.ndarray:
    """Return the mean score of each offset over the moments that count."""
    chosen = counted(scores)
    counts = (~np.isnan(chosen)).sum(0)
    return np.where(counts > 0, np.nansum(chosen, 0) / np.maximum(counts, 1), np.nan)


def summarize(video: Path, found: dict[str, float]) -> str:
    """Return the answer in one line; an offset that does not stand out is not told as one."""
    gain, belongs = found["score"] - found["at 0"], "above 0 would say that both belong together"
    if found["offset"] == 0:
        doubt = "" if found["score"] > 0 else f"; {belongs}"
        return f"{video}: sound and picture fit best as they are (score {found['score']:.2f}{doubt})"
    where = f"{abs(found['offset']):.2f} s {'later' if found['offset'] > 0 else 'earlier'}"
    scores = (
        f"score {found['score']:.2f}, {found['at 0']:.2f} as it is, difference {gain:.2f} ± {found['error']:.2f}"
        f"{'' if max(found['score'], found['at 0']) > 0 else f'; {belongs}'}"
    )
    if found["at the edge"]:
        return f"{video}: no offset is shown: the best, {where}, is the edge of what was tried, so no peak ({scores})"
    if not shows_offset(found):
        return (
            f"{video}: no offset is shown: the best, {where}, is within {SURE} standard errors of none ({scores}); "
            "only methods that were taught with shifted sounds (AVTS) can tell when"
        )
    return f"{video}: the sound fits best {where} ({scores})"


def shows_offset(found: dict[str, float]) -> bool:
    """Tell whether the best offset is one: a peak within what was tried that stands out by its standard error."""
    sure = found["score"] - found["at 0"] > SURE * found["error"]
    return found["offset"] != 0 and not found["at the edge"] and sure


def draw(scores: np.ndarray, times: np.ndarray, offsets: np.ndarray, name: str, share: float, shown: float | None):
    """Draw the score along time, and the mean score by offset with its standard error.

    Args:
        scores: of each moment and offset.
        times: of the moments, in seconds.
        offsets: of the sound, in seconds.
        name: of the recording.
        share: of the moments that count as independent, as their windows overlap.
        shown: the offset that stands out; None where none does.
    """
    figure = Figure(figsize=(9, 3.2), dpi=110, layout="constrained")
    figure.suptitle(name, fontsize=10)
    along, by = figure.subplots(1, 2, width_ratios=[2, 1])
    zero = int(np.abs(offsets).argmin())
    along.plot(times, scores[:, zero], color="#2a6fdb", linewidth=1.5)
    along.axhline(0, color="#8a8f98", linewidth=0.8)
    along.set(xlabel="time in s", ylabel="score as it is\n(above 0: belong together)")
    chosen = counted(scores)
    count = np.maximum((~np.isnan(chosen)).sum(0) * share, 1)
    spread = np.array([np.nanstd(column) if (~np.isnan(column)).any() else np.nan for column in chosen.T]) / count**0.5
    mean = curve_of(scores)
    if len(chosen) > 1:
        by.fill_between(offsets, mean - spread, mean + spread, color="#2a6fdb", alpha=0.2, linewidth=0)
    by.plot(offsets, mean, color="#2a6fdb", linewidth=1.5)
    by.axvline(0, color="#8a8f98", linewidth=0.8)
    if shown is not None:
        by.axvline(shown, color="#e4572e", linewidth=1)
    told = f"best {shown:+.2f} s" if shown is not None else "no offset stands out"
    by.set_title(f"{told}\n{len(chosen)} whole moment{'s' if len(chosen) != 1 else ''}", fontsize=9)
    by.set(xlabel="sound later by, in s", ylabel="mean score ± standard error" if len(chosen) > 1 else "score")
    for panel in (along, by):
        panel.spines[["top", "right"]].set_visible(False)
    return rendered(figure)
