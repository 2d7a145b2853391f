"""SeLa: labels by transport over all items, when they are drawn anew, what is learned, and going on exactly."""

import math
from fractions import Fraction

import pytest
import torch
from every import Items, views
from torch import nn

from avssl.losses import transport
from avssl.methods import SeLa
from avssl.methods.clustering.sela import renewals_due
from avssl.methods.rows import features_of
from avssl.nets import SmallNet
from avssl.training import SGD, TrainingError, train

ITEMS = 6


def method(items=ITEMS, **settings):
    torch.manual_seed(0)
    return SeLa(SmallNet(dim=8, width=2), views(16, 1), items=items, **({"clusters": 3, "heads": 2} | settings))


def batch_of(indices=range(ITEMS), epoch=0):
    pictures = torch.rand(100, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    return {"frames": pictures[list(indices)], "key": torch.tensor([[0, epoch, index] for index in indices])}


def labelled(*batches, **settings):
    """Return a method that drew labels once, by running statistics."""
    made = method(**settings)
    made.after_step(1, 100)
    made.before_epoch(features_of(list(batches) or [batch_of()]))
    return made


def rows_by_hand(made, batch):
    made.eval()
    with torch.no_grad():
        look = made.views(batch["frames"], batch["key"], train=False)[0].frames[:, 0]
        return made.train().head(made.encoder.eval()(look)).unflatten(1, (made.heads, made.clusters))


def test_labels_are_the_greatest_entries_of_the_plan_over_all_items_by_their_number():
    made = labelled(batch_of((3, 4, 5)), batch_of((0, 1, 2)))
    assert made.training and made.encoder.training
    logits = rows_by_hand(made, batch_of())
    for head in range(2):
        plan = transport(logits[:, head].double().log_softmax(1), torch.full((3,), 1 / 3), 25.0)
        assert made.known[head].tolist() == plan.argmax(1).tolist()
        assert made.sizes[head].tolist() == torch.bincount(made.known[head], minlength=3).tolist()


def test_labels_are_nearly_of_one_size_where_the_likeliest_are_not():
    made = labelled(batch_of(range(90)), items=90, clusters=5, sharpness=200.0)
    assert made.sizes.sum(1).tolist() == [90, 90] and made.sizes.min() >= 14 and made.sizes.max() <= 22
    likeliest = rows_by_hand(made, batch_of(range(90))).argmax(2)
    assert max(torch.bincount(likeliest[:, head], minlength=5).max() for head in range(2)) > 40


def test_a_look_at_all_items_changes_nothing_but_labels_and_augments_if_asked():
    made = method()
    made.after_step(1, 100)
    state = {name: value.clone() for name, value in made.state_dict().items()}
    made.before_epoch(features_of([batch_of()]))
    changed = {name for name, value in made.state_dict().items() if not value.equal(state[name])}
    assert changed == {"known", "sizes", "renewed"}
    plain, augmented = (method(look=look).eval() for look in ("plain", "augmented"))
    with torch.no_grad():
        rows = [made.rows_of(batch_of(epoch=epoch))["rows"] for made in (plain, augmented) for epoch in (0, 1)]
    assert rows[0].equal(rows[1]) and not rows[2].equal(rows[3]) and not rows[0].equal(rows[2])


@pytest.mark.parametrize(("steps", "renewals"), [(100, 11), (97, 100), (10, 3), (5, 1)])
def test_renewals_are_due_when_squares_of_equal_steps_are_over(steps, renewals):
    for step in range(steps):
        slow = sum(Fraction(n, max(1, renewals - 1)) ** 2 <= Fraction(step, steps) for n in range(renewals))
        assert renewals_due(step, steps, renewals) == slow


@pytest.mark.parametrize(
    ("renewals", "drawn"),
    [
        (3, [0, 30]),  # at the start, and between two passes once a quarter is over; the third is the end
        (11, [0, 10, 20, 30, 40, 50, 70, 90]),  # those of 1, 4 and 9 % are one
    ],
)
def test_labels_are_drawn_only_when_a_renewal_is_due(renewals, drawn):
    made, asked = method(renewals=renewals), []
    for step in range(0, 100, 10):
        if step:
            made.after_step(step, 100)
        made.before_epoch(lambda extract, step=step: asked.append(step) or features_of([batch_of()])(extract))
    assert asked == drawn and made.renewed == renewals_due(90, 100, renewals)


def test_what_stayed_is_the_share_of_labels_that_a_renewal_kept():
    made = labelled()
    assert made.stayed == 0
    before = made.known.clone()
    made.known[0] = (made.known[0] + 1) % 3
    made.known[1, 2] = -1  # had none
    made.after_step(50, 100)
    made.before_epoch(features_of([batch_of()]))
    assert made.known.equal(before) and made.stayed.item() == pytest.approx(5 / 11)
    assert made(batch_of())["stayed"].equal(made.stayed)


def test_the_loss_is_the_mean_over_heads_and_views_of_the_items_that_have_labels():
    torch.manual_seed(0)
    made = SeLa(SmallNet(dim=8, width=2), views(16), items=8, clusters=3, heads=2, layers=2, hidden=8)
    made.after_step(1, 100)
    made.before_epoch(features_of([batch_of((0, 1, 2, 4))]))
    assert (made.known[:, [3, 5, 6, 7]] == -1).all()
    for module in made.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    batch, total, right = batch_of((4, 3, 0, 2, 9)), 0.0, 0
    for view in made.views_of(batch)[1]:
        logits = made.student()(view.frames).tolist()
        for place, item in ((0, 4), (2, 0), (3, 2)):
            for head in range(2):
                row, truth = logits[place][3 * head : 3 * head + 3], int(made.known[head, item])
                total += math.log(sum(map(math.exp, row))) - row[truth]
                right += row.index(max(row)) == truth
    found = made(batch)
    assert math.isclose(found["loss"].item(), total / 12, rel_tol=1e-5)
    assert math.isclose(found["accuracy"].item(), right / 12, rel_tol=1e-5)
    assert made(batch_of((3, 5)))["loss"] == 0  # none has a label


def test_equal_logits_have_the_loss_of_a_guess():
    made = labelled()
    with torch.no_grad():
        made.head[-1][0].weight.zero_()
        made.head[-1][0].bias.zero_()
    for training in (True, False):
        assert math.isclose(made.train(training)(batch_of())["loss"].item(), math.log(3), rel_tol=1e-6)


def test_clusters_in_another_order_change_neither_the_loss_nor_what_the_encoder_learns():
    order, found = torch.tensor([2, 0, 1]), []
    for moved in (False, True):
        made = labelled()
        if moved:
            last, rows = made.head[-1][0], torch.cat([order, 3 + order])
            with torch.no_grad():
                last.weight.copy_(last.weight[rows])
                last.bias.copy_(last.bias[rows])
            made.known.copy_(order.argsort()[made.known.long()])
        loss = made(batch_of())["loss"]
        loss.backward()
        found.append((loss.detach(), [value.grad for value in made.encoder.parameters()]))
    torch.testing.assert_close(*found)


def test_what_is_measured_does_not_depend_on_the_labels_of_the_data():
    made = labelled().eval()
    before = made(batch_of())
    made.known.fill_(-1)
    assert made(batch_of())["loss"].equal(before["loss"]) and before["loss"] > 0 and "stayed" not in before


@pytest.mark.parametrize("stop", [4, 5, 6])
def test_a_run_cut_off_around_a_renewal_goes_on_bit_for_bit(tmp_path, stop):
    settings = {"data": Items("SeLa"), "optim": SGD(lr=0.05), "batch_size": 2, "workers": 0, "accelerator": "cpu"}
    settings |= {"steps": 8, "measure_every": 8, "save_every": 1, "tensorboard": False}  # passes of three steps
    drawn = []

    def run(out, stop=None):
        made = method()
        step_of = made.after_step

        def after_step(step, steps):
            step_of(step, steps)
            if step == stop:
                raise KeyboardInterrupt

        made.after_step = after_step
        made.before_epoch = lambda features: drawn.append(out.name) or SeLa.before_epoch(made, features)
        return train(method=made, out=out, **settings)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", stop)
    cut = run(tmp_path / "cut")
    assert drawn.count("whole") == 3 and drawn.count("cut") == (4 if stop == 4 else 3)
    state = cut.state_dict()
    assert whole.renewed > 2 and (whole.known >= 0).all()
    assert all(value.equal(state[name]) for name, value in whole.state_dict().items())


@pytest.mark.parametrize("items", [ITEMS - 1, ITEMS + 1])
def test_other_items_than_the_data_has_are_refused_in_one_line(tmp_path, items):
    settings = {"optim": SGD(lr=0.1), "steps": 1, "batch_size": 4, "accelerator": "cpu", "tensorboard": False}
    with pytest.raises(TrainingError, match=rf"^SeLa remembers {items} items, and the data has 6; set method.items=6$"):
        train(method=method(items=items), data=Items("SeLa"), out=tmp_path, **settings)


def test_what_cannot_be_is_refused_in_one_line():
    for settings in ({"clusters": 1}, {"clusters": 7}, {"heads": 0}, {"renewals": 0}, {"rounds": 0}, {"sharpness": 0}):
        with pytest.raises(ValueError, match=r"^needs 2 clusters or more, no more than items"):
            method(**settings)
    with pytest.raises(ValueError, match=r"^the data has item number 5, and labels are kept of 4 items; set items"):
        labelled(items=4)
    with pytest.raises(ValueError, match=r"^2 items that could be read cannot make 3 clusters$"):
        labelled(batch_of((0, 1)))
    with pytest.raises(ValueError, match=r"^0 items that could be read"):
        method().before_epoch(features_of([]))
    with pytest.raises(ValueError, match="remembers each item by its number"):
        method()(torch.rand(4, 3, 20, 20))
