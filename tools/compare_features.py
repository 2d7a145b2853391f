"""Retrieve between two folders of features, across modalities if you like.

``python tools/compare_features.py queries=FOLDER gallery=FOLDER [relevant=pair|label|group] [key=value ...]``

The folders are those that tools/extract.py writes; ``queries=FOLDER/output.npy`` names one of several files.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.retrieval.across.compare_features", __doc__, default="configs/compare_features.yaml")
