"""Embeddings of pictures and sounds along any recordings, in files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch
from pyarrow import parquet
from torch import Tensor

from avssl.cache import whole
from avssl.config import ConfigError, Positive, Trust
from avssl.data import DataError
from avssl.data.recordings import ENDINGS, PICTURES, SOUNDS
from avssl.features.cache import FeatureCache, digest
from avssl.features.device import find_device
from avssl.inference.files import files_given
from avssl.inference.loading import Loaded, apply_evaluation_views, frames_at, load_for, sounds_at
from avssl.installed import tool
from avssl.media import open_sound, open_video
from avssl.media.errors import MediaError
from avssl.methods.sound.base import JointEmbedder
from avssl.progress import track
from avssl.text import printable, to_column

Stream = Literal["picture", "sound"]
BATCH = 64


@dataclass(frozen=True, eq=False)
class Piece:
    """Embeddings of one stream of a file at moments in seconds."""

    stream: Stream
    times: np.ndarray
    vectors: np.ndarray


def embed(
    *,
    files: Sequence[Path],
    out: Path | None = None,
    run: Path | None = None,
    runs: Path = Path("runs"),
    every: Positive = 1.0,
    device: str = "auto",
    trust: Trust = (),
) -> Path:
    """Write the embeddings of pictures and sounds of recordings, every so often, in the space that the method learned.

    Videos give both, sounds and pictures what they have. Rows of a picture and of a sound are near where they belong
    together. What was embedded before, by the same weights, is read back; a file that cannot be read is told in one
    line, and the others go on.

    Args:
        files: videos, sounds, pictures, or folders of them.
        out: folder for ``embeddings.npy``, float32 ``(rows, dim)``, and ``index.parquet`` (``path``, ``stream``,
            ``start`` and ``end`` in seconds); None for the run's ``embed``.
        run: folder of the run; None for the one that was written last.
        runs: where runs lie.
        every: seconds between moments; the first lies half of that after the start.
        device: where the method runs.
        trust: packages whose classes the run may name and so run, see `avssl.load_encoder`.

    Returns:
        The folder.

    Raises:
        ConfigError: if there is no file, none can be read, or the run's method has no common space.
    """
    method = load_for(run, runs, JointEmbedder, "embed pictures and sounds in one space", find_device(device), trust)
    folder = out or method.folder / "embed"
    kept, about = FeatureCache(folder / "kept"), {"weights": digest(method.method), "every": every, "size": method.size}
    vectors, index, failures = [], [], []
    paths = files_given(files, ENDINGS | PICTURES | SOUNDS, "video, sound or picture", f"{tool('embed')} a.mp4 b.wav")
    for path in track(paths, "files"):
        try:
            for piece in list(pieces(path, method, every, kept, about)):  # all of a file, or nothing
                vectors.append(piece.vectors)
                half = (method.seconds if piece.stream == "sound" else 0.0) / 2
                names = {"path": str(path), "stream": piece.stream}
                index += [names | {"start": float(time - half), "end": float(time + half)} for time in piece.times]
        except (MediaError, DataError) as error:
            failures.append(path)
            print(f"left out: {error}")
    if not vectors:
        raise ConfigError(f"files: none of {len(paths)} could be read")
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.concatenate(vectors).astype(np.float32)
    with whole(folder / "embeddings.npy") as part, open(part, "wb") as file:
        np.save(file, rows, allow_pickle=False)
    with whole(folder / "index.parquet") as part, open(part, "wb") as file:
        columns = {name: [row[name] for row in index] for name in index[0]}
        parquet.write_table(pa.table(columns | {"path": to_column(columns["path"])}), file)
    print(
        f"{len(rows)} rows of {rows.shape[1]} numbers from {len(paths) - len(failures)} files; {len(failures)} left out"
    )
    print(printable(f"Written: {folder}/embeddings.npy, {folder}/index.parquet"))
    return folder


def pieces(path: Path, method: Loaded, every: float, kept: FeatureCache, about: dict[str, Any]) -> Iterator[Piece]:
    """Yield the embeddings of a file, stream by stream, from what is kept or anew."""
    state = path.stat()
    mark = about | {"path": str(path.resolve()), "bytes": state.st_size, "changed": state.st_mtime_ns}
    streams: list[Stream] = ["sound"] if path.suffix.lower() in SOUNDS else ["picture", "sound"]
    for stream in streams:
        both = kept(mark | {"stream": stream}, lambda stream=stream: computed(path, stream, method, every))
        if len(both):
            yield Piece(stream, both[:, 0].astype(np.float64), both[:, 1:])


def computed(path: Path, stream: Stream, method: Loaded, every: float) -> np.ndarray:
    """Return moments (first column) and embeddings, ``(rows, 1 + dim)``; no row where the file has no such stream."""
    assert isinstance(method.method, JointEmbedder)
    embed_pictures = method.method.embed_pictures
    if path.suffix.lower() in SOUNDS:
        with open_sound(path) as sound:
            return heard(sound, moments(sound.info.start, sound.info.end, every), method)
    with open_video(path, size=method.size) as video:
        timeline = video.timeline
        if stream == "sound":
            if timeline.sound is None:
                return np.zeros((0, 1))
            return heard(video, moments(*timeline.sound, every), method)
        times = moments(float(timeline.times[0]), float(timeline.end), every)
        return joined(
            times, lambda part: embed_pictures(apply_evaluation_views(frames_at(video, part, method.within), method))
        )


def heard(source: Any, times: np.ndarray, method: Loaded) -> np.ndarray:
    """Return moments and embeddings of the windows of sound around them."""
    assert isinstance(method.method, JointEmbedder)
    embed_sounds = method.method.embed_sounds
    return joined(
        times, lambda part: embed_sounds(sounds_at(source, part, method.seconds, method.rate)[0].to(method.device))
    )


@torch.no_grad()
def joined(times: np.ndarray, embedding: Callable[[np.ndarray], Tensor]) -> np.ndarray:
    """Return moments beside what ``embedding`` makes of them, some at a time."""
    parts: list[Tensor] = [
        embedding(times[start : start + BATCH]).float().cpu() for start in range(0, len(times), BATCH)
    ]
    return np.hstack([times[:, None], torch.cat(parts).numpy()])


def moments(start: float, end: float, every: float) -> np.ndarray:
    """Return moments between two times, at least one.

    Examples:
        >>> moments(0.0, 2.5, 1.0).tolist(), moments(1.0, 1.2, 1.0).tolist()
        ([0.5, 1.5], [1.1])
    """
    count = int((end - start) / every)
    return start + (np.arange(count) + 0.5) * every if count else np.array([(start + end) / 2])
