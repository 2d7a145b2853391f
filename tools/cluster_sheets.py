"""Draw a run's clusters as a page: ``python tools/cluster_sheets.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it takes the newest run under runs/ and pictures of Fashion-MNIST. Of features of any encoder
tools/cluster.py writes such a page.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate_method", __doc__, default="configs/cluster_sheets.yaml")
