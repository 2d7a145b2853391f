"""Compare runs by the same evaluations, in one table: ``python tools/compare.py CONFIG [key=value ...]``.

CONFIG names runs, or configs that are trained first, and what to ask of all: suite_demo, suite_fashion_mnist, ...
What was computed is kept, so a table that was cut off, or that grows by a row, goes on.
"""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.suite.command.compare", __doc__, default="configs/suite_demo.yaml")
