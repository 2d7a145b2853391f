"""Propagate labels of first frames: ``python tools/eval_propagation.py [CONFIG.yaml] [run=FOLDER] [key=value ...]``.

Without arguments it carries masks of parts and joints through the held-out demo figures with the newest run under
runs/. For DAVIS-2017: ``python tools/eval_propagation.py configs/eval_propagation_davis.yaml
evaluator.data.source=/data/DAVIS evaluator.results=results``.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_propagation.yaml")
