"""SwAV: the swapped prediction, codes over earlier rows and over processes, prototypes that stand still at first."""

import math
from collections import deque

import pytest
import torch
from every import ITEMS, Items, make, views
from torch import distributed, nn
from two_processes import in_two_processes

from avssl.data import collate
from avssl.losses import sinkhorn
from avssl.methods import SwAV
from avssl.methods.clustering.sizes import size_scores, sizes_of
from avssl.nets import SmallNet

SMALL = {"prototypes": 6, "hidden": 8, "dim": 8}


def method(recipes=None, **settings):
    torch.manual_seed(0)
    return SwAV(SmallNet(dim=8, width=2), recipes or views(16), **(SMALL | settings))


def batch(own=slice(None)):
    return collate([Items("SwAV")[index] for index in range(ITEMS)[own]])


def shares(values, temperature):
    weights = [math.exp(value / temperature) for value in values]
    return [weight / sum(weights) for weight in weights]


def slow_codes(table, epsilon, rounds):
    plan = [[math.exp(value / epsilon) for value in row] for row in table]
    for _ in range(rounds):
        for place in range(len(plan[0])):
            total = sum(row[place] for row in plan)
            for row in plan:
                row[place] *= len(plan) / len(plan[0]) / total
        plan = [[value / sum(row) for value in row] for row in plan]
    return plan


def cosines(rows, made):
    """Return cosines with all prototypes, number by number."""
    axes = made.prototypes.weight.tolist()
    return [[sum(a * b for a, b in zip(r, w, strict=True)) / math.hypot(*w) for w in axes] for r in rows.tolist()]


def test_the_loss_is_the_mean_over_views_with_codes_of_how_well_the_others_predict_them():
    made = make("SwAV").eval()
    with torch.no_grad():
        seen = [made.head(made.encoder(view.frames[:, 0])) for view in made.views_of(batch())[1]]
    tables = [cosines(nn.functional.normalize(rows, dim=1), made) for rows in seen]
    total, tops = 0.0, []
    for one in range(2):
        codes = slow_codes(tables[one], 0.05, 3)
        tops += [max(code) for code in codes]
        others = [two for two in range(4) if two != one]
        for two in others:
            for code, row in zip(codes, tables[two], strict=True):
                guess = shares(row, 0.1)
                total -= sum(a * math.log(b) for a, b in zip(code, guess, strict=True)) / ITEMS / len(others) / 2
    found = made(batch())
    assert math.isclose(found["loss"].item(), total, rel_tol=1e-4)
    assert math.isclose(found["top_code"].item(), sum(tops) / len(tops), rel_tol=1e-4)


def test_equal_scores_give_even_codes_and_the_loss_of_a_guess():
    made = method()
    with torch.no_grad():
        made.prototypes.weight.copy_(made.prototypes.weight[:1].clone())
    found = made(batch())
    assert math.isclose(found["loss"].item(), math.log(6), rel_tol=1e-5)
    assert math.isclose(found["top_code"].item(), 1 / 6, rel_tol=1e-5)


def test_prototypes_in_another_order_change_neither_the_loss_nor_what_the_encoder_learns():
    found = []
    for order in (torch.arange(6), torch.tensor([4, 2, 0, 5, 1, 3])):
        made = method()
        with torch.no_grad():
            made.prototypes.weight.copy_(made.prototypes.weight[order])
        loss = made(batch())["loss"]
        loss.backward()
        found.append((loss.detach(), [value.grad for value in made.encoder.parameters()]))
    torch.testing.assert_close(*found)


def test_views_of_one_size_pass_the_encoder_together_and_all_of_them_the_head():
    made, passed = method([*views(24), *views(16)]), []
    for part in (made.encoder, made.head):
        part.register_forward_hook(lambda _, inputs, __: passed.append(tuple(inputs[0].shape)))
    made(batch())
    assert passed == [(2 * ITEMS, 3, 24, 24), (2 * ITEMS, 3, 16, 16), (4 * ITEMS, 8)]


def test_the_queue_holds_what_a_deque_does_and_is_asked_when_it_is_full_of_what_came_before():
    made, older, asked = method(queue=10, queue_start=1), deque(maxlen=10), []
    assert {"queue.rows", "queue.filled", "queue.place"} <= made.state_dict().keys()
    for step in range(1, 6):
        rows = [row.detach() for row in made.embed(made.views_of(batch())[1])]
        state = made.queue.rows.clone()
        for view, own in enumerate(rows):
            scores, full = made.prototypes(own), len(older) == 10
            if full:  # by the prototypes of now
                before = torch.stack([pair[view] for pair in older])
                scores = torch.cat([scores, made.prototypes(before)])
            torch.testing.assert_close(made.codes_of(made.prototypes(own), view), sinkhorn(scores, 0.05, 3)[:ITEMS])
            asked.append(full)
        made(batch())["loss"].backward()
        assert made.queue.rows.equal(state)  # comes in behind the gradients
        made.after_backward(step, 6)
        if step > 1:
            older.extend(zip(*rows, strict=True))
        stored = made.queue.contents()[0]
        assert len(stored) == len(older)
        for kept, pair in zip(stored, older, strict=True):
            torch.testing.assert_close(kept, torch.cat(pair), rtol=1e-5, atol=1e-5)
        with torch.no_grad():
            made.prototypes.weight.add_(0.1 * torch.randn(6, 8))
    assert asked == [False] * 6 + [True] * 4  # nothing at step 1; full behind step 3


