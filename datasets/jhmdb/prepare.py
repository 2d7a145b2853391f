"""Check an official JHMDB tree, write its manifest, and the joints of each clip as an .npz.

    python datasets/jhmdb/prepare.py --root /data/JHMDB

Nothing that was in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.jhmdb import export
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(export, __doc__))
