"""Check an official PASCAL VOC tree, 2007, 2012 or both, and write its manifest.

    python datasets/voc/prepare.py --root /data/VOCdevkit

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.prepare import prepare
from avssl.data.sets.voc import read

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
