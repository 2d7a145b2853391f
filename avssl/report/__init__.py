"""One HTML page that shows a run: curves, scores with their protocols, pictures, and how to do it again."""

from avssl.report.page import write_report

__all__ = ["write_report"]
