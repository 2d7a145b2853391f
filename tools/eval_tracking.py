"""Follow boxes of first frames: ``python tools/eval_tracking.py [CONFIG.yaml] [run=FOLDER] [key=value ...]``.

Without arguments it follows heads and forearms of the held-out demo figures with the newest run under runs/. For OTB:
``python tools/eval_tracking.py configs/eval_tracking_otb.yaml evaluator.data.source=/data/OTB run=runs/mine``.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_tracking.yaml")
