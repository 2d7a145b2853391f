"""Ask which sound belongs to a picture: ``python tools/eval_correspondence.py [CONFIG.yaml] [run=FOLDER] [key=value]``.

Without arguments it asks the newest run under runs/ on held-out recordings of the demo band; with blind rows beside it.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate_method", __doc__, default="configs/eval_correspondence.yaml")
