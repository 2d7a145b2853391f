"""Paint each pixel in its class: ``python tools/eval_segmentation.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it judges the newest run under runs/ on the parts of the demo figures.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_segmentation.yaml")
