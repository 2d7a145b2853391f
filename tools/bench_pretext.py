"""Measure what the transforms of picture tasks cost beside the trunk, and how often the trunk sees each picture.

python tools/bench_pretext.py                              256 pictures of 128 px, ResNet-18
python tools/bench_pretext.py pictures=64 rounds=1         sooner
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.training.bench_pretext", __doc__, default="configs/bench_pretext.yaml")
