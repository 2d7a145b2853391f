"""Colour pictures: ``python tools/colorize.py PICTURES [run=FOLDER] [key=value ...]``.

PICTURES are files, or folders of them, in colour or grey. Writes each grey, coloured, and as it was, side by side.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.inference.colorization.colorize", __doc__, takes="files")
