"""Whether a method tells pairs: rows that cannot know stay at chance, and a shortcut shows."""

import pytest
import torch
from sounding import Toy

from avssl.evaluation.sound.clips import listen, others
from avssl.evaluation.sound.correspondence import Correspondence
from avssl.methods import Method, ShuffleAndLearn
from avssl.nets import SmallNet, SmallSound, SmallVision


class Fake(Method):
    """Judges by what ``how`` makes of brightness and loudness, both as levels 0 to 3."""

    def __init__(self, how):
        super().__init__()
        self.encoder, self.sound, self.views = SmallVision(widths=(2, 2, 2, 2)), SmallSound(widths=(2, 2, 2, 2)), ()
        self.how = how

    def forward(self, batch):
        return {"loss": torch.zeros(())}

    def score_pairs(self, pictures, sound):
        bright = (pictures.mean((1, 2, 3, 4)) * 255 - 40) / 60
        loud = -sound.std((1, 2)).log10()
        return self.how(bright, loud)


KNOWS = Fake(lambda bright, loud: 0.5 - (bright - loud).abs())


def asked(method, **settings):
    return Correspondence(Toy(), workers=0, **settings)(method, fresh=lambda _: Fake(lambda b, _: torch.zeros_like(b)))


def test_what_knows_the_class_reaches_the_ceiling_and_blind_rows_stay_at_chance():
    scores = asked(KNOWS)
    numbers = scores.numbers
    assert numbers["trained/other class"] == 1.0 == numbers["trained/2AFC, other"]
    assert numbers["trained/accuracy"] == pytest.approx(numbers["ceiling"]) == pytest.approx(1 - 1 / 8, abs=0.03)
    for row in ("sound only", "picture only", "shuffled pairs", "random"):
        assert numbers[f"{row}/AUC"] == pytest.approx(0.5, abs=0.06), row
    assert [line["row"] for line in scores.table][-1] == "trained" and len(scores.tables["items"]) == 80


def test_who_decides_by_the_picture_alone_is_at_chance():
    numbers = asked(Fake(lambda bright, _: bright - 1.5)).numbers
    assert numbers["trained/AUC"] == pytest.approx(0.5) and numbers["trained/accuracy"] == pytest.approx(0.5)


def test_a_threshold_is_chosen_on_other_data():
    shifted = Fake(lambda bright, loud: 5.5 - (bright - loud).abs())
    numbers = asked(shifted, validation=Toy(20)).numbers
    assert numbers["trained/accuracy"] == 0.5
    assert numbers["trained/at the chosen threshold"] == pytest.approx(numbers["ceiling"], abs=0.03)


def test_false_pairs_never_share_a_recording_and_use_each_sound_about_once():
    item = torch.arange(10).repeat_interleave(3)
    found = others(item, 6, seed=0)
    assert (item[found] != item).all() and len({tuple(row.tolist()) for row in found}) == 6
    assert torch.equal(found, others(item, 6, seed=0))
    assert all(torch.bincount(row, minlength=30).max() <= 3 for row in found)


def test_silent_windows_are_left_out_and_counted():
    heard = listen(Toy(10, silent=(3, 4)), workers=0)
    assert heard.silent == pytest.approx(0.2) and set(heard.item.tolist()) == set(range(10)) - {3, 4}


def test_a_method_that_judges_no_pairs_is_refused():
    with pytest.raises(ValueError, match="ShuffleAndLearn does not score pairs"):
        Correspondence(Toy(), workers=0)(ShuffleAndLearn(SmallNet(dim=8, width=2)), fresh=lambda _: KNOWS)


def test_data_without_sound_are_refused_in_one_line():
    class Mute(Toy):
        def __getitem__(self, key):
            return {name: value for name, value in super().__getitem__(key).items() if name not in ("sound", "silent")}

    with pytest.raises(ValueError, match=r"evaluator\.data: these data have no sound"):
        Correspondence(Mute(), workers=0)(KNOWS, fresh=lambda _: KNOWS)
