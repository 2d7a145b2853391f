"""Check an official UCF101 tree and write its manifest.

    python datasets/ucf101/prepare.py --root /data/UCF-101

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.prepare import prepare
from avssl.data.sets.ucf101 import read

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
