"""Train a method.

python tools/train.py                                                  the demo: Shuffle and Learn on moving figures
python tools/train.py configs/NAME.yaml                                any other run
python tools/train.py configs/NAME.yaml steps=5000 optim.lr=1e-3       with settings of your own

Stop it with Ctrl-C; the same command goes on where it stopped.
"""

from avssl.config import main

if __name__ == "__main__":
    main(
        "avssl.training.train",
        __doc__,
        default="configs/shuffle_learn.yaml",
        then="avssl.evaluation.finish.finish",
    )
