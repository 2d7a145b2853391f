"""Look at nearest neighbours, and ask how alike in pose they are where joints are known.

``python tools/eval_neighbours.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it judges the newest run under runs/ on the demo figures; with
``evaluator.queries.source=FOLDER evaluator.queries.split=null`` it shows neighbours among videos of which nothing is
known. It is ``tools/eval_retrieval.py`` with ``evaluator.relevant=null``.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_neighbours.yaml")
