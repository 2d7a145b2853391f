"""DeepCluster-v2: the bank of training views, heads that are centres, and exact going on across clusterings."""

import math

import pytest
import torch
from clustered import ITEMS, batch_of, clustered, states_of_runs
from every import views
from torch.nn import functional as F

from avssl.methods import DeepClusterV2
from avssl.methods.rows import features_of
from avssl.nets import SmallNet


def method(count=2, **settings):
    torch.manual_seed(0)
    small = {"items": ITEMS, "clusters": (2, 3, 4), "hidden": 8, "dim": 8}
    return DeepClusterV2(SmallNet(dim=8, width=2), views(16, count), **(small | settings)).train()


def test_before_the_first_epoch_the_bank_is_filled_with_the_views_of_that_epoch():
    made, same = clustered(method()), method()
    assert made.seen.all()
    shown = same.views(batch_of()["frames"], batch_of()["key"])
    with torch.no_grad():
        rows = torch.stack([F.normalize(each, dim=1) for each in same.embed(shown, together=True)])
    torch.testing.assert_close(made.bank, rows)


def test_the_first_epoch_learns_and_its_loss_is_a_number():
    made = clustered(method())
    found = made(batch_of())
    found["loss"].backward()
    assert 0 < found["loss"] < 20 and made.encoder.trunk.conv1[0].weight.grad.abs().sum() > 0


def test_heads_are_spherical_centres_of_crops_in_turn_and_take_no_gradient():
    made = clustered(method())
    for number, centres in enumerate(made.centres()):
        rows = made.bank[number % 2]
        torch.testing.assert_close(centres.norm(dim=1), torch.ones(len(centres)))
        assert (rows @ centres.T).argmax(1).equal(made.known[number])
        for cluster in range(len(centres)):
            mean = rows[made.known[number] == cluster].mean(0)
            torch.testing.assert_close(F.normalize(mean, dim=0), centres[cluster])
    assert not any("centres" in name for name, _ in made.named_parameters())


def test_the_loss_is_the_mean_over_heads_and_views_of_a_slow_writing():
    made = clustered(method(count=3))
    made.eval()
    made.training = True  # labels are those that items were given; batch statistics stay out
    found = made(batch_of())
    rows = [F.normalize(each, dim=1) for each in made.embed(made.views_of(batch_of())[1], together=True)]
    losses = []
    for number, centres in enumerate(made.centres()):
        for each in rows:
            for item, label in enumerate(made.known[number].tolist()):
                losses.append(-(each[item] @ centres.T / 0.1).log_softmax(0)[label])
    torch.testing.assert_close(found["loss"], torch.stack(losses).mean())


def test_in_evaluation_the_other_views_tell_the_cluster_of_the_one_that_a_head_clusters():
    made = clustered(method()).eval()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    found = made(batch_of(epoch=9))
    rows = [F.normalize(each, dim=1) for each in made.embed(made.views_of(batch_of(epoch=9))[1], together=True)]
    losses = []
    for number, centres in enumerate(made.centres()):
        own, other = rows[number % 2], rows[1 - number % 2]
        losses.append(F.cross_entropy(other @ centres.T / 0.1, (own @ centres.T).argmax(1)))
    torch.testing.assert_close(found["loss"], torch.stack(losses).mean())
    assert not made.fresh and all(value.equal(before[name]) for name, value in made.state_dict().items())


def test_before_there_are_clusters_nothing_is_told_in_evaluation_and_nothing_counts_in_training():
    made = method(clusters=(4, 4))
    assert made(batch_of())["loss"] == 0
    found = made.eval()(batch_of())
    assert found["loss"].item() == pytest.approx(math.log(4)) and found["accuracy"] == 0


def test_the_bank_takes_in_training_views_after_the_gradients_and_clusters_are_of_them():
    made = clustered(method())
    bank, known = made.bank.clone(), made.known.clone()
    batch = batch_of((0, 1, 2, 1), epoch=1)
    batch["frames"][3] = 1 - batch["frames"][3]
    rows = torch.stack([F.normalize(each, dim=1) for each in made.embed(made.views_of(batch)[1], together=True)])
    loss = made(batch)["loss"]
    assert made.bank.equal(bank)
    loss.backward()
    made.after_backward(1, 2)
    torch.testing.assert_close(made.bank[:, [0, 2, 1]], rows[:, [0, 2, 3]].detach())  # of item 1 the last
    assert made.bank[:, 3:].equal(bank[:, 3:]) and not made.fresh and made.known.equal(known)
    made.bank.copy_(F.normalize(torch.randn(made.bank.shape), dim=2))
    made.before_epoch(lambda extract: pytest.fail("the bank is what is clustered"))
    assert (made.bank[0] @ made.centres()[0].T).argmax(1).equal(made.known[0])


def test_items_that_were_never_seen_are_in_no_cluster_until_they_are():
    made = method()
    made.before_epoch(features_of([batch_of(range(8))]))
    assert (made.known[:, 8:] == -1).all() and (made.known[:, :8] >= 0).all()
    made(batch_of((8, 9)))["loss"].backward()
    made.after_backward(1, 1)
    made.before_epoch(features_of([]))
    assert (made.known[:, :10] >= 0).all() and (made.known[:, 10:] == -1).all()
    with pytest.raises(ValueError, match="nothing to cluster"):
        method().before_epoch(features_of([]))


def test_permuted_clusters_change_neither_the_loss_nor_the_gradients_of_the_trunk():
    made = clustered(method(clusters=(4,)))
    order, results = torch.tensor([2, 0, 3, 1]), []
    for module in made.modules():
        module.training = module is made
    for _ in range(2):
        loss = made(batch_of())["loss"]
        results.append([loss, *torch.autograd.grad(loss, list(made.encoder.parameters()))])
        made.centres()[0][order] = made.centres()[0].clone()
        made.known.copy_(order[made.known])
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two)


def test_runs_cut_in_the_middle_of_an_epoch_and_beside_a_clustering_go_on_bit_for_bit(tmp_path):
    states, asked = states_of_runs(lambda: method(items=6), tmp_path, stops=(3, 4, 5))  # epochs of three steps
    assert asked == {None: 3, 3: 3, 4: 4, 5: 3}  # cut at step 4 behind its clustering, which is made again
    for state in states[1:]:
        assert all(value.equal(state[name]) for name, value in states[0].items())


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match="the data has item number 11, and clusters are kept of 4 items; set items"):
        clustered(method(items=4))
    assert torch.isfinite(method(items=4)(batch_of())["loss"])
    with pytest.raises(ValueError, match="2 rows cannot make 3 clusters"):
        method().before_epoch(features_of([batch_of((0, 1))]))
    for settings in ({"clusters": ()}, {"clusters": (1,)}, {"clusters": (13,)}, {"crops": 3}, {"crops": 0}):
        with pytest.raises(ValueError, match="needs heads of 2 clusters"):
            method(**settings)
    for settings in ({"rounds": 0}, {"refresh": 0}, {"temperature": 0.0}):
        with pytest.raises(ValueError, match="needs rounds and refresh"):
            method(**settings)
