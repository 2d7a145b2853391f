"""Damaged files end in their good frames or in one clear error, and never hang."""

import json
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avssl.media import errors
from tests.media.filming import Film, Sheet, film, patch, read_numbers, settle, shown

LIMIT = 60  # seconds a file; the whole child has ten minutes

# Reads each file named on its input in both ways and prints one line of JSON a file. A file that takes too long kills
# the child from a C thread, even when a library holds the interpreter.
CHILD = """
import faulthandler, json, os, sys
import numpy as np
from avssl.media import errors, open_video

folder, backend, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
for name in sys.stdin.read().split():
    print(json.dumps({"begin": name}), flush=True)
    for policy in ("raise", "truncate"):
        os.environ["AVSSL_CACHE"] = f"{folder}/cache_{policy}"  # neither learns from the other
        faulthandler.dump_traceback_later(limit, exit=True)
        line = {"name": name, "policy": policy}
        try:
            with open_video(f"{folder}/{name}", backend=backend, on_error=policy) as video:
                frames = video.frames(list(range(len(video))))
            pictures = frames.data.movedim(1, -1).numpy()
            np.savez(f"{folder}/{name}.{policy}", data=pictures, valid=frames.valid, times=frames.times)
            line["count"] = len(frames.valid)
        except errors.MediaError as error:
            line |= {"error": type(error).__name__, "message": str(error), "source": error.source}
            line["until"] = getattr(error, "decoded_until", None)
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(line), flush=True)
"""


# --- the damage -----------------------------------------------------------------------------------------------------
def shortened(path: Path, sheet: Sheet, share: float) -> Film:
    made = film(path, sheet)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return made


