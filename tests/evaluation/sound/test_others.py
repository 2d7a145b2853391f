"""False pairs take sounds of other recordings, whatever items are cut from one file or stand twice in the data."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from avssl.audit import cues
from avssl.audit.blind import shuffled_pairs
from avssl.evaluation.sound.boxes import Sources
from avssl.evaluation.sound.clips import Heard, following, others
from avssl.evaluation.sound.exchange import partner_of_class


@settings(deadline=None, max_examples=60)
@given(some.lists(some.integers(0, 3), min_size=2, max_size=12).filter(lambda numbers: len(set(numbers)) > 1))
def test_no_row_gets_a_sound_of_its_own_recording(numbers):
    recording = torch.tensor(numbers)
    for partner in (*others(recording, 3, 0), following(recording, torch.arange(len(recording)).flip(0))):
        assert (recording[partner] != recording).all()


def heard_of(recording, label):
    nothing, rows = torch.zeros(len(recording)), torch.arange(len(recording))
    return Heard(
        frames=nothing, sound=nothing, key=rows[:, None], item=rows, recording=torch.tensor(recording), clip=rows,
        label=torch.tensor(label), paths=[""] * len(rows), silent=0.0, failures=[],
    )  # fmt: skip


def test_a_duet_is_exchanged_with_another_recording_and_not_with_another_piece_of_its_own():
    heard = heard_of([7, 7, 9], [0, 1, 1])
    sources = Sources(
        boxes=[], votes=np.ones(3), other=np.zeros((3, 4)), sounding=np.array([0, 1, 1]), silent=np.array([1, -1, -1])
    )
    assert {partner_of_class(heard, sources, seed)[0].item() for seed in range(20)} == {2}


def batch(*names, epoch=0):
    count = len(names)
    values = torch.tensor([float(ord(name)) for name in names])
    return {
        "frames": values.view(-1, 1, 1, 1, 1, 1), "sound": values.view(-1, 1, 1, 1), "path": list(names),
        "key": torch.tensor([[0, epoch, ord(name)] for name in names]).view(count, 3),
    }  # fmt: skip


def test_shuffled_pairs_have_no_picture_with_its_own_sound_even_where_batches_share_recordings():
    batches = [batch(*"abcd"), batch(*"cdef", epoch=1), batch(*"efab", epoch=2)]
    for one in shuffled_pairs(batches):
        shown, played = one["frames"].flatten().tolist(), set(one["sound"].flatten().tolist())
        assert len(shown) == len(one["path"]) == 2 and not played & set(shown)


def test_where_every_batch_has_all_recordings_there_is_nothing_to_exchange():
    assert not list(shuffled_pairs([batch(*"abc"), batch(*"cab")]))


def test_the_level_of_chance_gives_no_item_its_own_sound_back(monkeypatch):
    rows = np.random.default_rng(0).standard_normal((3, 5))
    sounds = np.concatenate([rows, rows])  # each twice: two items of one file
    numbers = torch.tensor([0, 1, 2, 0, 1, 2])
    given = []

    def remember(pictures, moved, partner):
        given.append(moved[0])
        return [], []

    monkeypatch.setattr(cues, "rows_of", remember)
    monkeypatch.setattr(cues, "single_cues", lambda both, truth: {"any": 0.5})
    both = (sounds, sounds)
    cues.chance_level(both, both, (np.arange(6),) * 2, clips=(1, 1), recording=(numbers, numbers), times=10)
    assert len(given) == 10 and all((moved != sounds).any(1).all() for moved in given)
