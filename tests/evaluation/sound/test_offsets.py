"""By how much the sound was moved: who knows finds it, and everybody else stays at chance."""

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.evaluation.sound.offsets import Offsets
from avssl.methods import Method
from avssl.metrics.offsets import chance, measures, middle
from avssl.nets import SmallSound, SmallVision


class Moving(Dataset):
    """Pictures whose brightness changes from clip to clip as the loudness of their sounds does."""

    def __init__(self, count=20, clips=7, times=None, silent=(), alone=False):
        self.count, self.clips, self.silent, self.alone = count, clips, silent, alone
        self.times = torch.arange(clips) * 0.2 if times is None else times

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        _, index = key
        chance = torch.Generator().manual_seed(index)
        level = torch.rand(self.clips, generator=chance)
        heard = torch.rand(self.clips, generator=chance) if self.alone else level
        return {
            "frames": (level * 255).to(torch.uint8).view(-1, 1, 1, 1, 1).expand(-1, 2, 3, 8, 8).contiguous(),
            "sound": heard.view(-1, 1, 1).expand(-1, 1, 50).contiguous(),
            "silent": torch.tensor([index in self.silent and clip == 2 for clip in range(self.clips)]),
            "times": self.times.double()[:, None] + torch.tensor([0.0, 0.04]).double(),
            "path": f"{index}.mp4",
            "key": torch.tensor([0, 0, index]),
        }


class Fake(Method):
    def __init__(self, how):
        super().__init__()
        self.encoder, self.sound, self.views = SmallVision(widths=(2, 2, 2, 2)), SmallSound(widths=(2, 2, 2, 2)), ()
        self.how = how

    def forward(self, batch):
        return {"loss": torch.zeros(())}

    def score_pairs(self, pictures, sound):
        return self.how(pictures.mean((1, 2, 3, 4)), sound.mean((1, 2)))


KNOWS = Fake(lambda bright, loud: -(bright - loud).abs())


def asked(data, method=KNOWS, reach=2, **settings):
    evaluator = Offsets(data, reach=reach, workers=0, **settings)
    return evaluator(method, fresh=lambda _: Fake(lambda bright, _: torch.zeros_like(bright)))


def test_who_knows_finds_the_offset_and_others_stay_at_chance():
    numbers = asked(Moving(200)).numbers
    assert numbers["trained/found"] == 1.0 and numbers["trained/error"] == 0.0
    assert numbers["chance/found"] == numbers["random/found"] == pytest.approx(0.2)
    assert numbers["chance/error"] == pytest.approx(0.2 * (2 + 1 + 0 + 1 + 2) / 5)
    assert numbers["sound of another recording/found"] == pytest.approx(0.2, abs=0.09)


def test_who_hears_or_sees_alone_is_at_chance():
    for blind in (lambda bright, _: bright, lambda _, loud: loud):
        assert asked(Moving(400), Fake(blind)).numbers["trained/found"] == pytest.approx(0.2, abs=0.07)
    assert asked(Moving(400, alone=True)).numbers["trained/found"] == pytest.approx(0.2, abs=0.07)


def test_recordings_with_a_silent_window_are_left_out_and_counted():
    scores = asked(Moving(silent=(3, 4)))
    assert scores.protocol["recordings"] == 18
    assert any(note.startswith("2 recordings with a silent window") for note in scores.notes)


def test_too_few_clips_and_uneven_steps_are_errors_that_say_what_to_set():
    with pytest.raises(ConfigError, match="needs at least 9 clips a recording, got 7: set the sampler's count"):
        asked(Moving(), reach=4)
    with pytest.raises(ConfigError, match="clips must stand at even steps"):
        asked(Moving(times=torch.tensor([0.0, 0.2, 0.5, 0.6, 0.8, 1.0, 1.2])))
    with pytest.raises(ValueError, match="reach"):
        Offsets(Moving(), reach=0)


def test_the_share_found_and_the_error_equal_hand_made_ones():
    curves = np.array([[0.0, 1.0, 5.0], [2.0, 1.0, 2.0], [1.0, 3.0, 1.0]])
    found = measures(curves, np.array([1, 1, 1]), tolerance=0, step=0.5)
    assert found == {"found": pytest.approx(1 / 3), "error": pytest.approx((0.5 + 0.5 + 0) / 3)}
    assert measures(curves, np.array([1, 1, 1]), tolerance=1, step=0.5)["found"] == 1.0
    assert chance(4, 1, 0.1)["found"] == pytest.approx(3 / 9)
    assert middle(9, 4).tolist() == [4]