def flipped(path: Path, sheet: Sheet, many: int, after: float = 0.4) -> Film:
    """Turn over single bits of many bytes in the later part of the file's pictures."""
    made = film(path, sheet)
    content = bytearray(path.read_bytes())
    rng = random.Random(0)
    begin, end = max(content.find(b"movi"), 0), len(content)
    if b"mdat" in content:  # leave the headers of MP4 alone
        begin = content.index(b"mdat")
        end = content.find(b"moov", begin) if b"moov" in content[begin:] else end
    start = begin + int((end - begin) * after)
    for _ in range(many):
        content[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return made


def blanked(path: Path, sheet: Sheet) -> Film:
    made = film(path, sheet)
    content = bytearray(path.read_bytes())
    middle = len(content) * 3 // 4
    content[middle : middle + 1000] = bytes(1000)
    path.write_bytes(content)
    return made


def patched(path: Path, box: bytes, offset: int, value: bytes, sheet: Sheet) -> Film:
    made = film(path, sheet)
    patch(path, box, offset, value)
    return made


def written(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def sound_only(path: Path) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=16000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = 16000, 0, Fraction(1, 16000)
        for packet in [*stream.encode(samples), *stream.encode(None)]:
            output.mux(packet)


FIRST = Sheet(muxing={"movflags": "faststart"})
LIVE = Sheet(muxing={"live": "1"})
MPEG4 = Sheet(codec="mpeg4")

HOPELESS: dict[str, Callable[[Path], None]] = {  # name: how to write it; nothing can be read
    "empty.mp4": lambda path: written(path, b""),
    "text.mp4": lambda path: written(path, b"this is not a video\n" * 50),
    "text.avi": lambda path: written(path, b"RIFF but no more than that\n" * 50),
    "noise.mkv": lambda path: written(path, random.Random(0).randbytes(5000)),
    "noise.bin": lambda path: written(path, random.Random(1).randbytes(50000)),
    "zeros.ts": lambda path: written(path, bytes(188 * 100)),
    "one_byte.avi": lambda path: written(path, b"\0"),
    "sound_only.mp4": sound_only,
    "no_moov.mp4": lambda path: shortened(path, Sheet(), 0.5) and None,
    "header_only.mkv": lambda path: shortened(path, Sheet(), 0.05) and None,
    "header_only.avi": lambda path: shortened(path, MPEG4, 0.2) and None,
}
SHORT: dict[str, Callable[[Path], Film]] = {  # the end is missing: what is left must be exact
    "short.mkv": lambda path: shortened(path, Sheet(), 0.6),
    "short_live.mkv": lambda path: shortened(path, LIVE, 0.6),
    "short.webm": lambda path: shortened(path, Sheet(codec="libvpx-vp9", gop=30), 0.6),
    "short.avi": lambda path: shortened(path, MPEG4, 0.7),
    "short_h264.avi": lambda path: shortened(path, Sheet(), 0.7),
    "short.ts": lambda path: shortened(path, Sheet(), 0.6),
    "short.flv": lambda path: shortened(path, Sheet(), 0.6),
    "short.mpg": lambda path: shortened(path, Sheet(codec="mpeg1video", container="mpeg"), 0.6),
    "short.gif": lambda path: shortened(path, Sheet(codec="gif", pixels="rgb8", frames=20), 0.6),
    "short_moov_first.mp4": lambda path: shortened(path, FIRST, 0.8),
    "short_moov_first_hevc.mp4": lambda path: shortened(path, Sheet(codec="libx265", gop=16, muxing=FIRST.muxing), 0.8),
    "short_fragmented.mp4": lambda path: shortened(path, Sheet(muxing={"movflags": "frag_keyframe+empty_moov"}), 0.75),
    "short.h264": lambda path: shortened(path, Sheet(container="h264"), 0.6),
}
SCARRED: dict[str, Callable[[Path], Film]] = {  # bytes are wrong: no promise but an end
    "flipped.mp4": lambda path: flipped(path, Sheet(), 40),
    "flipped_much.mp4": lambda path: flipped(path, Sheet(), 400),
    "flipped_hevc.mp4": lambda path: flipped(path, Sheet(codec="libx265", gop=16), 100),
    "flipped_one.mp4": lambda path: flipped(path, Sheet(gop=250), 1),
    "flipped.mkv": lambda path: flipped(path, Sheet(), 100),
    "flipped.webm": lambda path: flipped(path, Sheet(codec="libvpx-vp9", gop=30), 100),
    "flipped_vp8.webm": lambda path: flipped(path, Sheet(codec="libvpx"), 100),
    "flipped_av1.mp4": lambda path: flipped(path, Sheet(codec="libsvtav1", gop=32), 100),
    "flipped.avi": lambda path: flipped(path, MPEG4, 100),
    "flipped.ts": lambda path: flipped(path, Sheet(), 300),
    "flipped.mpg": lambda path: flipped(path, Sheet(codec="mpeg2video", container="mpeg"), 100),
    "flipped.gif": lambda path: flipped(path, Sheet(codec="gif", pixels="rgb8", frames=20), 200),
    "flipped.flv": lambda path: flipped(path, Sheet(), 100),
    "flipped_headers.mp4": lambda path: flipped(path, Sheet(), 0) and scratched(path, b"moov", 80),
    "flipped_headers.mkv": lambda path: flipped(path, Sheet(), 60, after=0.02),
    "flipped_headers.avi": lambda path: flipped(path, MPEG4, 60, after=0.02),
    "blanked.mkv": lambda path: blanked(path, Sheet()),
    "blanked.ts": lambda path: blanked(path, Sheet()),
    "blanked.avi": lambda path: blanked(path, MPEG4),
    "no_parameters.mp4": lambda path: patched(path, b"avcC", 0, bytes(40), Sheet()),
}
LYING: dict[str, Callable[[Path], Film]] = {  # the data is good, the header is not: all frames, or an error
    "lasts_for_ever.mp4": lambda path: patched(path, b"mvhd", 16, b"\x7f\xff\xff\xff", Sheet()),
    "lasts_for_ever.avi": lambda path: patched(path, b"avih", 4 + 16, struct.pack("<I", 2**31 - 1), MPEG4),
    "list_for_ever.avi": lambda path: patched(path, b"strh", 4 + 32, struct.pack("<I", 2**31 - 1), MPEG4),
    "no_frames.avi": lambda path: patched(path, b"avih", 4 + 16, bytes(4), MPEG4),
    "zero_rate.avi": lambda path: patched(path, b"strh", 4 + 20, bytes(8), MPEG4),
    "frames_last_hours.mp4": lambda path: patched(path, b"stts", 12, b"\x7f\xff\xff\xff", Sheet(between=0)),
    "huge_picture.mp4": lambda path: patched(path, b"avc1", 24, b"\x7f\xff\x7f\xff", Sheet()),
    "more_samples.mp4": lambda path: patched(path, b"stsz", 8, struct.pack(">I", 5000), Sheet()),
    "many_samples.mp4": lambda path: patched(path, b"stts", 8, struct.pack(">I", 2**31 - 1), Sheet(between=0)),
    "chunks_elsewhere.mp4": lambda path: patched(path, b"stco", 8, struct.pack(">I", 2**31 - 1), Sheet()),
    "no_time_scale.mp4": lambda path: patched(path, b"mdhd", 12, bytes(4), Sheet()),
}
ALL = {**HOPELESS, **SHORT, **SCARRED, **LYING}


def scratched(path: Path, box: bytes, many: int):
    content = bytearray(path.read_bytes())
    rng = random.Random(2)
    start = content.index(box)
    for _ in range(many):
        content[rng.randrange(start + 8, len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


class Outcomes:
    """What a child made of every damaged file with one backend."""

    def __init__(self, written: Path, folder: Path, backend: str):
        self.folder, self.lines, self.begun = folder, {}, []
        shutil.copytree(written, folder, dirs_exist_ok=True)
        child = subprocess.run(
            [sys.executable, "-c", CHILD, str(folder), backend, str(LIMIT)],
            input="\n".join(ALL),
            capture_output=True,
            text=True,
            timeout=600,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for line in map(json.loads, child.stdout.splitlines()):
            if "begin" in line:
                self.begun.append(line["begin"])
            else:
                self.lines[line["name"], line["policy"]] = line
        last = self.begun[-1] if self.begun else "nothing"
        self.died = "" if child.returncode == 0 else f"died ({child.returncode}) at {last}: {child.stderr[-2000:]}"

    def frames(self, name: str, policy: str) -> tuple[list[int], np.ndarray, np.ndarray]:
        """Return the numbers shown, which are valid, and the times."""
        with np.load(self.folder / f"{name}.{policy}.npz") as saved:
            return read_numbers(saved["data"]), saved["valid"], saved["times"]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory) -> Path:
    """The folder of all damaged files."""
    folder = tmp_path_factory.mktemp("damaged")
    for name, write in ALL.items():
        write(folder / name)
        settle(folder / name)
    return folder


@pytest.fixture(scope="module", params=["auto", "decord", "torchcodec"])
def outcomes(request, damaged, tmp_path_factory, need) -> Outcomes:
    need(request.param)
    return Outcomes(damaged, tmp_path_factory.mktemp(f"damaged_{request.param}"), request.param)


def test_no_file_hangs_or_crashes_or_raises_a_foreign_error(outcomes):
    assert not outcomes.died, outcomes.died
    assert set(outcomes.lines) == {(name, policy) for name in ALL for policy in ("raise", "truncate")}


def test_every_error_is_one_clear_line_that_names_the_file(outcomes):
    for (name, _), line in outcomes.lines.items():
        if "error" in line:
            assert issubclass(getattr(errors, line["error"]), errors.MediaError)
            assert name in line["source"] and name in line["message"]
            assert "\n" not in line["message"] and 20 < len(line["message"]) < 400, line["message"]


def test_what_is_no_video_is_said_to_be_none(outcomes):
    for name in HOPELESS:
        for policy in ("raise", "truncate"):
            line = outcomes.lines[name, policy]
            assert line.get("error") in ("OpenError", "ScanError"), line


def test_missing_causes_are_named(outcomes):
    assert "empty" in outcomes.lines["empty.mp4", "raise"]["message"]
    assert "no video stream, only audio" in outcomes.lines["sound_only.mp4", "raise"]["message"]


def test_what_is_left_of_a_shortened_file_is_exact(outcomes):
    served = 0
    for name in SHORT:
        line = outcomes.lines[name, "truncate"]
        if line.get("error") == "BackendUnsuitable" or name.endswith(".gif"):  # Pillow lists all or nothing
            continue
        assert "error" not in line, line
        found, valid, times = outcomes.frames(name, "truncate")
        left = [number for number, good in zip(found, valid, strict=True) if good]
        assert left == sorted(set(left)) and len(left) >= len(shown(outcomes.folder / name, broken=True)) - 3 > 5, name
        assert left[:-3] == list(range(left[0], left[0] + len(left) - 3)), name
        if Path(name).suffix in (".mkv", ".webm", ".ts", ".flv", ".mp4"):  # these say when each frame is shown
            assert np.round(times[valid] * 25).tolist() == [number - found[0] for number in left], name
        served += 1
    assert served


def test_a_promise_that_the_data_breaks_is_an_error_unless_asked_to_truncate(outcomes):
    for name in ("short_moov_first.mp4", "short_moov_first_hevc.mp4"):
        line = outcomes.lines[name, "raise"]
        assert line["error"] in ("DecodeError", "BackendUnsuitable"), line
        if line["error"] == "DecodeError":
            assert 0 < line["until"] < 96 / 25


def test_frames_before_the_first_scar_are_exact(outcomes):
    for name in SCARRED:
        line = outcomes.lines[name, "truncate"]
        if "error" in line or "headers" in name or name == "no_parameters.mp4":
            continue
        found, valid, _ = outcomes.frames(name, "truncate")
        sure = len(found) // 4
        assert found[:sure] == list(range(sure)) and valid[:sure].all(), name


def test_a_header_that_lies_changes_no_frame(outcomes):
    for name in LYING:
        line = outcomes.lines[name, "truncate"]
        if "error" in line:
            continue
        found, valid, _ = outcomes.frames(name, "truncate")
        assert [number for number, good in zip(found, valid, strict=True) if good] == list(range(int(valid.sum()))), (
            name
        )


def test_errors_survive_being_sent_to_another_process():
    error = errors.DecodeError("broken", source="a.mp4", backend="pyav", position=1.0, decoded_until=0.96)
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error) and copy.decoded_until == 0.96 and type(copy) is errors.DecodeError
