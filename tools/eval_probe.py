"""Read classes from frozen features: ``python tools/eval_probe.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it reads styles of motion of the demo figures from every layer of the newest run under runs/.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_probe.yaml")
