"""The demo world: moving figures with exact joints, drawn once as real video files.

Where no data set is at hand it stands in for one: `prepare` writes it, ``avssl.data.Videos("demo:figures")`` reads it.
"""

from avssl.data.demo.figures import PARTS, Drawing, draw_figure
from avssl.data.demo.motion import JOINTS, STYLES
from avssl.data.demo.world import prepare

__all__ = ["JOINTS", "PARTS", "STYLES", "Drawing", "draw_figure", "prepare"]
