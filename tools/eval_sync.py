"""Ask by how much the sound was moved: ``python tools/eval_sync.py [CONFIG.yaml] [run=FOLDER] [key=value]``.

Without arguments it asks the newest run under runs/ on held-out recordings of the demo band; AVTS is taught for this.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate_method", __doc__, default="configs/eval_sync.yaml")
