"""Teach what any teachers know to one common student: ``python tools/transfer.py [CONFIG.yaml] [key.sub=value ...]``.

Features of each teacher (runs, HOG, pixels) are clustered, a student of another architecture learns the clusters from
scratch, and probes of all make one table. Without arguments: the pretext tasks on Fashion-MNIST.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.transfer.command.transfer", __doc__, default="configs/transfer_fashion_mnist.yaml")
