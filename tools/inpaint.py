"""Fill holes in pictures: ``python tools/inpaint.py PICTURES [run=FOLDER] [key=value ...]``.

PICTURES are files, or folders of them. Writes each with its hole, filled, and as it was, side by side.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.inference.inpaint.inpaint", __doc__, takes="files")
