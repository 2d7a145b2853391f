"""Recoloured pictures: how they are made, how near the colours are, and what a classifier makes of them."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2lab

from avssl.config import ConfigError
from avssl.data import Pictures
from avssl.evaluation import Recoloring
from avssl.evaluation.recoloring.evaluator import measures
from avssl.evaluation.recoloring.recolor import borrowed, color_of, gray, recolored
from avssl.methods import Method
from avssl.metrics.color import color_area, signal_to_noise
from avssl.nets import SmallNet

HUES = ((170, 90, 90), (90, 140, 90), (90, 110, 170))


class Coloring(Method):
    """Leaves the true colours (``"oracle"``) or takes all away (``"gray"``)."""

    def __init__(self, way):
        super().__init__()
        self.encoder, self.way = SmallNet(dim=4, width=2), way

    def forward(self, batch):
        return {"loss": torch.zeros(())}

    def colorize(self, pictures):
        return pictures if self.way == "oracle" else pictures.mean(1, keepdim=True).expand_as(pictures)


@pytest.fixture(scope="module")
def hues(tmp_path_factory):
    """Pictures whose class is their hue alone."""
    folder, rng = tmp_path_factory.mktemp("hues"), np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 8)):
        for name, hue in enumerate(HUES):
            (folder / split / f"hue{name}").mkdir(parents=True)
            for number in range(count):
                noise = rng.integers(-25, 26, (16, 16, 1)) + rng.integers(-25, 26)
                pixels = np.clip(np.array(hue) + noise, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / f"hue{name}" / f"{split}{name}{number}.png")
    return folder


def dull(count=3, size=8):
    return np.random.default_rng(1).integers(90, 160, (count, 3, size, size), np.uint8)


def lab(pictures):
    return np.stack([rgb2lab(one.transpose(1, 2, 0)).transpose(2, 0, 1) for one in pictures])


def test_a_recoloured_picture_keeps_its_lightness_and_takes_the_methods_colours_at_its_own_size():
    true = dull()
    np.testing.assert_allclose(recolored(Coloring("oracle"), true), true, atol=1)
    without = recolored(Coloring("gray"), true)
    np.testing.assert_allclose(without, gray(true), atol=1)
    np.testing.assert_allclose(lab(without)[:, 0], lab(true)[:, 0], atol=0.5)
    coarse = recolored(Coloring("oracle"), np.repeat(np.repeat(true, 4, 2), 4, 3), size=8)
    np.testing.assert_allclose(lab(coarse)[:, 0, 1::4, 1::4], lab(true)[:, 0], atol=1)
    taken = borrowed(true, true[[1, 2, 0]])
    np.testing.assert_allclose(lab(taken)[:, 1:], lab(true[[1, 2, 0]])[:, 1:], atol=1.5)


def test_the_area_of_colours_is_that_of_a_sweep_over_thresholds():
    rng = np.random.default_rng(0)
    found, truth = rng.normal(0, 40, (4, 2, 9, 9)), rng.normal(0, 40, (4, 2, 9, 9))
    steps = np.linspace(0, 150, 3001)
    far = np.linalg.norm(found - truth, axis=1).reshape(4, -1)
    swept = [np.trapezoid([(row <= step).mean() for step in steps], steps) / 150 for row in far]
    np.testing.assert_allclose(color_area(found, truth), swept, atol=1e-3)
    assert (color_area(truth, truth) == 1).all() and np.isinf(signal_to_noise(dull(), dull())).all()
    assert color_of(dull()).shape == (3, 2, 8, 8)


def judged(hues, way, **settings):
    sides = {side: Pictures(hues / side) for side in ("train", "test")}
    evaluator = Recoloring(
        **sides, classifier=SmallNet(dim=8, width=4), steps=60, batch=30, lr=1e-2, draws=2, quiet=True, **settings
    )
    return evaluator(Coloring(way), fresh=lambda seed: Coloring("gray"))


def test_a_classifier_of_hues_knows_true_colours_and_is_at_chance_on_grey(hues):
    scores = judged(hues, "oracle")
    numbers = scores.numbers
    assert numbers["true/accuracy"] == numbers["trained/accuracy"] > 0.95
    assert numbers["chance/accuracy"] == pytest.approx(1 / 3)
    for row in ("grey", "random"):
        assert abs(numbers[f"{row}/accuracy"] - 1 / 3) < 0.15
    assert numbers["colours of another picture/accuracy"] < 0.75
    assert numbers["trained/AuC"] > 0.99 > numbers["grey/AuC"] and numbers["trained-grey/accuracy"] > 0.5
    assert [row["row"] for row in scores.table][-1] == "chance" and "recolored" in scores.pictures


def test_a_method_without_colours_scores_as_grey(hues):
    numbers = judged(hues, "gray").numbers
    assert numbers["trained/accuracy"] == pytest.approx(numbers["grey/accuracy"], abs=0.05)
    assert numbers["trained/AuC"] == pytest.approx(numbers["grey/AuC"], abs=0.01)


def test_without_labels_colours_alone_are_measured_and_one_line_says_so(hues):
    scores = Recoloring(test=Pictures(hues / "test" / "hue0"), quiet=True)(
        Coloring("oracle"), fresh=lambda seed: Coloring("gray")
    )
    assert scores.notes[0] == "No labelled pictures were given (evaluator.train): no classifier scored."
    assert "accuracy" not in scores.table[0] and scores.numbers["trained/AuC"] > 0.99


def test_a_method_that_gives_no_colours_and_half_a_classifier_are_told(hues):
    class Blind(Method):
        def forward(self, batch):
            return {}

    with pytest.raises(ConfigError, match="Blind gives no colours"):
        Recoloring(test=Pictures(hues / "test"), quiet=True)(Blind(), fresh=lambda seed: Blind())
    with pytest.raises(ValueError, match="both train and classifier"):
        Recoloring(test=Pictures(hues / "test"), train=Pictures(hues / "train"))


def test_a_picture_that_is_grey_already_does_not_make_a_mean_infinite():
    found = measures([dull()], dull())
    assert np.isfinite(found["PSNR"]).all() and (found["PSNR"] > 58).all() and (found["AuC"] == 1).all()
