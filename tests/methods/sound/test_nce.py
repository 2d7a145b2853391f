"""Cross-modal noise contrast: its losses against slow writings, the bank, what is learned and what must not be."""

import math

import pytest
import torch
from buzzing import SPEC, world
from torch.nn import functional as F

from avssl.methods import CrossModalNCE
from avssl.methods.sound.nce import noise_contrast, within_batch
from avssl.nets import SmallSound, SmallVision


def made(seed=0, **settings):
    torch.manual_seed(seed)
    nets = SmallVision(widths=(4, 4, 8, 8)), SmallSound(widths=(4, 4, 8, 8), spec=SPEC)
    return CrossModalNCE(*nets, **({"dim": 16, "hidden": 16} | settings))


def test_the_contrast_within_a_batch_equals_a_slow_writing():
    torch.manual_seed(0)
    logits, video = torch.randn(6, 6), torch.tensor([0, 0, 1, 1, 2, 2])
    heard = torch.tensor([True, True, True, False, True, True])
    total, count = 0.0, 0
    for table in (logits.tolist(), logits.T.tolist()):
        for row in range(6):
            if heard[row]:
                counted = [other for other in range(6) if heard[other] and (other == row or video[other] != video[row])]
                total -= table[row][row] - math.log(sum(math.exp(table[row][other]) for other in counted))
                count += 1
    assert within_batch(logits, video, heard)[0].item() == pytest.approx(total / count, rel=1e-5)


def test_noise_contrast_equals_a_slow_writing():
    torch.manual_seed(0)
    raw, constant, recordings = torch.rand(3, 5) + 0.1, 7.0, 50
    found = noise_contrast(raw, torch.tensor(constant), recordings)
    for row, values in zip(found.tolist(), raw.tolist(), strict=True):
        odds = 4 / recordings
        slow = -math.log((values[0] / constant) / (values[0] / constant + odds))
        slow -= sum(math.log(odds / (value / constant + odds)) for value in values[1:])
        assert row == pytest.approx(slow, rel=1e-5)


def test_the_bank_follows_what_was_heard_and_keeps_the_rest():
    method = made(negatives="bank", recordings=8, noise=4, momentum=0.5)
    before = method.sounds_bank.clone()
    vectors = F.normalize(torch.randn(3, 16), dim=1)
    method.store(torch.tensor([2, 2, 5]), vectors, vectors, torch.tensor([True, True, False]))
    expected = F.normalize(0.5 * before[2] + 0.5 * vectors[:2].mean(0), dim=0)
    torch.testing.assert_close(method.sounds_bank[2], expected)
    assert torch.equal(method.sounds_bank[[0, 1, 3, 4, 5, 6, 7]], before[[0, 1, 3, 4, 5, 6, 7]])


def test_noise_never_holds_the_own_entry_and_depends_on_keys_alone():
    method = made(negatives="bank", recordings=32, noise=64).train()
    batch, _ = world(32, 0)
    losses = []
    for _ in range(2):
        again = made(negatives="bank", recordings=32, noise=64).train()
        losses.append(again(batch)["loss"].item())
    assert losses[0] == losses[1]
    with torch.no_grad():
        method.sounds_bank.zero_()
        method.sounds_bank[:, 0] = torch.arange(32.0)
    seen = []
    method.embed_pictures = lambda pictures: torch.ones(len(pictures), 16)  # reads the first number of each entry
    original = torch.einsum
    torch.einsum = lambda how, own, entries: seen.append(entries[..., 0].clone()) or original(how, own, entries)
    try:
        method.eval()(batch)
    finally:
        torch.einsum = original
    own, noise = seen[0][:, :1], seen[0][:, 1:]
    assert own.flatten().tolist() == list(range(32)) and (noise != own).all() and noise.unique().numel() == 32


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
    assert torch.equal(again.sounds_bank, method.sounds_bank) and (again.constant > 0).all()
    with pytest.raises(ValueError, match="needs recordings"):
        made(negatives="bank")
    with pytest.raises(ValueError, match="recording number 7 and the bank 4 entries"):
        made(negatives="bank", recordings=4, noise=2)(world(8, 0)[0])
