"""Check an official FLIC tree and write its manifest.

    python datasets/flic/prepare.py --root /data/FLIC

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.flic import read
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
