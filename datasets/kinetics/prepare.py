"""Check an official Kinetics tree and write its manifest.

    python datasets/kinetics/prepare.py --root /data/k400
    python datasets/kinetics/prepare.py --root /data/k700 --version 700-2020

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.kinetics import read
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
