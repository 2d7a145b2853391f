"""Ask where the sound comes from: ``python tools/eval_localisation.py [CONFIG.yaml] [run=FOLDER] [key=value ...]``.

Without arguments it asks the newest run under runs/ on held-out recordings and duets of the demo band, whose boxes are
known; beside the centre, the whole picture, and the same network with another recording's sound.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.runner.evaluate_method", __doc__, default="configs/eval_localisation.yaml")
