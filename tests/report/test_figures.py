"""Curves of many rows stay apart, although there are few colours."""

import numpy as np
from matplotlib.axes import Axes

from avssl.report.figures import Curve, curve_picture


def test_no_two_of_twelve_curves_look_alike(monkeypatch):
    drawn, plain = [], Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda panel, *given, **how: drawn.append(how) or plain(panel, *given, **how))
    curves = [Curve(f"row {number}", np.arange(2), np.arange(2) + number) for number in range(12)]
    curve_picture({"score": curves}, "frames", "score")
    assert len({(how["color"], how["linestyle"]) for how in drawn}) == 12
