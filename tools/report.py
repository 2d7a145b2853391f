"""Write the page of a run: ``python tools/report.py [runs/NAME]``; the newest run under runs/ if none is named."""

from avssl.config import main

if __name__ == "__main__":
    main("avssl.evaluation.finish.report", __doc__, default="configs/report.yaml", takes="run")
