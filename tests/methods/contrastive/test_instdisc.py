"""InstDisc: its loss against a slow writing, when the bank is written, what is noise, and what it can learn."""

import math

import pytest
import torch
from every import Items, views

from avssl.methods import InstDisc
from avssl.methods.banks import noise_entries
from avssl.methods.contrastive.instance_bank import InstanceBank
from avssl.nets import SmallNet
from avssl.training import SGD, TrainingError, train
from avssl.transforms import Flip

ITEMS = 6


def method(count=1, items=ITEMS, **settings):
    torch.manual_seed(0)
    return InstDisc(SmallNet(dim=8, width=2), views(count=count), items=items, **({"noise": 5, "dim": 8} | settings))


def batch_of(indices=(0, 1, 2, 3), epoch=0, **about):
    chance = torch.Generator().manual_seed(epoch)
    pictures = torch.rand(len(indices), 3, 20, 20, generator=chance)
    return {"frames": pictures, "key": torch.tensor([[0, epoch, index] for index in indices])} | about


def bank_of(rows, items=12, noise=5, dim=8):
    """Return a bank, and a batch whose items are its first entries."""
    return InstanceBank(items, dim, noise, temperature=0.5, momentum=0.5), batch_of(range(len(rows)))


def slow(row, own, noise, log_constant, items, temperature):
    """Return section 3.2's loss: h = P / (P + m / n), of the own entry and of each of noise."""
    share = len(noise) / items

    def chance(entry):
        likely = math.exp(float(row @ entry) / temperature - log_constant)
        return likely / (likely + share)

    return -math.log(chance(own)) - sum(math.log(1 - chance(entry)) for entry in noise)


@pytest.mark.parametrize("noise", [1, 40])  # entries are copied, or all are multiplied
def test_the_loss_is_that_of_a_slow_writing(noise):
    rows = torch.nn.functional.normalize(torch.randn(3, 2, 8, generator=torch.Generator().manual_seed(0)), dim=2)
    memory, batch = bank_of(rows, noise=noise)
    found = memory(3 * rows, batch).contrast
    entries = noise_entries(batch["key"], batch["key"][:, 2:], noise, 12)
    seen = torch.cat([torch.arange(3)[:, None], entries], 1)
    exponentials = [
        math.exp(float(row @ memory.bank.rows[entry]) / 0.5)
        for item in range(3)
        for row in rows[item]
        for entry in seen[item]
    ]
    constant = math.log(sum(exponentials) / len(exponentials) * 12)
    assert memory.log_constant == pytest.approx(constant, rel=1e-5)
    for item in range(3):
        for view in range(2):
            bank = memory.bank.rows
            wanted = slow(rows[item, view], bank[item], bank[entries[item]], constant, 12, 0.5)
            assert found[item, view] == pytest.approx(wanted, rel=1e-4)


def test_where_all_exponentials_are_equal_the_loss_is_its_closed_form():
    memory, batch = bank_of(range(4), items=10, noise=7)
    memory.bank.rows.copy_(torch.eye(8)[:1].expand(10, -1))
    found = memory(torch.eye(8)[1:2].expand(4, 1, -1), batch)
    torch.testing.assert_close(found.contrast, torch.full((4, 1), math.log(8) + 7 * math.log(1 + 1 / 7)))
    assert not found.right.any() and found.moved.allclose(torch.tensor(2.0))


