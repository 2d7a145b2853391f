"""MoCo: its loss, the order of a step (queries, keys, loss, queue, teacher), and what it can learn."""

import math
from collections import deque

import pytest
import torch
from every import Items, views
from two_processes import in_two_processes

from avssl.data import collate
from avssl.methods import MoCo, Rotation, SeveralTasks
from avssl.nets import SmallNet, ViT
from avssl.training import SGD, load_encoder, train


def moco(count=2, queue=16, **settings):
    torch.manual_seed(0)
    settings = {"hidden": 16, "dim": 8, "queue": queue, "momentum": 0.9, "groups": 1} | settings
    return MoCo(SmallNet(dim=8, width=2), views(size=20, count=count), **settings)


def batch_of(*items):
    chance = torch.Generator().manual_seed(sum(items))
    return {
        "frames": torch.rand(len(items), 3, 20, 20, generator=chance),
        "key": torch.tensor([[0, 0, item] for item in items]),
    }


def filled(method, items=(0, 1, 7, 8, 9)):
    chance = torch.Generator().manual_seed(1)
    method.queue.enqueue(torch.randn(len(items), 8, generator=chance), torch.tensor(items))
    return method


def slow(method, batch):
    """Return loss and accuracy as section 3.1 writes them, query by query; the mean over its keys and all queries."""
    made = method.views_of(batch)[1]
    student = method.student()
    asked = range(len(made)) if method.symmetric else [0]
    queries = [torch.nn.functional.normalize(student(made[view].frames), dim=1).tolist() for view in asked]
    keys = [method.keys_of(view.frames, batch["key"]).tolist() for view in made]
    old, losses, right = list(zip(*(each.tolist() for each in method.queue.contents()), strict=True)), [], []
    for view, rows in enumerate(queries):
        for place, query in enumerate(rows):
            item = batch["key"][place, 2].item()
            others = [row for row, its in old if method.own_negatives or its != item]
            for answer in [keys[other] for other in range(len(made)) if other != view]:
                own, *rest = (
                    math.exp(sum(a * b for a, b in zip(query, key, strict=True)) / math.hypot(*key) / 0.2)
                    for key in (answer[place], *others)
                )
                losses.append(-math.log(own / (own + sum(rest))))
                right.append(own > max(rest))
    return sum(losses) / len(losses), sum(right) / len(right)


@pytest.mark.parametrize(
    "settings", [{}, {"own_negatives": True}, {"symmetric": True}, {"count": 3, "symmetric": True}]
)
def test_the_loss_is_that_of_the_paper_written_slowly(settings):
    method, batch = filled(moco(**settings)), batch_of(0, 1, 2, 3)
    found = method(batch)
    assert (found["loss"].item(), found["accuracy"].item()) == pytest.approx(slow(method, batch), rel=1e-4)


def test_an_items_own_older_key_is_its_negative_only_where_that_is_asked_for():
    losses = [filled(moco(own_negatives=own), items=(0, 1, 0, 1))(batch_of(0, 1))["loss"] for own in (False, True)]
    assert losses[0] > 0 and losses[1] > losses[0]
    alone = filled(moco(), items=(0, 0))(batch_of(0, 1))
    whole = filled(moco(), items=(5, 5))(batch_of(0, 1))
    assert 0 < alone["loss"] < whole["loss"]


def test_items_without_keys_are_new_ones_each_time():
    method, pictures = moco(), torch.rand(4, 3, 20, 20)
    for _ in range(2):
        method(pictures)
        method.after_backward(1, 1)
    assert len(method.queue.contents()[1].unique()) == 8


def step(method, optimizer, number, steps, *batches):
    for batch in batches:
        method(batch)["loss"].backward()
    method.after_backward(number, steps)
    optimizer.step()
    optimizer.zero_grad()
    method.after_step(number, steps)


