"""Check an official ESC-50 tree and write its manifest.

    python datasets/esc50/prepare.py --root /data/ESC-50

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.esc50 import read
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
