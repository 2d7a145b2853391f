"""Score classifiers as they are: ``python tools/eval_classifier.py [CONFIG.yaml] [run=FOLDER] [key.sub=value ...]``.

Classifiers are fine-tuned (``tools/eval_finetune.py`` with ``evaluator.save=true``) or distilled (``export=classifier``
of a run of ``Distilled``). Without arguments the distilled student is scored beside its teacher.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate", __doc__, default="configs/eval_classifier.yaml")
