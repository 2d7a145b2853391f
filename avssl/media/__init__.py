"""Recordings of video and sound: ``with open_video(path) as video: video.frames([0, 10])``."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avssl.media.base import Backend, Frames, Index, Report, Size, Sound, SoundInfo, VideoInfo
    from avssl.media.errors import (
        BackendUnavailable,
        BackendUnsuitable,
        DecodeError,
        DecodeTimeout,
        MediaError,
        OpenError,
        ReadError,
        ScanError,
        TooShort,
    )
    from avssl.media.motion import motion_profile
    from avssl.media.reader import Reader, open_video
    from avssl.media.sound import SoundReader, open_sound
    from avssl.media.source import Source

_NAMES = {
    "Backend": "base",
    "Frames": "base",
    "Index": "base",
    "Reader": "reader",
    "Report": "base",
    "Size": "base",
    "Sound": "base",
    "SoundInfo": "base",
    "Source": "source",
    "VideoInfo": "base",
    "BackendUnavailable": "errors",
    "BackendUnsuitable": "errors",
    "DecodeError": "errors",
    "DecodeTimeout": "errors",
    "MediaError": "errors",
    "OpenError": "errors",
    "ReadError": "errors",
    "ScanError": "errors",
    "TooShort": "errors",
    "motion_profile": "motion",
    "SoundReader": "sound",
    "open_sound": "sound",
    "open_video": "reader",
}

__all__ = [
    "Backend",
    "BackendUnavailable",
    "BackendUnsuitable",
    "DecodeError",
    "DecodeTimeout",
    "Frames",
    "Index",
    "MediaError",
    "OpenError",
    "ReadError",
    "Reader",
    "Report",
    "ScanError",
    "Size",
    "Sound",
    "SoundInfo",
    "SoundReader",
    "Source",
    "TooShort",
    "VideoInfo",
    "motion_profile",
    "open_sound",
    "open_video",
]


def __getattr__(name: str):
    """Import what is asked for, so that naming the package costs nothing."""
    if name not in _NAMES:
        raise AttributeError(f"module 'avssl.media' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"avssl.media.{_NAMES[name]}"), name)