def test_what_is_measured_does_not_depend_on_the_queue():
    made = method(queue=4).eval()
    before = made(batch())["loss"]
    made.queue.enqueue(torch.randn(4, 16), torch.zeros(4).long())
    assert made(batch())["loss"].equal(before) and not made.fresh
    assert not made.train()(batch())["loss"].equal(before)


def test_frozen_prototypes_do_not_decay_and_later_ones_keep_length_1():
    made = method(frozen=2)
    start = made.prototypes.weight.detach().clone()
    optimizer = torch.optim.AdamW(made.parameters(), lr=0.1, weight_decay=0.5)
    for step in range(1, 5):
        made(batch())["loss"].backward()
        made.after_backward(step, 4)
        optimizer.step()
        optimizer.zero_grad()
        made.after_step(step, 4)
        assert made.prototypes.weight.equal(start) == (step <= 2)
    torch.testing.assert_close(made.prototypes.weight.norm(dim=1), torch.ones(6))
    assert all(group["decay_all"] for group in made.parameter_groups())


def test_more_prototypes_than_rows_give_soft_codes_that_sum_to_one():
    made = method(prototypes=200)
    found = made(batch())
    assert all(torch.isfinite(value) for value in found.values()) and found["used"] <= 2 * ITEMS
    codes = made.codes_of(made.prototypes(torch.randn(4, 8)), 0)
    torch.testing.assert_close(codes.sum(1), torch.ones(4))
    assert codes.max() < 0.5


def steps_of(own):
    """Return losses, gradients and the queue of three steps that fill and ask it, without batch statistics."""
    made = method(queue=5)
    for module in made.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    losses = []
    for step in range(1, 4):
        made.zero_grad()
        losses.append(made(batch(own))["loss"])
        losses[-1].backward()
        made.after_backward(step, 3)
    gradients = {name: value.grad for name, value in made.named_parameters() if value.grad is not None}
    return [loss.detach() for loss in losses], made.queue.rows, gradients


def work(rank):
    losses, queue, gradients = steps_of((slice(0, 2), slice(2, ITEMS))[rank])
    for gradient in gradients.values():
        distributed.all_reduce(gradient)
    return losses, queue, {name: gradient / 2 for name, gradient in gradients.items()}


def test_two_processes_with_a_queue_learn_what_one_does(tmp_path):
    wanted = steps_of(slice(None))
    assert not wanted[0][0].isclose(wanted[0][1], rtol=1e-4)  # the second step asks the queue
    for found in in_two_processes(work, tmp_path):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)


def test_sizes_of_clusters_have_their_known_values():
    sizes = sizes_of(torch.tensor([[0, 0, 1, 1, -1], [2, 2, 2, 2, 2]]), 4)
    assert sizes.tolist() == [[2, 2, 0, 0], [0, 0, 5, 0]]
    one, other = (size_scores(table[None]) for table in sizes)
    assert (one["used"], one["largest"], one["evenness"]) == (2, 0.5, pytest.approx(0.5))
    assert (other["used"], other["largest"], other["evenness"]) == (1, 1, 0)
    assert size_scores(torch.tensor([[3, 3, 3]]))["evenness"] == pytest.approx(1)
    assert all(value == 0 for value in size_scores(torch.zeros(2, 3)).values())


def test_a_loss_that_stays_at_a_guess_is_said_but_for_the_random_start():
    made, start = method(), {"train/loss": 1.8, "train/rank": 40.0}
    assert made.warnings(start, start) == [] == made.warnings(start | {"train/loss": 1.5}, start)
    (line,) = made.warnings(start | {"train/loss": 1.79}, start)
    assert "train/loss" in line and "1.79" in line and "epsilon" in line and "\n" not in line


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"code_views": 3}, "code_views from 1 to the 2 views"),
        ({"code_views": 0}, "code_views=0"),
        ({"prototypes": 1}, "at least 2 prototypes"),
        ({"frozen": -1}, "frozen=-1"),
        ({"queue": -1}, "queue=-1"),
        ({"epsilon": 0.0}, "epsilon and temperature above 0"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"rounds": 0}, "rounds=0"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(settings, said):
    with pytest.raises(ValueError, match=said) as caught:
        method(**settings)
    assert "\n" not in str(caught.value)
