"""Probe the order of frames: ``python tools/eval_order.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it asks frozen features of held-out demo figures, of the newest run under runs/.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_order.yaml")
