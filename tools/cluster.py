"""Cluster features by k-means: ``python tools/cluster.py features=FOLDER [clusters=100] [key=value ...]``.

The folder is one that tools/extract.py writes. With ``centres=FILE`` rows are given the nearest centres of clusters
that were made before, such as those of another data set.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.clusters.command.cluster_features", __doc__, default="configs/cluster.yaml")
