"""Check an official VIP tree and write its manifest.

    python datasets/vip/prepare.py --root /data/VIP

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.prepare import prepare
from avssl.data.sets.vip import read

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
