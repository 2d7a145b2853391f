"""See a run's features as a map, play its points: ``python tools/explore.py RUN [--other RUN] [key=value ...]``.

RUN is the folder of a run, or of features. A click plays a point's clip or sound, or shows its picture; neighbours,
colours, filters, search and export are on the page, which answers this machine alone. Ctrl-C ends it.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.explore.command.explore", __doc__, takes="what")
