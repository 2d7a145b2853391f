"""DenseCL: its two losses by loops, its queues, its warm-up, and what it refuses."""

import math

import pytest
import torch
from every import views
from torch.nn import functional as F

from avssl.methods import DenseCL
from avssl.nets import SmallNet
from avssl.transforms import RandomResizedCrop


def batch_of(count=4, **more):
    chance = torch.Generator().manual_seed(0)
    key = torch.tensor([[0, 0, index] for index in range(count)])
    return {"frames": torch.rand(count, 3, 24, 24, generator=chance), "key": key} | more


def method(recipes=None, **settings):
    torch.manual_seed(0)
    small = {"layer": "conv2", "hidden": 8, "dim": 4, "queue": 6} | settings
    return DenseCL(SmallNet(dim=8, width=2), recipes or views(20), **small).eval()


def fill(made):
    """Let the queues hold four vectors, one of which is of item 2; they are asked in evaluation too."""
    for number, queue in enumerate(made.queues.all):
        rows = torch.randn(4, 4, generator=torch.Generator().manual_seed(number))
        queue.enqueue(F.normalize(rows, dim=1), torch.tensor([2, 100, 101, 102]))
    made.queues.train()
    return made


@torch.no_grad()
def told(query, key, queue, item, temperature=0.2):
    """Return the contrast of one query, in plain numbers."""
    others = [row for row, owner in zip(queue.rows, queue.items.tolist(), strict=True) if owner not in (-1, item)]
    likes = [math.exp(float(F.cosine_similarity(query, row, 0)) / temperature) for row in (key, *others)]
    return -math.log(likes[0] / sum(likes))


def test_both_losses_are_those_of_a_slow_writing():
    made, batch = fill(method(weight=0.3)), batch_of()
    first, second = made.views_of(batch)[1]
    with torch.no_grad():
        asked, keys = made.student()(first.frames), made.teacher(second.frames)
    whole, dense = [], []
    for item in range(4):
        whole.append(told(asked.whole[item], keys.whole[item], made.queues.all[0], item))
        for cell in range(asked.cells.shape[1]):
            alike = [float(F.cosine_similarity(asked.backbone[item, cell], each, 0)) for each in keys.backbone[item]]
            own = keys.cells[item, alike.index(max(alike))]
            dense.append(told(asked.cells[item, cell], own, made.queues.all[1], item))
    found = made(batch)
    assert found["global"].item() == pytest.approx(sum(whole) / len(whole), rel=1e-4)
    assert found["dense"].item() == pytest.approx(sum(dense) / len(dense), rel=1e-4)
    assert found["loss"].item() == pytest.approx(0.7 * found["global"].item() + 0.3 * found["dense"].item())


def test_queues_take_in_keys_and_means_of_cells_after_backward_and_not_before():
    made, batch = method().train(), batch_of()
    made(batch)["loss"].backward()
    assert [int(queue.filled) for queue in made.queues.all] == [0, 0]
    keys = made.queues.fresh[0][0]
    made.after_backward(1, 10)
    for queue, rows in zip(made.queues.all, keys, strict=True):
        assert queue.contents()[0].equal(rows) and queue.contents()[1].tolist() == [0, 1, 2, 3]
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(4))
    assert not made.queues.fresh
    made.eval()(batch)
    made.after_backward(2, 10)
    assert int(made.queues.all[0].filled) == 4  # evaluation writes nothing


def test_the_dense_queue_holds_the_mean_over_the_cells_of_an_item():
    made = fill(method())
    made(batch_of())
    keys = made.teacher(made.views_of(batch_of())[1][1].frames)
    torch.testing.assert_close(made.queues.fresh[0][0][1], F.normalize(keys.cells.mean(1), dim=1))


def test_in_evaluation_keys_are_told_from_those_of_the_other_items_of_the_batch():
    made = method()
    for head in (made.head, made.dense_head):  # every embedding is the same
        torch.nn.init.zeros_(head[-1][0].weight)
    made.teacher = type(made.teacher)(made.student())
    found = made(batch_of())
    assert found["global"].item() == pytest.approx(math.log(4)) == found["dense"].item()


def test_the_dense_loss_does_not_count_before_its_warm_up_is_over():
    made = fill(method(warmup=2, momentum=1.0)).train()
    for step in range(4):
        found = made(batch_of())
        wanted = found["global"] if step < 2 else (found["global"] + found["dense"]) / 2
        torch.testing.assert_close(found["loss"], wanted)
        made.after_step(step + 1, 4)
    assert made.state_dict()["steps"] == 4


def test_clips_of_one_recording_are_no_negatives_of_each_other():
    made = method()
    apart = made(batch_of(path=["a", "b", "c", "d"]))["global"]
    akin = made(batch_of(path=["a", "a", "b", "b"]))["global"]
    assert akin < apart


def test_pictures_without_keys_are_new_items_each_time():
    made = method(queue=8).train()
    for step in (1, 2):
        made(torch.rand(4, 3, 24, 24))
        made.after_backward(step, 2)
    assert len(made.queues.all[0].items.unique()) == 8  # none is taken for an older one of its own


def test_both_heads_learn_and_the_teacher_has_no_gradient():
    made = fill(method()).train()
    made(batch_of())["loss"].backward()
    for part in (made.head, made.dense_head, made.encoder):
        assert all(value.grad is not None for value in part.parameters())
    assert all(value.grad is None and not value.requires_grad for value in made.teacher.parameters())


def test_pictures_of_their_own_colour_are_told_apart_and_equal_ones_stay_at_chance():
    colours = torch.rand(8, 3, generator=torch.Generator().manual_seed(0))[:, :, None, None].expand(-1, -1, 24, 24)
    accuracies = []
    for pictures in (colours, colours[:1].expand(8, -1, -1, -1)):
        made = method([[RandomResizedCrop(12)]] * 2, dim=8, queue=32, momentum=0.9).train()
        optimizer = torch.optim.Adam(made.parameters(), lr=2e-2)
        for step in range(30):
            key = torch.tensor([[0, step, index] for index in range(8)])
            loss = made({"frames": pictures, "key": key})["loss"]
            optimizer.zero_grad()
            loss.backward()
            made.after_backward(step + 1, 30)
            optimizer.step()
            made.after_step(step + 1, 30)
        found = made.eval()({"frames": pictures, "key": torch.tensor([[0, 50, index] for index in range(8)])})
        accuracies.append(found["accuracy"].item())
    assert accuracies[0] > 0.45 and accuracies[1] < 0.3  # chance 1 / 8


def test_layers_of_vectors_and_a_third_view_are_refused_in_one_line():
    with pytest.raises(ValueError, match="layer 'fc' of SmallNet gives vectors"):
        method(layer="fc")
    with pytest.raises(ValueError, match="two views, one that asks and the teacher's; got 3"):
        DenseCL(SmallNet(dim=8, width=2), views(20, count=3), "conv2")
    with pytest.raises(ValueError, match=r"weight in \[0, 1\]"):
        method(weight=1.5)
