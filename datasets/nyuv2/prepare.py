"""Export the labelled part of NYU Depth v2 to pictures, depth and normals, check them, and write a manifest.

    python datasets/nyuv2/prepare.py --root /data/nyuv2
    python datasets/nyuv2/prepare.py --root /data/nyuv2 --normals /data/surfacenormal_metadata

The official files are not changed. What is exported or checked is not done again; interrupt it and go on as you like.
"""

import sys

from avssl.data.sets.nyuv2 import prepared
from avssl.data.sets.prepare import prepare

if __name__ == "__main__":
    sys.exit(prepare(prepared, __doc__))
