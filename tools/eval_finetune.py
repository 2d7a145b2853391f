"""Fine-tune an encoder to classes: ``python tools/eval_finetune.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it learns styles of motion of the demo figures with the newest run under runs/.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_finetune.yaml")
