"""The probe of order: what rises with time tells the middle, what stands still does not."""

import numpy as np
import pytest
import torch
from torch import nn

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation import Order
from avssl.evaluation.probes.order import differences
from avssl.nets import Encoder, SmallClips


class Rising(Dataset):
    """Tuples of five frames, of 8 px, whose light rises with time from a start of their own, or is new in each."""

    def __init__(self, videos, seed=0, rising=True, frames=5):
        self.videos, self.seed, self.rising, self.frames = videos, seed, rising, frames

    def __len__(self):
        return self.videos

    def __getitem__(self, key):
        _, index = key if isinstance(key, tuple) else (0, key)
        rng = np.random.default_rng((self.seed, index))
        steps = (
            rng.integers(4, 20, (2, self.frames)).cumsum(1) if self.rising else rng.integers(0, 100, (2, self.frames))
        )
        light = rng.integers(0, 100, (2, 1)) + steps
        return {
            "frames": torch.from_numpy(light.astype(np.uint8))[..., None, None, None].expand(-1, -1, 3, 8, 8),
            "times": torch.arange(self.frames, dtype=torch.float64).expand(2, -1) / 25,
            "valid": torch.ones(2, self.frames, dtype=torch.bool),
            "label": 0,
            "path": f"{self.seed}-{index}.mp4",
        }


class Light(Encoder):
    """Its output is the light of a picture, times ``gain``."""

    def __init__(self, gain=1.0):
        trunk = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2, bias=False))
        super().__init__(trunk, 2, {}, mean=(0.0,) * 3, std=(1.0,) * 3)
        with torch.no_grad():
            trunk[2].weight.fill_(gain)


def ask(encoder, rising=True, **settings):
    sides = Rising(60, seed=0, rising=rising), Rising(40, seed=1, rising=rising)
    return Order(*sides, initialisations=1, quiet=True, **settings)(encoder, fresh=lambda number: Light(0.0))


def test_features_that_rise_with_time_tell_the_middle_and_features_that_say_nothing_do_not():
    numbers = ask(Light()).numbers
    assert numbers["trained/output/right"] > 0.95 and numbers["random/output/right"] == 0.5 == numbers["chance/right"]
    assert numbers["trained-random/output/right"] > 0.45 and numbers["pixels/output/right"] > 0.95


def test_frames_in_no_order_leave_everybody_at_chance():
    numbers = ask(Light(), rising=False).numbers
    assert abs(numbers["trained/output/right"] - 0.5) < 0.12 and abs(numbers["pixels/output/right"] - 0.5) < 0.12


def test_triplets_are_b_c_d_and_b_a_d_and_b_e_d():
    (found,) = differences(np.array([[[0.0], [1.0], [3.0], [7.0], [15.0]]]))
    assert found.tolist() == [[2.0, 4.0, 6.0], [1.0, 7.0, 6.0], [14.0, 8.0, 6.0]]


def test_other_data_and_encoders_of_clips_are_refused_in_one_line():
    with pytest.raises(ConfigError, match="no tuples of five frames"):
        Order(Rising(4, frames=4), Rising(4, frames=4), quiet=True)(Light(), fresh=lambda number: Light())
    with pytest.raises(ConfigError, match="Order needs an encoder of pictures"):
        ask(SmallClips())
