"""Check a tree of Flickr-SoundNet and write its manifest.

    python datasets/flickr_soundnet/prepare.py --root /data/Flickr-SoundNet

Nothing in the tree is changed. What has been checked is not checked again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.flickr_soundnet import read
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(read, __doc__))
