"""Heads that turn an encoder into a finder of key points."""

from avssl.evaluation.keypoints.heads.base import Head, Labelled
from avssl.evaluation.keypoints.heads.heatmaps import HeatMaps
from avssl.evaluation.keypoints.heads.regression import Regression
from avssl.evaluation.keypoints.heads.ridge import Ridge

__all__ = ["Head", "HeatMaps", "Labelled", "Regression", "Ridge"]
