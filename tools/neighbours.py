"""Find nearest neighbours of all items: ``python tools/neighbours.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it takes the features of the SimCLR run on Fashion-MNIST, of which SCAN learns
(configs/scan_fashion_mnist.yaml). On several processes: ``torchrun --nproc-per-node 2 tools/neighbours.py ...``.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.features.neighbours.find_neighbours", __doc__, default="configs/neighbours_fashion_mnist.yaml")
