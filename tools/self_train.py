"""Teach a teacher, let it label, train a student on both, and again.

python tools/self_train.py [CONFIG.yaml] [key=value ...]

Without arguments: Fashion-MNIST with 1 % of its labels (configs/self_training_fashion_mnist.yaml). Each round is a run
under the folder ``out``; the same command goes on after an interruption. The network taught by labels alone is always
trained and scored beside.
"""

from avssl.config import main

if __name__ == "__main__":
    main(
        "avssl.evaluation.self_training.command.self_train",
        __doc__,
        default="configs/self_training_fashion_mnist.yaml",
    )
