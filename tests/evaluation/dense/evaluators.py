"""Dense evaluators of the scenery, small and quick."""

from avssl.evaluation import Detection, Detector, Normals, Segmentation
from avssl.evaluation.dense.fitting import Fitting
from avssl.training.optim import AdamW
from tests.evaluation.dense.scenery import SIDE, Squares

NAMES = ["ground", "red", "green"]
QUICK = Fitting(steps=40, batch=4, optim=AdamW(lr=0.1))
TINY = {"short": [SIDE], "anchors": [8], "width": 32, "cells": 3, "proposals": 20, "samples": 16}
SMALL = Detector(**TINY, layers=["conv2"])


def segmentation(**settings):
    known = {"classes": NAMES, "fitting": QUICK, "seeds": 1, "num_shown": 2, "quiet": True}
    return Segmentation(**({"train": Squares(), "test": Squares(6, seed=1)} | known | settings))


def surfaces(**settings):
    known = {"fitting": QUICK, "seeds": 1, "num_shown": 2, "quiet": True}
    return Normals(**({"train": Squares(), "test": Squares(6, seed=1)} | known | settings))


def evaluator(**settings):
    known = {"detector": SMALL, "fitting": Fitting(steps=1, batch=2), "seeds": 1, "num_shown": 2, "quiet": True}
    return Detection(**({"train": Squares(), "test": Squares(6, seed=1)} | known | settings))
