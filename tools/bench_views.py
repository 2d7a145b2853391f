"""Measure what the views of methods of contrast cost, beside torchvision's transforms and beside the trunk.

python tools/bench_views.py                              256 pictures of 128 px, ResNet-18
python tools/bench_views.py pictures=64 rounds=1         sooner
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.training.bench_views", __doc__, default="configs/bench_views.yaml")
