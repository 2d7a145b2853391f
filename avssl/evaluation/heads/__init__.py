"""Heads that turn an encoder into a finder of key points."""

from avssl.evaluation.heads.base import Head, Labelled
from avssl.evaluation.heads.regression import Regression
from avssl.evaluation.heads.ridge import Ridge

__all__ = ["Head", "Labelled", "Regression", "Ridge"]
