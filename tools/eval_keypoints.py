"""Find key points from few labels: ``python tools/eval_keypoints.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it judges the newest run under runs/ on the demo figures.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_keypoints.yaml")
