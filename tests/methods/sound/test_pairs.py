"""Which pictures and sounds are told to belong together, and how well that is told."""

import math

import pytest
import torch

from avssl.losses import pair_verification
from avssl.methods.sound.pairs import louder, measure_pairs, pairs_of, partners


def keys(videos, clips=1, seed=0):
    return torch.tensor([[seed, 0, video, clip] for video in range(videos) for clip in range(clips)])


def batch(videos=4, clips=2, label=None, silent=None):
    chance = torch.Generator().manual_seed(0)
    made = {
        "frames": torch.randint(0, 256, (videos, clips, 1, 3, 8, 8), dtype=torch.uint8, generator=chance),
        "sound": torch.randn(videos, clips, 1, 800, generator=chance),
        "key": torch.tensor([[0, 0, video] for video in range(videos)]),
    }
    made |= {} if label is None else {"label": torch.tensor(label)}
    return made | ({} if silent is None else {"silent": silent})


@pytest.mark.parametrize(("videos", "clips"), [(2, 1), (5, 1), (3, 4), (16, 3)])
def test_every_picture_gets_a_sound_of_another_recording_and_every_sound_is_used_once(videos, clips):
    video = torch.arange(videos).repeat_interleave(clips)
    for seed in range(20):
        found = partners(keys(videos, clips, seed), video)
        assert (video[found] != video).all()
        assert found.sort().values.tolist() == list(range(videos * clips))


def test_every_place_along_the_ring_gives_another_partner():
    video = torch.arange(5).repeat_interleave(2)
    found = torch.stack([video[partners(keys(5, 2), video, places)] for places in range(1, 5)])
    assert all(
        set(column.tolist()) == set(range(5)) - {own} for column, own in zip(found.T, video.tolist(), strict=True)
    )
    with pytest.raises(ValueError, match="places must be 1 to 4"):
        partners(keys(5, 2), video, 5)


def test_partners_depend_on_keys_alone_and_change_with_them():
    video = torch.arange(8)
    assert torch.equal(partners(keys(8), video), partners(keys(8), video))
    assert len({tuple(partners(keys(8, seed=seed), video).tolist()) for seed in range(10)}) > 5


def test_every_other_recording_is_as_likely_a_partner():
    counts = torch.zeros(4, 4)
    for seed in range(600):
        counts[torch.arange(4), partners(keys(4, seed=seed), torch.arange(4))] += 1
    assert (counts[~torch.eye(4, dtype=torch.bool)] - 200).abs().max() < 60  # five standard deviations


def test_one_recording_has_no_negatives():
    with pytest.raises(ValueError, match="at least 2 recordings"):
        partners(keys(1, 3), torch.zeros(3, dtype=torch.long))


def test_pairs_are_clips_and_their_windows():
    made = batch()
    pairs = pairs_of(made, (), train=True)
    assert torch.equal(pairs.sound[3], made["sound"][1, 1]) and pairs.video.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    torch.testing.assert_close(pairs.pictures[3, 0], made["frames"][1, 1, 0].float() / 255)
    assert pairs.key[3].tolist() == [0, 0, 1, 1] and pairs.heard.all() and pairs.label is None


def test_data_without_sound_say_what_to_do():
    made = batch()
    del made["sound"]
    with pytest.raises(ValueError, match="these data have no sound: choose it with the sampler"):
        pairs_of(made, (), train=True)


def test_sound_of_another_rate_than_the_spectrograms_is_refused():
    made = batch() | {"sound_rate": torch.tensor([8000] * 4)}
    assert len(pairs_of(made, (), train=True, rate=8000)) == len(pairs_of(made, (), train=True))
    with pytest.raises(ValueError, match="has 8000 samples a second and the encoder's spectrogram is made for 16000"):
        pairs_of(made, (), train=True, rate=16000)


def test_an_undecided_head_has_the_loss_log_2():
    zero = torch.zeros(6)
    found = pair_verification(zero, zero, zero == 0, zero == 0)
    assert found["loss"].item() == pytest.approx(math.log(2)) and found["accuracy"].item() == 0.5


def test_the_loss_is_the_mean_of_both_sides_over_what_can_be_heard():
    true, false = torch.tensor([2.0, -1.0, 9.0]), torch.tensor([-3.0, 0.5, 9.0])
    kept = torch.tensor([True, True, False])
    found = pair_verification(true, false, kept, kept)
    slow_true = -(math.log(1 / (1 + math.exp(-2))) + math.log(1 / (1 + math.exp(1)))) / 2
    slow_false = -(math.log(1 - 1 / (1 + math.exp(3))) + math.log(1 - 1 / (1 + math.exp(-0.5)))) / 2
    assert found["loss"].item() == pytest.approx((slow_true + slow_false) / 2, rel=1e-6)
    assert found["accuracy"].item() == pytest.approx(0.5)


def test_a_gain_is_drawn_for_each_pair_within_its_bounds():
    found = louder(torch.ones(200, 1, 4), keys(200), 0.1)
    assert (found == found[:, :, :1]).all() and 0.9 <= found.min() < 0.91 and 1.09 < found.max() < 1.1


def test_knowing_the_class_gives_the_ceiling_and_other_classes_are_told_apart():
    """The score compares the brightness that the class has given to pictures and to sounds."""
    label = [0, 0, 1, 1, 2, 2, 3, 3]
    made = batch(8, 1, label=label)
    made["frames"][:] = torch.tensor(label)[:, None, None, None, None, None] * 60
    made["sound"][:] = torch.tensor(label)[:, None, None, None]
    seen = []
    for seed in range(60):
        made["key"] = torch.tensor([[seed, 0, video] for video in range(8)])
        seen.append({name: value.clone() for name, value in made.items()})

    def score(pictures, sound):
        return 1 - 2 * (pictures.mean((1, 2, 3, 4)) * 255 / 60 - sound.mean((1, 2))).abs()

    scores = measure_pairs(score, seen, ())
    assert scores["accuracy_other_class"] == 1.0
    assert scores["accuracy"] == pytest.approx(scores["ceiling"]) and scores["ceiling"] == pytest.approx(
        1 - 1 / 14, abs=0.03
    )


def test_scores_drawn_by_chance_are_at_chance():
    chance = torch.Generator().manual_seed(0)
    made = [batch(16, 2) for _ in range(20)]
    scores = measure_pairs(lambda pictures, sound: torch.randn(len(sound), generator=chance), made, ())
    assert scores["accuracy"] == pytest.approx(0.5, abs=0.06) and scores["auc"] == pytest.approx(0.5, abs=0.06)


def test_silent_windows_count_nowhere_and_are_reported():
    silent = torch.zeros(4, 2, dtype=torch.bool)
    silent[0], silent[1, 0] = True, True
    scores = measure_pairs(lambda pictures, sound: torch.ones(len(sound)), [batch(silent=silent)], ())
    assert scores["silent"] == pytest.approx(3 / 8) and scores["accuracy"] == 0.5
    nothing = measure_pairs(lambda pictures, sound: torch.ones(len(sound)), [batch(silent=~silent | silent)], ())
    assert math.isnan(nothing["accuracy"]) and nothing["silent"] == 1
