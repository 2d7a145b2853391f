"""Real human motions, captured once and rendered with any camera, body and background, with exact joints."""

from avssl.data.mocap.world import prepare

__all__ = ["prepare"]
