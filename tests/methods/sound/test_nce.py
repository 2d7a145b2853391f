"""Cross-modal noise contrast: its losses against slow writings, the bank, what is learned and what must not be."""

import math

import pytest
import torch
from buzzing import SPEC, world
from torch.nn import functional as F

from avssl.losses import symmetric_contrast
from avssl.methods import CrossModalNCE
from avssl.methods.banks import contrast_entries, noise_entries
from avssl.methods.sound.nce import both_ways, relations
from avssl.methods.sound.pairs import pairs_of
from avssl.nets import Bank, SmallSound, SmallVision


def made(seed=0, **settings):
    torch.manual_seed(seed)
    nets = SmallVision(widths=(4, 4, 8, 8)), SmallSound(widths=(4, 4, 8, 8), spec=SPEC)
    return CrossModalNCE(*nets, **({"dim": 16, "hidden": 16} | settings))


def keys(videos, clips=1, seed=0):
    return torch.tensor([[seed, 0, video, clip] for video in range(videos) for clip in range(clips)])


@pytest.mark.parametrize("shift", ["ignored", "variant", "invariant"])
@pytest.mark.parametrize("reversal", ["none", "variant", "invariant"])
def test_the_contrast_within_a_batch_equals_a_slow_writing(shift, reversal):
    torch.manual_seed(0)
    rows = [
        (video, clip, way) for way in range(1 if reversal == "none" else 2) for video in range(3) for clip in (0, 1)
    ]
    count = len(rows)
    logits, heard = torch.randn(count, count), torch.arange(count) % 6 != 3
    key, backwards = keys(3, 2).repeat(count // 6, 1), torch.tensor([way == 1 for _, _, way in rows])
    total, terms = 0.0, 0
    for table in (logits.tolist(), logits.T.tolist()):
        for one, (video, clip, way) in enumerate(rows):
            true, false = [], []
            for other, (video2, clip2, way2) in enumerate(rows):
                if not heard[one] or not heard[other]:
                    continue
                if video2 != video:
                    false.append(other)
                elif clip2 != clip and shift == "ignored":
                    continue
                elif (clip2 != clip and shift == "variant") or (way2 != way and reversal == "variant"):
                    false.append(other)
                else:
                    true.append(other)
            for each in true:
                sums = sum(math.exp(table[one][other]) for other in true + false)
                total -= (table[one][each] - math.log(sums)) / len(true)
            terms += bool(true)
    found = symmetric_contrast(logits, *relations(key, backwards, shift, reversal), heard)
    assert found[0].item() == pytest.approx(total / terms, rel=1e-5)


def test_what_is_nearest_counts_as_right_if_it_is_a_positive():
    logits = torch.tensor([[1.0, 2.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
    positive, heard = torch.eye(3, dtype=torch.bool), torch.ones(3, dtype=torch.bool)
    every = torch.ones(3, 3, dtype=torch.bool)
    assert symmetric_contrast(logits, positive, every, heard)[1].item() == pytest.approx((2 / 3 + 1) / 2)
    loss, right = symmetric_contrast(logits, positive, every, ~heard)
    assert loss == 0 and right == 0


def test_pairs_played_backwards_are_seen_and_heard_backwards():
    batch, _ = world(2, 0)
    batch["frames"] = torch.randint(0, 255, (2, 1, 3, 3, 8, 8), dtype=torch.uint8)
    pairs = pairs_of(batch, (), train=False)
    twice, backwards = both_ways(pairs)
    assert backwards.tolist() == [False, False, True, True]
    assert torch.equal(twice.pictures[2, 0], pairs.pictures[0, 2]) and twice.sound[2, 0, 0] == pairs.sound[0, 0, -1]
    with pytest.raises(ValueError, match="a single frame has no direction of time"):
        made(reversal="variant")(world(4, 0)[0])


def test_the_constant_is_estimated_once_in_training_and_only_borrowed_in_evaluation():
    torch.manual_seed(0)
    rows, bank, constant = F.normalize(torch.randn(3, 4), dim=1), Bank(20, 4), torch.zeros(())
    entries, other = torch.arange(18).view(3, 6), F.normalize(torch.randn(3, 4), dim=1)
    asked = contrast_entries(rows, bank, entries, 0.2, constant, train=False)
    assert constant == 0
    assert torch.equal(contrast_entries(rows, bank, entries, 0.2, constant, train=True), asked)
    expected = (rows[:, None] * bank.rows[entries]).sum(2).div(0.2).exp().mean() * 20
    assert constant.item() == pytest.approx(expected.item(), rel=1e-5)
    contrast_entries(other, bank, entries, 0.2, constant, train=True)
    assert constant.item() == pytest.approx(expected.item(), rel=1e-5)


def test_noise_of_the_own_recording_adds_nothing():
    torch.manual_seed(0)
    rows, bank, constant = F.normalize(torch.randn(2, 4), dim=1), Bank(9, 4), torch.tensor(30.0)
    entries, own = torch.tensor([[0, 3, 4, 5], [1, 6, 7, 8]]), torch.tensor([[True, False, True, False], [True] * 4])
    found = contrast_entries(rows, bank, entries, 0.2, constant, train=True, own=own)
    for row, kept in enumerate(([0, 1, 3], [0])):
        chances = [math.exp(rows[row] @ bank.rows[entry] / 0.2) / 30 for entry in entries[row].tolist()]
        terms = [chance / (chance + 3 / 9) if place == 0 else (3 / 9) / (chance + 3 / 9)
                 for place, chance in enumerate(chances)]  # fmt: skip
        assert found[row].item() == pytest.approx(-sum(math.log(terms[place]) for place in kept), rel=1e-5)


def test_the_bank_follows_what_was_heard_and_keeps_the_rest():
    method = made(negatives="bank", recordings=8, noise=4, momentum=0.5)
    before = method.bank.sounds.rows.clone()
    vectors = F.normalize(torch.randn(3, 16), dim=1)
    method.bank.update(torch.tensor([2, 2, 5]), vectors, vectors, torch.tensor([True, True, False]))
    expected = F.normalize(0.5 * before[2] + 0.5 * vectors[:2].mean(0), dim=0)
    torch.testing.assert_close(method.bank.sounds.rows[2], expected)
    assert torch.equal(method.bank.sounds.rows[[0, 1, 3, 4, 5, 6, 7]], before[[0, 1, 3, 4, 5, 6, 7]])


def test_noise_is_anything_but_what_is_excluded_with_equal_chance():
    key = torch.tensor([[seed, 0, 3, 0] for seed in range(200)])
    found = noise_entries(key, torch.tensor([[3, 0, 5]]).expand(200, 3), noise=60, entries=8)
    counts = torch.bincount(found.flatten(), minlength=8)
    assert (counts[[0, 3, 5]] == 0).all()
    assert (counts[[1, 2, 4, 6, 7]] - 2400).abs().max() < 5 * 2400**0.5
    assert torch.equal(found[7:8], noise_entries(key[7:8], torch.tensor([[5, 3, 0]]), noise=60, entries=8))
    with pytest.raises(ValueError, match="a bank of 2 entries has no noise"):
        noise_entries(key, torch.tensor([[0, 1]]).expand(200, 2), noise=1, entries=2)


def test_the_loss_against_the_bank_equals_a_slow_writing():
    method = made(negatives="bank", recordings=12, noise=5).train()
    batch, _ = world(6, 0)
    pairs = pairs_of(batch, (), train=True)
    torch.manual_seed(0)
    pictures, sounds = F.normalize(torch.randn(6, 16), dim=1), F.normalize(torch.randn(6, 16), dim=1)
    banks, constants, total = (method.bank.sounds.rows.clone(), method.bank.pictures.rows.clone()), [], 0.0
    noise = noise_entries(pairs.key, torch.arange(6)[:, None], 5, 12)
    assert not (noise == torch.arange(6)[:, None]).any()
    for own, bank in zip((pictures, sounds), banks, strict=True):
        raw = [[math.exp(own[row] @ bank[entry] / 0.07) for entry in [row, *noise[row].tolist()]] for row in range(6)]
        constants.append(sum(map(sum, raw)) / 36 * 12)
        for values in raw:
            odds = [value / constants[-1] / (value / constants[-1] + 5 / 12) for value in values]
            total -= (math.log(odds[0]) + sum(math.log(1 - one) for one in odds[1:])) / 12
    found = method.against(method.bank, pictures, sounds, pairs)
    assert found.item() == pytest.approx(total, rel=1e-4)
    assert method.constant.tolist() == pytest.approx(constants, rel=1e-4)


@pytest.mark.parametrize("settings", [{}, {"negatives": "bank", "recordings": 64, "noise": 32}], ids=["batch", "bank"])
def test_what_belongs_together_is_learned_and_no_cue_stays_at_chance(settings):
    """A bank knows recordings by number, so it sees the same ones again and again."""
    for cue, least, most in ((True, 0.85, 1.0), (False, 0.4, 0.6)):
        method = made(**settings).train()
        optimiser = torch.optim.AdamW(method.parameters(), lr=5e-3)
        for step in range(70):
            data = world(64, 0, cue)[0] if settings else world(32, step, cue)[0]
            loss = method(data)["loss"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        scores = method.eval().measure([world(64, 1000 + one, cue)[0] for one in range(4)])
        found = scores["accuracy_other_class"] if cue else scores["auc"]
        assert least <= found <= most, (cue, scores)


def test_silent_pairs_count_nowhere():
    batch, _ = world(8, 0)
    method = made().eval()
    batch["silent"] = torch.zeros(8, 1, dtype=torch.bool)
    batch["silent"][3] = True
    kept = [0, 1, 2, 4, 5, 6, 7]
    rest = {name: value[kept] for name, value in batch.items()}
    assert method(batch)["loss"].item() == pytest.approx(method(rest)["loss"].item(), rel=1e-5)


def test_the_bank_survives_a_checkpoint_and_its_settings_are_checked():
    method = made(negatives="bank", recordings=8, noise=4).train()
    method(world(8, 0)[0])
    again = made(seed=1, negatives="bank", recordings=8, noise=4)
    again.load_state_dict(method.state_dict())
    assert torch.equal(again.bank.sounds.rows, method.bank.sounds.rows) and (again.constant > 0).all()
    with pytest.raises(ValueError, match="needs recordings"):
        made(negatives="bank")
    with pytest.raises(ValueError, match="shift and reversal are for negatives='batch'"):
        made(negatives="bank", recordings=8, shift="variant")
    with pytest.raises(ValueError, match="recording number 7 and the bank 4 entries"):
        made(negatives="bank", recordings=4, noise=2)(world(8, 0)[0])
