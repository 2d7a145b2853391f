"""Check an official Moments in Time tree and write its manifest.

    python datasets/moments/prepare.py --root /data/Moments_in_Time_Raw

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.moments import read
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
