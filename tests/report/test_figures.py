"""Pictures of results: what has a value can be seen, and what has a name can be told apart."""

import numpy as np
from matplotlib.axes import Axes

from avssl.report.figures import Curve, curve_picture


def colored(picture):
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    return ((pixels.max(2) - pixels.min(2)) > 60).sum()


def test_a_curve_of_one_point_is_a_dot():
    far = Curve("hidden", np.array([0.0, 1.0]), np.array([np.nan, np.nan]))  # its name has the colour, too
    none = curve_picture({"a": [far]}, "layer", "%")
    one = curve_picture({"a": [far._replace(across=np.array([0.5]), up=np.array([3.0]))]}, "layer", "%")
    assert colored(one) > colored(none) + 15


def test_many_names_are_told_once_beside_the_panels():
    curves = [Curve(f"run {number}", np.arange(3), np.arange(3) + number) for number in range(16)]
    many = curve_picture(dict.fromkeys("abcd", curves), "layer", "%", marks=["1", "2", "3"])
    few = curve_picture(dict.fromkeys("abcd", curves[:4]), "layer", "%", marks=["1", "2", "3"])
    right = np.asarray(many.convert("L"))[:, -60:]
    assert (right < 128).any() and many.size == few.size


def test_no_two_of_twelve_curves_look_alike(monkeypatch):
    drawn, plain = [], Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda panel, *given, **how: drawn.append(how) or plain(panel, *given, **how))
    curves = [Curve(f"row {number}", np.arange(2), np.arange(2) + number) for number in range(12)]
    curve_picture({"score": curves}, "frames", "score")
    assert len({(how["color"], how["linestyle"]) for how in drawn}) == 12
