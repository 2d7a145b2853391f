"""Check an official tree of DCASE scenes and write its manifest.

    python datasets/dcase2014/prepare.py --root /data/DCASE

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.dcase2014 import read
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
