"""Draw where an encoder looks: ``python tools/eval_attention.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Without arguments it looks at the demo figures with the newest run under runs/; for a folder of pictures:
``python tools/eval_attention.py configs/eval_attention_pictures.yaml evaluator.data.source=FOLDER``.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_attention.yaml")
