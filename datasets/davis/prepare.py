"""Check an official DAVIS 2017 tree and write its manifest.

    python datasets/davis/prepare.py --root /data/DAVIS

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.davis import read
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
