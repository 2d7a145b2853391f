"""Measure how fast training is: images a second, the share of time waiting for data, the ratio to a ready batch.

python tools/bench_training.py                                         a small net, AlexNet and ResNet-50
python tools/bench_training.py precision=bf16-mixed compile=true channels_last=true workers=8
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.training.bench_training", __doc__, default="configs/bench_training.yaml")
