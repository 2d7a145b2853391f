"""Read classes from the sounds of a run: ``python tools/eval_sound_probe.py [CONFIG.yaml] [run=FOLDER] [key=value]``.

Without arguments it reads instruments of the demo band from the sound encoder of the newest run under runs/, beside
random encoders, log-mel statistics and chance. Other configs do ESC-50 (five folds) and the scenes of DCASE.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate_method", __doc__, default="configs/eval_sound_probe.yaml")