@pytest.mark.parametrize("settings", [{}, {"symmetric": True}])
def test_through_real_steps_the_queue_is_first_in_first_out_and_the_teacher_an_average(settings):
    method = moco(queue=11, **settings)
    optimizer = torch.optim.SGD(method.parameter_groups()[0]["params"], lr=0.1)
    memory, made, keys_of = deque(maxlen=11), [], method.keys_of
    method.keys_of = lambda *given: made.append(keys_of(*given)) or made[-1]
    teacher = {name: value.clone() for name, value in method.student().named_parameters()}
    for number, sizes in enumerate([(4,), (3, 2), (6,), (5,), (2,)], 1):  # two batches of one step among them
        first = [10 * number + sum(sizes[:place]) for place in range(len(sizes))]
        batches = [batch_of(*range(one, one + size)) for one, size in zip(first, sizes, strict=True)]
        made.clear()
        step(method, optimizer, number, 5, *batches)
        passes = len(made) // len(batches)  # keys of each batch: one view's, or both
        numbers = [item for batch in batches for item in batch["key"][:, 2].tolist() * passes]
        memory.extend(zip(torch.cat(made).tolist(), numbers, strict=True))
        rows, items = method.queue.contents()
        assert items.tolist() == [item for _, item in memory]
        torch.testing.assert_close(rows, torch.tensor([row for row, _ in memory]))
        for name, value in method.student().named_parameters():
            teacher[name] = 0.9 * teacher[name] + 0.1 * value.detach()
            torch.testing.assert_close(method.teacher.network.get_parameter(name), teacher[name])


def test_nothing_comes_into_the_queue_before_gradients_are_there_and_nothing_of_evaluation():
    method = filled(moco())
    before = {name: value.clone() for name, value in method.queue.state_dict().items()}
    found = method(batch_of(3, 4))
    assert all(value.equal(before[name]) for name, value in method.queue.state_dict().items())
    method.eval()(batch_of(5, 6))
    found["loss"].backward()
    method.after_backward(1, 1)
    assert method.queue.contents()[1].tolist() == [0, 1, 7, 8, 9, 3, 4]


def test_the_student_alone_learns_and_its_batch_statistics_are_not_the_teachers():
    method = filled(moco(groups=2))
    method(batch_of(0, 1, 2, 3))["loss"].backward()
    assert all(value.grad.abs().sum() > 0 for value in method.student().parameters())
    assert not any(value.requires_grad for value in method.teacher.parameters())
    passes = [net.trunk.conv1[1].num_batches_tracked.item() for net in (method.encoder, method.teacher.network.encoder)]
    assert passes == [1, 2]  # the first view; two groups of the second
    mine = {name: value.clone() for name, value in method.student().named_buffers()}
    method.keys_of(torch.rand(4, 1, 3, 20, 20), batch_of(0, 1, 2, 3)["key"])
    assert all(value.equal(mine[name]) for name, value in method.student().named_buffers())


def test_the_loss_rises_from_zero_while_keys_come_in_and_a_run_says_so():
    method, losses = moco(queue=64), []
    for number in range(5):
        losses.append(method(batch_of(*range(8 * number, 8 * number + 8)))["loss"].item())
        method.after_backward(1, 1)
    assert losses[0] == 0 and losses == sorted(losses) and losses[-1] > 2
    assert method.facts() == ["queries are told from the latest 64 keys; the loss rises while these come in"]


def test_what_is_measured_is_asked_against_the_batch_whatever_the_queue_holds():
    batch, scores = batch_of(0, 1, 2, 3), []
    for method in (moco(), filled(moco())):
        scores.append(method.eval().measure([batch]))
    assert scores[0] == scores[1] and scores[0]["loss"] > 0.5
    before = {name: value.clone() for name, value in method.state_dict().items()}
    method.measure([batch])
    method.after_backward(1, 1)
    assert all(value.equal(before[name]) for name, value in method.state_dict().items())
    collapsed = moco().eval()
    for head in (collapsed.head, collapsed.teacher.network.heads[0]):
        torch.nn.init.zeros_(head[-1][0].weight)
    found = collapsed(batch)
    assert found["loss"].item() == pytest.approx(math.log(4)) and found["accuracy"] == 0


def test_a_queue_that_is_long_for_the_data_is_said_once():
    method = moco(queue=32)
    scores = {"train/spread": 1.0, "train/rank": 4.0}
    method.grey = False
    for _ in range(3):
        method(batch_of(*range(8)))
        method.after_backward(1, 1)
    (line,) = method.warnings(scores, scores)
    assert "24 keys are of 8 recordings alone" in line and "set queue to" in line
    assert method.warnings(scores, scores) == []
    method = moco(queue=32)
    for first in range(0, 32, 8):
        method(batch_of(*range(first, first + 8)))
        method.after_backward(1, 1)
    assert method.warnings(scores, scores) == []


def test_version_one_has_a_linear_head_version_two_a_perceptron_and_a_vit_needs_no_groups():
    assert [[type(part).__name__ for part in layer] for layer in moco(layers=1).head] == [["Linear"]]
    assert [[type(part).__name__ for part in layer] for layer in moco().head] == [["Linear", "ReLU"], ["Linear"]]
    vit = ViT(patch=10, width=8, depth=1, heads=2, size=20)
    assert MoCo(vit, views(size=20), hidden=8, dim=8, queue=8).groups == 1 and moco(groups=8).groups == 8


