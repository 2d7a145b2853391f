"""Show recoloured pictures to a classifier: ``python tools/eval_recoloring.py [CONFIG.yaml] [run=FOLDER] [key=value]``.

Without arguments it judges the newest run under runs/ on demo figures; without labels it measures colours alone.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate_method", __doc__, default="configs/eval_recoloring.yaml")
