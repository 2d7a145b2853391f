"""Classes read from both encoders: what is there is read, what is not is not, and bad input is told."""

import numpy as np
import pytest
import torch
from sounding import Toy

from avssl.config import ConfigError
from avssl.evaluation.probes.base import Labels
from avssl.evaluation.sound.classes import Classes, averaged
from avssl.evaluation.sound.clips import listen
from avssl.methods import AVE
from avssl.methods.order.shuffle_and_learn import ShuffleAndLearn
from avssl.nets import SmallNet, SmallSound, SmallVision, SpectrogramSpec

SPEC = SpectrogramSpec(window=64, hop=32, fft=64, mels=16)


def made(seed=0):
    torch.manual_seed(seed)
    return AVE(SmallVision(widths=(4, 4, 8, 8)), SmallSound(widths=(4, 4, 8, 8), spec=SPEC))


def asked(**settings):
    return Classes(Toy(), Toy(16), workers=0, initialisations=2, **{"clusters": 0} | settings)


def test_brightness_and_loudness_are_read_and_every_row_stands_in_the_table():
    scores = asked()(made(), fresh=made)
    assert [(line["of"], line["row"]) for line in scores.table] == [
        (sense, row)
        for sense, without in (("picture", "pixels"), ("sound", "log-mel"))
        for row in ("chance", "random", without, "trained")
    ]
    assert scores.numbers["picture/pixels/linear"] == scores.numbers["sound/log-mel/linear"] == 1
    assert scores.numbers["picture/chance/linear"] == 0.25
    assert all(0 <= value <= 1 for value in scores.numbers.values())
    assert scores.protocol["recordings"] == [40, 16]


class Named(Toy):
    """Recordings of some levels alone, numbered in the order of their names."""

    def __init__(self, count, levels):
        super().__init__(count)
        self.levels, self.classes = levels, tuple(f"level {level}" for level in levels)

    def __getitem__(self, key):
        index = key[1]
        number = index % len(self.levels)
        item = super().__getitem__((0, 4 * index + self.levels[number]))
        return item | {"label": number, "key": torch.tensor([0, 0, index]), "path": f"{self.levels} {index}.mp4"}


def test_classes_are_matched_by_name_and_those_never_learned_count_as_wrong():
    def read(train, test):
        return Classes(Named(24, train), Named(12, test), workers=0, initialisations=1, clusters=0)(made(), fresh=made)

    fewer = read((0, 1, 3), (3, 1))
    assert fewer.numbers["picture/pixels/linear"] == 1 and fewer.numbers["sound/log-mel/linear"] > 0.9
    assert fewer.numbers["picture/chance/linear"] == pytest.approx(1 / 3)
    assert fewer.notes[-1] == "1 classes of training have no test item: 'level 0'."
    more = read((3, 0), (0, 1, 3))
    assert more.numbers["picture/pixels/linear"] == pytest.approx(2 / 3)
    assert "4 of 12 test items are of classes without a training item ('level 1')" in more.notes[-1]
    with pytest.raises(ConfigError, match="no class in common"):
        read((0, 1), (2, 3))


def test_clusters_that_are_the_classes_agree_with_them():
    classes = np.arange(24) % 3
    labels = Labels(classes, None, ("0", "1", "2"))
    table = np.eye(3, dtype=np.float32)[classes] + 0.01 * np.random.default_rng(0).random((24, 3), np.float32)
    found = asked(clusters=2).read(table, labels, table, labels)
    assert found == pytest.approx({"linear": 1, "kNN k=20 cosine T=0.07": 1, "NMI": 1})


def test_a_recording_is_the_mean_of_its_clips():
    heard = listen(Toy(5), workers=0)
    rows = torch.arange(10.0)[:, None]
    assert averaged(heard, rows)[:, 0].tolist() == [0.5, 2.5, 4.5, 6.5, 8.5]


def test_methods_that_do_not_hear_and_data_without_classes_are_refused():
    method = ShuffleAndLearn(SmallNet(dim=8, width=4))
    with pytest.raises(ConfigError, match="ShuffleAndLearn does not hear"):
        asked()(method, fresh=lambda _: method)

    class Nameless(Toy):
        def __getitem__(self, key):
            return super().__getitem__(key) | {"label": -1}

    with pytest.raises(ConfigError, match="recordings without a class"):
        Classes(Toy(), Nameless(16), workers=0)(made(), fresh=made)
    with pytest.raises(ValueError, match="clusters >= 0"):
        Classes(Toy(), Toy(), clusters=-1)
