"""Ask what is taken for alike: ``python tools/eval_retrieval.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it retrieves frames of held-out demo figures with the newest run under runs/.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_retrieval.yaml")