def test_noise_is_never_the_own_entry_nor_one_of_the_own_recording():
    memory, batch = bank_of(range(2), items=3, noise=50)
    memory.bank.rows.copy_(torch.eye(8)[:3])
    same = memory(torch.eye(8)[:2, None], batch)
    assert same.right.all()  # were the own entry noise as well, nothing would be nearer than all of it
    memory.owners.copy_(torch.tensor([7, 8, 7]))  # entry 2 is of the recording of item 0
    batch = batch | {"key": batch["key"][:1], "frames": batch["frames"][:1], "group": ["a"], "path": ["x"]}
    memory.owners[[0, 2]] = 5
    alone = memory.eval()(torch.eye(8)[:1, None], batch).contrast
    memory.owners.fill_(-1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("avssl.methods.contrastive.instance_bank.recordings_of", lambda batch: torch.tensor([5]))
        memory.owners[2] = 5
        fewer = memory(torch.eye(8)[:1, None], batch).contrast
    assert fewer < alone


def test_the_bank_is_written_after_the_gradients_by_all_batches_of_a_step():
    made = method(momentum=0.5)
    before = made.memory.bank.rows.clone()
    losses = [made(batch_of(indices, epoch))["loss"] for epoch, indices in enumerate([(0, 1), (1, 2)])]
    assert made.memory.bank.rows.equal(before) and (made.memory.owners == -1).all()
    kept = made.memory.waiting[0][1], made.memory.waiting[1][1]
    sum(losses).backward()
    made.after_backward(1, 2)
    mean = (kept[0][1] + kept[1][0]) / 2  # item 1 came twice
    wanted = torch.nn.functional.normalize(0.5 * before[1] + 0.5 * mean, dim=0)
    torch.testing.assert_close(made.memory.bank.rows[1], wanted)
    moved = (made.memory.bank.rows != before).any(1)
    assert moved.tolist() == [True, True, True, False, False, False]
    assert made.memory.owners.tolist() == [0, 1, 2, -1, -1, -1] and not made.memory.waiting
    made.after_backward(2, 2)  # nothing is written twice
    torch.testing.assert_close(made.memory.bank.rows[1], wanted)


def test_the_constant_is_that_of_the_first_batch_learned_from():
    made = method()
    made.eval()(batch_of())
    assert made.memory.log_constant.isinf()
    made.train()(batch_of())
    first = made.memory.log_constant.clone()
    made(batch_of(epoch=1))
    assert first.isfinite() and made.memory.log_constant.equal(first)


def test_the_proximal_term_is_the_squared_distance_to_the_entry():
    plain, drawn = method(), method(proximal=3.0)
    found, near = plain(batch_of()), drawn(batch_of())
    rows = torch.nn.functional.normalize(plain.embed(plain.views_of(batch_of())[1])[0], dim=1)
    distance = (rows - plain.memory.bank.rows[:4]).square().sum(1).mean()
    torch.testing.assert_close(found["proximal"], distance)
    torch.testing.assert_close(near["loss"], found["loss"] + 3 * distance)
    assert found["loss"].equal(found["noise"])


def test_what_is_measured_is_infonce_among_the_items_of_a_batch():
    made = method().eval()
    batch = batch_of()
    found = made(batch)
    bank = made.memory.bank.rows.clone()
    made.memory.bank.rows.normal_()
    assert made(batch)["loss"].equal(found["loss"]) and not made.memory.waiting  # the bank has no part in it
    made.memory.bank.rows.copy_(bank)
    akin = made(batch | {"path": ["a", "a", "b", "b"]})["loss"]
    assert akin < found["loss"]
    alone = made({"frames": batch["frames"][:1], "key": batch["key"][:1]})
    assert abs(alone["loss"].item()) < 1e-6


def test_identical_items_stay_at_chance_and_different_ones_are_learned():
    colours = torch.rand(8, 3, generator=torch.Generator().manual_seed(0))[:, :, None, None].expand(-1, -1, 8, 8)
    scores = []
    for pictures in (colours, colours[:1].expand(8, -1, -1, -1)):
        torch.manual_seed(0)
        made = InstDisc(SmallNet(dim=16, width=4), [[Flip()]], items=8, noise=16, dim=8, temperature=0.2)
        optimizer = torch.optim.Adam(made.parameters(), lr=1e-2)
        for step in range(40):
            found = made({"frames": pictures, "key": torch.tensor([[0, step, index] for index in range(8)])})
            optimizer.zero_grad()
            found["loss"].backward()
            made.after_backward(step + 1, 40)
            optimizer.step()
        scores.append(found["accuracy"].item())
    assert scores[0] > 0.9 and scores[1] < 0.4  # 16 draws of 7 entries hold about all: chance 1 / 8


@pytest.mark.parametrize("items", [ITEMS - 1, ITEMS + 1])
def test_a_bank_of_other_items_than_the_data_is_refused_before_the_first_step(tmp_path, items):
    settings = {"optim": SGD(lr=0.1), "steps": 1, "batch_size": 4, "accelerator": "cpu", "tensorboard": False}
    with pytest.raises(
        TrainingError, match=rf"^InstDisc remembers {items} items, and the data has 6; set method.items=6$"
    ):
        train(method=method(items=items), data=Items("InstDisc"), out=tmp_path, **settings)


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match="data has item number 6 and the bank 6 entries; set items to the number"):
        method()(batch_of((0, 6)))
    for settings in ({"noise": 0}, {"temperature": 0.0}, {"proximal": -1.0}, {"items": 1}, {"momentum": 1.0}):
        with pytest.raises(ValueError, match="needs"):
            method(**settings)
