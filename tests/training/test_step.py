"""One step: what stops it, and what the scaler of half precision is left to do."""

import math

import pytest
import torch

from avssl.training.feed import images, is_empty
from avssl.training.step import agree, complaint, nonfinite


class Scaler:
    def __init__(self, scale):
        self.scale = scale

    def get_scale(self):
        return self.scale


@pytest.mark.parametrize(
    ("loss", "norm", "scaler", "bad"),
    [
        (1.0, 1.0, None, None),
        (math.nan, 1.0, None, "loss"),
        (math.nan, 1.0, Scaler(65536.0), "loss"),
        (1.0, math.inf, None, "gradient_norm"),
        (1.0, math.inf, Scaler(65536.0), None),
        (1.0, math.inf, Scaler(0.5), "gradient_norm"),
    ],
)
def test_only_an_overflow_of_scaled_gradients_is_left_to_the_scaler(loss, norm, scaler, bad):
    assert nonfinite({"loss": loss, "gradient_norm": norm}, ["loss"], ["gradient_norm"], scaler) == bad


def test_a_complaint_names_some_files_and_counts_the_rest():
    paths = [f"{i}.mp4" for i in range(10)]
    assert complaint("loss", math.nan, [{"path": paths[:6]}, {"path": paths[6:]}], 7).endswith("7.mp4 and 2 more")
    assert complaint("loss", math.nan, [{}], 7).endswith("(the data names none)")


def test_empty_batches_are_told_from_full_ones_and_images_are_counted():
    full, empty = {"frames": torch.zeros(2, 3, 4, 3, 8, 8), "failures": []}, {"failures": [{"path": "a"}]}
    assert is_empty(empty) and not is_empty(full)
    assert images(full) == 24 and images({"sound": torch.zeros(5, 10)}) == 5 and images(empty) == 0


def test_alone_a_process_agrees_with_itself():
    class Alone:
        world_size = 1

    full = {"frames": torch.zeros(1)}
    assert agree(Alone(), 2, [full, {"failures": []}]) == (2, [full])


def test_the_files_whose_values_are_not_finite_are_named_and_no_others():
    sound = torch.ones(4, 2, 1, 8)
    sound[2, 1, 0, 3] = math.nan
    told = complaint("loss", math.nan, [{"path": [f"{i}.wav" for i in range(4)], "sound": sound}], 7)
    assert told.endswith("hold values which are not finite: 2.wav")
