"""Check an official HMDB51 tree and write its manifest.

    python datasets/hmdb51/prepare.py --root /data/hmdb51

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.hmdb51 import read
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
