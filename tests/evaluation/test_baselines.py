"""Batch statistics of random rows, and the pictures and sounds that they are taken of."""

import pytest
import torch
from torch import nn

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.baselines import calibrated, compared_encoders, pool_of, sounds_of
from avssl.nets import SmallNet


class Items(Dataset):
    """Items in memory."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, key):
        return self.items[key[1] if isinstance(key, tuple) else key]


def picture(height, width, value):
    frames = torch.full((1, 2, 3, height, width), value, dtype=torch.uint8)
    return {"path": f"{value}.png", "frames": frames, "valid": torch.tensor([[True, False]])}


def windows(values, path="a.wav"):
    sound = torch.tensor(values).view(-1, 1, 1).expand(-1, 1, 4)
    return {"path": path, "sound": sound, "sound_valid": sound != 0}


def test_statistics_are_those_of_the_data_with_nothing_dropped():
    module = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(2))
    rows, others = torch.rand(30, 2), torch.rand(30, 2)
    calibrated(module, rows, others, run=lambda one, other: module(one + other), batch=10)
    torch.testing.assert_close(module[1].running_mean, (rows + others).mean(0))
    assert not module.training and module[1].momentum == 0.1


def test_a_pool_takes_valid_frames_and_can_cut_them_to_the_size_that_all_have():
    data = Items([picture(8, 6, 1), {"failure": {"path": "b", "error": "empty"}}, picture(4, 10, 2)])
    pool = pool_of(data, crop="common")
    assert pool.shape == (2, 3, 4, 6) and pool[:, 0, 0, 0].tolist() == [1, 2]
    with pytest.raises(ConfigError, match="the pictures of the data differ in size"):
        pool_of(data)


def test_a_pool_of_sounds_is_all_windows_that_hold_sound_or_the_middle_of_each_item():
    data = Items([windows([1.0, 0.0, 2.0]), windows([3.0])])
    assert sounds_of(data)[:, 0, 0].tolist() == [1, 2, 3]
    assert sounds_of(data, windows="middle")[:, 0, 0].tolist() == [0, 3]
    with pytest.raises(ConfigError, match=r"mute\.mp4 has no sound"):
        sounds_of(Items([{"path": "mute.mp4"}]))


@pytest.mark.parametrize("name", ["random", "trained", "pixels", "hog", "log-mel"])
def test_a_further_row_never_takes_the_place_of_a_baseline(name):
    with pytest.raises(ConfigError, match=rf"evaluator\.extra\.{name}: there is a row of that name already"):
        compared_encoders(SmallNet(dim=4, width=2), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), extra={name: "runs/x"})
