"""The one resize of the house: area averaging by FFmpeg's swscale, the same whoever decodes."""

import threading
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame

    from avssl.media.base import Size


def output_size(height: int, width: int, size: "Size") -> tuple[int, int]:
    """Return the (height, width) that ``size`` asks for: as filmed, by the short side, or as given.

    Examples:
        >>> output_size(360, 640, 224), output_size(640, 360, 224), output_size(9, 7, None), output_size(9, 7, (4, 5))
        ((224, 398), (398, 224), (9, 7), (4, 5))
    """
    if size is None:
        return height, width
    if isinstance(size, int) and size > 0:
        short = min(height, width)
        return max(1, round(height * size / short)), max(1, round(width * size / short))
    if isinstance(size, tuple | list) and len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size):
        return size[0], size[1]
    raise ValueError(f"size is None, the short side in pixels, or (height, width); got {size!r}")


class _Reformatters(threading.local):
    """One swscale context a thread, kept between frames and recordings because making one costs."""

    def __init__(self):
        from av.video.reformatter import VideoReformatter

        self.reformatter = VideoReformatter()
        self.one_thread = {"threads": 1} if _takes_threads(self.reformatter) else {}


def _takes_threads(reformatter) -> bool:
    """Tell whether this PyAV lets us forbid swscale's own threads (from 16 on it starts one per core by default)."""
    return "threads" in (type(reformatter).reformat.__doc__ or "")


_local: _Reformatters | None = None


def write_rgb(frame: "VideoFrame", slot: np.ndarray, quarter_turns: int = 0, flipped: bool = False) -> None:
    """Convert, resize and turn a decoded frame into ``slot`` in one pass of swscale and one copy.

    Args:
        frame: as decoded, any pixel format.
        slot: where its RGB goes, uint8 ``(height, width, 3)``, as displayed.
        quarter_turns: anticlockwise quarter turns to apply.
        flipped: mirror left and right before turning.
    """
    global _local
    if _local is None:
        _local = _Reformatters()
    height, width = slot.shape[:2]
    if quarter_turns % 2:
        height, width = width, height
    picture = _local.reformatter.reformat(
        frame, width=width, height=height, format="rgb24", interpolation="AREA", **_local.one_thread
    )
    plane = picture.planes[0]
    rows = (
        np.frombuffer(memoryview(plane), np.uint8)
        .reshape(-1, plane.line_size)[:height, : width * 3]
        .reshape(height, width, 3)
    )
    if flipped:
        rows = rows[:, ::-1]
    slot[...] = np.rot90(rows, quarter_turns) if quarter_turns else rows


def resize_area(picture: np.ndarray, slot: np.ndarray) -> None:
    """Resize RGB pixels, uint8 ``(height, width, 3)``, into ``slot`` of any size, by area."""
    if picture.shape == slot.shape:
        slot[...] = picture
        return
    from av import VideoFrame

    write_rgb(VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"), slot)
