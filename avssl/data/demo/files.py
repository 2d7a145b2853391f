"""Write a drawing as a video file and its annotations beside it; each file is there whole or not at all."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from avssl.cache import whole
from avssl.data.demo.figures import Drawing

QUALITY = "14"  # x264's constant rate factor: thin limbs survive the halved colour planes
GROUP = "12"  # frames from key frame to key frame


def write_video(path: Path, frames: np.ndarray, rate: int) -> None:
    """Encode frames, uint8 RGB ``(frames, height, width, 3)``, as H.264 with B-frames in MP4."""
    height, width = frames.shape[1:3]
    options = {"crf": QUALITY, "g": GROUP, "preset": "medium"}
    with whole(path) as part, av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_annotations(path: Path, drawing: Drawing) -> None:
    """Save ``keypoints``, ``visible`` and ``parts`` as a compressed NumPy archive."""
    with whole(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, keypoints=drawing.keypoints, visible=drawing.visible, parts=drawing.parts)
