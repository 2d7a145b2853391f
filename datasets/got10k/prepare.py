"""Check an official GOT-10k tree and write its manifest.

    python datasets/got10k/prepare.py --root /data/GOT-10k

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.got10k import read
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
