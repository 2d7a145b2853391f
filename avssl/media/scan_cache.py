"""Scans on disk: one small file a recording, written whole or not at all, checked when read."""

import json
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from avssl.cache import cache_folder, whole
from avssl.media.base import Coding, Index, SoundInfo, VideoInfo

VERSION = 4  # raise it when the scan or the file changes: older files are then scanned anew
_ARRAYS = {
    "pts": np.int64,
    "durations": np.int64,
    "packet": np.int32,
    "keys": np.int32,
    "key_frames": np.int32,
    "droppable": np.bool_,
    "marks": np.int64,
    "seeks": np.int64,
    "offsets": np.int64,
    "sizes": np.int32,
}


def fetch(name: str, stream: str | int) -> Index | None:
    """Return the scan kept under a fingerprint, or None if there is none or it is broken."""
    data = fetch_bytes(name, f"{stream}-{VERSION}", "scan")
    return None if data is None else unpack(data)


def store(name: str, stream: str | int, index: Index) -> None:
    """Keep a scan; a folder that cannot be written is said once and costs a scan at every opening."""
    keep_bytes(name, f"{stream}-{VERSION}", "scan", pack(index))


def fetch_bytes(name: str, which: str, kind: str) -> bytes | None:
    """Return what is kept under a recording's fingerprint, or None."""
    try:
        return _place(name, which, kind).read_bytes()
    except OSError:  # not there, or not to be reached: then keeping the new one says so
        return None


def keep_bytes(name: str, which: str, kind: str, data: bytes) -> None:
    """Keep bytes under a recording's fingerprint, or warn that they cannot be kept."""
    try:
        with whole(_place(name, which, kind)) as part:
            part.write_bytes(data)
    except OSError as error:
        warnings.warn(f"the scan cannot be kept ({error}); set AVSSL_CACHE to a folder with room", stacklevel=5)


def _place(name: str, which: str, kind: str) -> Path:
    return cache_folder("scans", name[:2]) / f"{name[2:]}-{which}-{libraries()}.{kind}"


@cache
def libraries() -> str:
    """Return what names the libraries that read recordings: PyAV's version, and a hash of FFmpeg's and Pillow's."""
    import av

    others = json.dumps([sorted(av.library_versions.items()), version("pillow")])
    return f"{av.__version__}-{zlib.crc32(others.encode()):08x}"


def pack(index: Index) -> bytes:
    """Return an index as bytes."""
    arrays = {name: getattr(index, name) for name in _ARRAYS}
    info = asdict(index.info) | {"pixel_aspect": str(index.info.pixel_aspect)}
    coding = None if index.coding is None else asdict(index.coding) | {"extradata": index.coding.extradata.hex()}
    header = {
        "mode": index.mode,
        "discarded": index.discarded,
        "reordered": index.reordered,
        "damaged": index.damaged,
        "strict": index.strict,
        "sound_restarts": index.sound_restarts,
        "time_base": str(index.time_base),
        "notes": index.notes,
        "info": info,
        "coding": coding,
    }
    return bundle(header, arrays)


def unpack(data: bytes) -> Index | None:
    """Return the index, or None if the bytes are not a whole one."""
    opened = unbundle(data, _ARRAYS)
    if opened is None:
        return None
    header, arrays = opened
    info, coding = header["info"], header["coding"]
    info["pixel_aspect"] = Fraction(info["pixel_aspect"])
    info["sound"] = None if info["sound"] is None else SoundInfo(**info["sound"])
    if coding is not None:
        coding = Coding(**coding | {"extradata": bytes.fromhex(coding["extradata"])})
    return Index(
        **arrays,
        mode=header["mode"],
        discarded=header["discarded"],
        reordered=header["reordered"],
        damaged=header["damaged"],
        strict=header["strict"],
        sound_restarts=header["sound_restarts"],
        time_base=Fraction(header["time_base"]),
        coding=coding,
        info=VideoInfo(**info),
        notes=tuple(header["notes"]),
    )


def bundle(header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return a header and arrays as bytes: a checksum, then the header (JSON), then compressed differences."""
    lengths = {name: len(array) for name, array in arrays.items()}
    head = json.dumps(header | {"lengths": lengths}).encode()
    body = zlib.compress(b"".join(_shrink(array) for array in arrays.values()), 1)
    rest = len(head).to_bytes(4, "little") + head + body
    return zlib.crc32(rest).to_bytes(4, "little") + rest


def unbundle(data: bytes, kinds: Mapping[str, type]) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Return what was bundled, the arrays in the order and of the kinds given; None if the bytes are not whole."""
    if len(data) < 8 or zlib.crc32(memoryview(data)[4:]) != int.from_bytes(data[:4], "little"):
        return None
    size = int.from_bytes(data[4:8], "little")
    header = json.loads(data[8 : 8 + size])
    body = zlib.decompress(memoryview(data)[8 + size :])
    arrays, place = {}, 0
    for name, kind in kinds.items():
        stored = np.dtype(np.bool_ if kind is np.bool_ else np.int64)
        count = header["lengths"][name]
        part = np.frombuffer(body, stored, count, place)
        arrays[name] = part.copy() if kind is np.bool_ else np.cumsum(part).astype(kind)
        place += count * stored.itemsize
    return header, arrays


def _shrink(array: np.ndarray) -> bytes:
    """Return the bytes of an array: truths as they are, numbers as differences, which compress well."""
    return array.tobytes() if array.dtype == np.bool_ else np.diff(array.astype(np.int64), prepend=0).tobytes()
