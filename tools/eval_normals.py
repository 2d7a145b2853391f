"""Find the normal of each surface: ``python tools/eval_normals.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it judges the newest run under runs/ on the demo's rooms of solids.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_normals.yaml")
