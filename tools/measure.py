"""Measure a run on other data: ``python tools/measure.py [CONFIG.yaml] [run=FOLDER] [data.source=...]``."""

from pathlib import Path

from avssl.config import main

DEFAULT = Path(__file__).parent.parent / "configs" / "measure.yaml"

if __name__ == "__main__":
    main("avssl.training.measure_run.measure_run", __doc__, default=DEFAULT)
