"""Recordings of video and sound: ``with open_video(path) as video: video.frames([0, 10])``."""

from typing import TYPE_CHECKING

from avssl.lazy import attach

if TYPE_CHECKING:
    from avssl.media.base import Backend as Backend
    from avssl.media.base import Frames as Frames
    from avssl.media.base import Index as Index
    from avssl.media.base import Report as Report
    from avssl.media.base import Size as Size
    from avssl.media.base import Sound as Sound
    from avssl.media.base import SoundInfo as SoundInfo
    from avssl.media.base import VideoInfo as VideoInfo
    from avssl.media.errors import BackendUnavailable as BackendUnavailable
    from avssl.media.errors import BackendUnsuitable as BackendUnsuitable
    from avssl.media.errors import DecodeError as DecodeError
    from avssl.media.errors import DecodeTimeout as DecodeTimeout
    from avssl.media.errors import MediaError as MediaError
    from avssl.media.errors import OpenError as OpenError
    from avssl.media.errors import ReadError as ReadError
    from avssl.media.errors import ScanError as ScanError
    from avssl.media.errors import TooShort as TooShort
    from avssl.media.motion import motion_profile as motion_profile
    from avssl.media.reader import Reader as Reader
    from avssl.media.reader import open_video as open_video
    from avssl.media.sound import SoundReader as SoundReader
    from avssl.media.sound import open_sound as open_sound
    from avssl.media.source import Source as Source

__getattr__, __dir__ = attach(__name__)