def test_a_run_fills_the_queue_decays_all_and_exports_both_encoders(tmp_path):
    method = moco(symmetric=False, groups=2)
    settings = {"workers": 0, "accelerator": "cpu", "tensorboard": False, "steps": 3, "batch_size": 4, "accumulate": 2}
    train(method=method, data=Items("MoCo", 10), optim=SGD(lr=0.1, weight_decay=1e-2), out=tmp_path, **settings)
    assert method.queue.filled == 16 and method.queue.place == 8  # 24 keys, the last 16 of which stay
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert {group["weight_decay"] for group in saved["optimizer"]["param_groups"]} == {1e-2}
    for name, part in (("encoder", method.encoder), ("teacher", method.teacher.network.encoder)):
        found = load_encoder(tmp_path / f"{name}.safetensors").trunk.state_dict()
        assert all(value.equal(found[key]) for key, value in part.trunk.state_dict().items())
    assert sorted(path.stem for path in tmp_path.glob("*.safetensors")) == ["encoder", "teacher"]


def test_a_shared_trunks_teacher_is_a_copy_of_it():
    method = moco()
    several = SeveralTasks([Rotation(SmallNet(dim=8, width=2)), method])
    mine, copied = (net.trunk.state_dict() for net in (several.encoder, method.teacher.network.encoder))
    assert all(value.equal(copied[name]) for name, value in mine.items())


SHARES = slice(0, 3), slice(3, 8)  # different numbers of items in two processes


def learned(own):
    """Return loss, gradients and queue of a share of the items, without batch statistics, which are not shared."""
    method = filled(moco(symmetric=True, groups=2)).eval()
    method.training = True
    found = method(collate([Items("MoCo", 8)[index] for index in range(8)[own]]))
    found["loss"].backward()
    method.after_backward(1, 1)
    gradients = {name: value.grad for name, value in method.student().named_parameters()}
    return found["loss"].detach(), gradients, method.queue.contents()


def work(rank):
    loss, gradients, queue = learned(SHARES[rank])
    for gradient in gradients.values():
        torch.distributed.all_reduce(gradient)
    return loss, {name: gradient / 2 for name, gradient in gradients.items()}, queue


def test_two_processes_of_different_rows_learn_and_remember_what_one_does(tmp_path):
    loss, gradients, (rows, items) = learned(slice(None))
    for theirs, found, (their_rows, their_items) in in_two_processes(work, tmp_path):
        torch.testing.assert_close(theirs, loss)
        for name, gradient in gradients.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-6, msg=name)
        assert sorted(their_items.tolist()) == sorted(items.tolist())
        torch.testing.assert_close(their_rows.sum(0), rows.sum(0), rtol=1e-4, atol=1e-5)


def test_identical_items_stay_at_chance_and_different_ones_are_learned():
    # 8 pictures of one colour each: the colour tells them; of one colour all, nothing does.
    colours = torch.rand(8, 3, generator=torch.Generator().manual_seed(0))[:, :, None, None].expand(-1, -1, 24, 24)
    accuracies = []
    for pictures in (colours, colours[:1].expand(8, -1, -1, -1)):
        torch.manual_seed(0)
        settings = {"queue": 32, "momentum": 0.8, "groups": 2, "symmetric": True}
        method = MoCo(SmallNet(dim=16, width=4), views(size=16), hidden=16, dim=8, **settings)
        optimizer = torch.optim.Adam(method.student().parameters(), lr=3e-3)
        keys = [torch.tensor([[0, number, index] for index in range(8)]) for number in range(34)]
        for number, key in enumerate(keys[:30], 1):
            step(method, optimizer, number, 30, {"frames": pictures, "key": key})
        method.eval()
        scores = [method({"frames": pictures, "key": key})["accuracy"].item() for key in keys[30:]]
        accuracies.append(sum(scores) / 4)
    assert accuracies[0] > 0.6 and accuracies[1] < 0.35  # chance 1 / 8


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"groups": 0}, "groups of at least 1 and temperature above 0; got 0 and 0.2"),
        ({"temperature": 0.0}, "temperature above 0; got 1 and 0.0"),
        ({"queue": 0}, "a queue needs size"),
        ({"momentum": 1.5}, "momentum in"),
        ({"layers": 0}, "layers"),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_one_line(settings, said):
    with pytest.raises(ValueError, match=said):
        moco(**settings)
