"""The demo band: instruments that are seen and heard, each moved by what it plays, as real files with sound."""

from avssl.data.demo.band.playing import INSTRUMENTS
from avssl.data.demo.band.world import prepare

__all__ = ["INSTRUMENTS", "prepare"]
