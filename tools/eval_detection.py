"""Find objects by Faster R-CNN: ``python tools/eval_detection.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it judges the newest run under runs/ on crowds of demo figures.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_detection.yaml")
