"""Write features of a data set to files: ``python tools/extract.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it takes every layer of the newest run under runs/ on the held-out demo figures. On several
processes: ``torchrun --nproc-per-node 2 tools/extract.py ...``.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.features.command.extract_features", __doc__, default="configs/extract.yaml")
