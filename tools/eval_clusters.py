"""Ask how far clusters are classes: ``python tools/eval_clusters.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it scores the clusters of the self-labelled run on Fashion-MNIST, beside k-means of its features.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_clusters_fashion_mnist.yaml")
