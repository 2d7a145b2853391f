"""How much moves at each frame: what a sampler needs to look where something happens.

Misra, Zitnick and Hebert, "Shuffle and Learn" (2016), section 3, draw windows in proportion to the mean magnitude of
coarse Farnebäck flow, so that a tuple shows motion and not a still. The mean difference of neighbouring small grey
frames marks the same places at a small part of the cost, and is the default; flow is there for the paper's sake.
"""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from avssl.cache import cache_folder, whole
from avssl.installed import extra
from avssl.media.errors import BackendUnavailable
from avssl.media.plan import plan_frames
from avssl.media.reader import Reader, open_video
from avssl.media.scan_cache import libraries
from avssl.media.source import Origin, Source
from avssl.media.walk import reading

Method = Literal["difference", "farneback"]
VERSION = 2  # raise it when the numbers change: older profiles are then made anew
SIDE = {"difference": 32, "farneback": 64}  # short side in pixels of the frames that are compared
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
AT_ONCE = 256  # frames decoded in one call, or one stretch between key frames: bounds the memory


def motion_profile(source: Source | Reader, method: Method = "difference", *, cache: bool = True) -> np.ndarray:
    """Return how much moves at each frame, in one pass over the video; kept on disk for the next time.

    Args:
        source: whatever `open_video` takes, or an open reader.
        method: ``"difference"``: mean absolute difference of neighbouring grey frames, 32 px on the short side, in
            grey levels (0 to 255), after the median change of the frame is taken away (flicker, exposure).
            ``"farneback"``: mean magnitude of Farnebäck flow on frames of 64 px, in those pixels a frame; needs OpenCV.
        cache: keep the profile under ``cache_folder("motion")``, by path, size and time of change of the file.

    Returns:
        float32 ``(frames,)``, at least 0: the mean of the changes from the frame before and to the frame after. Where
        the data is damaged the change counts as 0.

    Raises:
        BackendUnavailable: if the method needs OpenCV and it is not installed.
    """
    if method not in SIDE:
        raise ValueError(f"method is {' or '.join(map(repr, SIDE))}; got {method!r}")
    origin, stream = (source.origin, source.stream) if isinstance(source, Reader) else (Origin(source), "best")
    with reading(origin):
        origin.check()
        name = origin.fingerprint() if cache else None
    kept = None if name is None else _place(f"{name}-{stream}-{method}-{VERSION}-{libraries()}")
    known = None if kept is None else _fetch(kept)
    if known is not None:
        return known
    change = _difference if method == "difference" else _farneback(origin.name)
    with open_video(origin.source, size=SIDE[method], stream=stream, on_error="truncate") as video:
        changes = _changes(video, change)
        if len(changes) != len(video):  # the file was not what its scan promised, and the frames were counted anew
            changes = _changes(video, change)
    neighbours = np.full(len(changes), 2, np.float32)
    neighbours[[0, -1]] = 1
    profile = (changes + np.append(changes[1:], np.float32(0))) / neighbours
    if kept is not None and origin.fingerprint() == name:  # of a file that changed meanwhile it may be a mixture
        _keep(kept, profile)
    return profile


def _changes(video: Reader, change: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """Return the change from the frame before to each frame, float32 ``(frames,)``; 0 at the first."""
    changes = np.zeros(len(video), np.float32)
    before: np.ndarray | None = None
    for frames in stretches(video, 0, len(video)):
        shown = video.frames(frames)
        greys = np.einsum("fchw,c->fhw", shown.data.numpy().astype(np.float32), LUMA)
        for frame, grey, valid in zip(frames, greys, shown.valid.tolist(), strict=True):
            if before is not None and valid:
                changes[frame] = change(before, grey)
            before = grey if valid else None
    return changes


def stretches(video: Reader, first: int, end: int) -> Iterator[list[int]]:
    """Yield frames in order, in stretches that end where the decoder starts anew: nothing is decoded twice.

    Args:
        video: an open recording.
        first: the first frame.
        end: the one after the last.
    """
    stretch: list[int] = []
    seen = first
    for interval in plan_frames(video.index, np.arange(first, end)):
        stretch.extend(interval.targets)
        if len(stretch) >= AT_ONCE and max(stretch) + 1 == seen + len(stretch):
            yield sorted(stretch)
            seen, stretch = seen + len(stretch), []
    if stretch:
        yield sorted(stretch)


def _difference(before: np.ndarray, after: np.ndarray) -> float:
    """Return the mean absolute change left when a change of the whole picture, of level or of gain, is taken away."""
    level = after - before
    gain = after - before * np.median((after + 1) / (before + 1))
    return float(min(np.abs(level - np.median(level)).mean(), np.abs(gain).mean()))


def _farneback(name: str) -> Callable[[np.ndarray, np.ndarray], float]:
    try:
        import cv2
    except ImportError as error:
        raise BackendUnavailable(
            f'method "farneback" needs OpenCV: {extra("opencv")}, or use method="difference"', source=name
        ) from error

    def magnitude(before: np.ndarray, after: np.ndarray) -> float:
        flow = np.zeros((*before.shape, 2), np.float32)
        levels = before.astype(np.uint8), after.astype(np.uint8)
        flow = cv2.calcOpticalFlowFarneback(*levels, flow, 0.5, 3, 15, 3, 5, 1.2, 0)  # OpenCV's documented settings
        return float(np.linalg.norm(flow, axis=2).mean())

    return magnitude


def _place(name: str) -> Path:
    return cache_folder("motion", name[:2]) / f"{name[2:]}.npy"


def _fetch(place: Path) -> np.ndarray | None:
    """Return the profile kept at ``place``; None if there is none, or it is not whole and must be made anew."""
    try:
        return np.load(place, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None


def _keep(place: Path, profile: np.ndarray) -> None:
    """Write the profile whole or not at all; say so if there is no room."""
    try:
        with whole(place) as part, part.open("wb") as file:
            np.save(file, profile)
    except OSError as error:
        warnings.warn(
            f"the motion profile cannot be kept ({error}); set AVSSL_CACHE to a folder with room", stacklevel=3
        )
