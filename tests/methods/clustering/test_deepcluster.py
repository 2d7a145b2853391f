"""DeepCluster: what is clustered, what clusters weigh, what is made anew, and exact going on across clusterings."""

import math

import pytest
import torch
from clustered import ITEMS, batch_of, clustered, states_of_runs
from every import views
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from torch.nn import functional as F

from avssl.methods import DeepCluster
from avssl.methods.clustering.deepcluster import inverse_sizes
from avssl.methods.clustering.signs import mutual_information, signs_of
from avssl.methods.rows import features_of
from avssl.nets import SmallNet


def method(**settings):
    torch.manual_seed(0)
    small = {"items": ITEMS, "clusters": 4, "components": 3}
    return DeepCluster(SmallNet(dim=8, width=2), views(16, 1), **(small | settings)).train()


def test_clusters_are_those_of_whitened_features_before_the_last_relu_of_plain_looks():
    made = method()
    made.epochs += 1  # looked at by running statistics
    before = {name: value.clone() for name, value in made.encoder.state_dict().items()}
    clustered(made)
    assert made.training and all(value.equal(before[name]) for name, value in made.encoder.state_dict().items())
    look = made.views(batch_of()["frames"], batch_of()["key"], train=False)[0].frames[:, 0]
    trunk = made.encoder.eval().trunk
    with torch.no_grad():
        rows = trunk.fc[:-1](trunk[:-1](made.encoder.normalized(look)))
    assert (rows < 0).any()
    white = F.normalize(torch.from_numpy(PCA(3, whiten=True).fit_transform(rows.numpy())), dim=1)
    centres = torch.stack([white[made.known == cluster].mean(0) for cluster in range(4)])
    assert torch.cdist(white, centres).argmin(1).equal(made.known)
    made.eval()
    assert made.labels_of(batch_of()).equal(made.known)  # nearest centre, as held-out items have it


def test_a_layer_is_clustered_by_its_mean_over_cells():
    made = method(layer="conv2")
    made.epochs += 1
    clustered(made)
    look = made.views(batch_of()["frames"], batch_of()["key"], train=False)[0].frames[:, 0]
    trunk = made.encoder.eval().trunk
    with torch.no_grad():
        rows = trunk.conv2[:-1](trunk.conv1(made.encoder.normalized(look))).mean((2, 3))
    assert made.clusters.assign(rows).equal(made.known)
    assert made.clusters.dim == 4 and made.watched().in_features == 8


def test_neither_batches_nor_their_order_change_a_label_and_each_clustering_starts_anew():
    whole, parts = method(), method()
    for made, batches in (
        (whole, [batch_of()]),
        (parts, [batch_of((7, 3, 9, 0, 1, 2)), batch_of((11, 4, 5, 6, 8, 10))]),
    ):
        made.epochs += 1
        torch.manual_seed(1)  # as the loop does
        made.before_epoch(features_of(batches))
    assert whole.known.equal(parts.known)
    first = whole.clusters.centres.clone()
    whole.before_epoch(features_of([batch_of()]))
    assert not whole.clusters.centres.equal(first)


def test_the_loss_begins_at_the_logarithm_of_the_number_of_clusters():
    made = clustered(method(max_weight=1000.0))
    assert made(batch_of())["loss"].item() == pytest.approx(math.log(4), abs=0.05)
    assert made.eval()(batch_of())["loss"].item() == pytest.approx(math.log(4), abs=0.05)


def test_the_layer_is_made_anew_with_each_clustering_and_named_for_optimisers():
    made = method(refresh=2)
    names = made.before_epoch(features_of([batch_of()]))
    assert {name for name, _ in made.named_parameters() if name.startswith("head")} == set(names)
    head, known = made.watched().weight.clone(), made.known.clone()
    assert made.before_epoch(lambda extract: pytest.fail("nothing is due")) == []
    assert made.watched().weight.equal(head) and made.known.equal(known)
    assert made.before_epoch(features_of([batch_of()])) == names
    assert not made.watched().weight.equal(head) and made.watched().bias.eq(0).all()
    assert made.watched().weight.std().item() < 0.02


def test_in_expectation_weights_are_even_drawing_from_clusters():
    made = method(max_weight=1000.0)
    made.known.copy_(torch.tensor([0] * 7 + [1] * 3 + [3] * 2))  # cluster 2 has no item
    made.weight.copy_(inverse_sizes(made.known, 4))
    made.encoder.eval()
    batch = batch_of()

    def gradients(loss):
        return torch.autograd.grad(loss, [*made.head.parameters(), *made.encoder.parameters()])

    weighted = gradients(made(batch)["loss"])
    (rows,) = made.embed(made.views_of(batch)[1])
    each = F.cross_entropy(rows, made.known, reduction="none")
    drawn = gradients(torch.stack([each[made.known == cluster].mean() for cluster in (0, 1, 3)]).mean())
    for one, two in zip(weighted, drawn, strict=True):
        torch.testing.assert_close(one, two)


def test_no_item_weighs_more_than_the_most():
    made = clustered(method(clusters=8, max_weight=1.1))
    assert made.weight.max().item() <= 1.1 + 1e-6
    sizes = torch.bincount(made.known, minlength=8)
    expected = ITEMS / ((sizes > 0).sum() * sizes.clamp(min=1))
    torch.testing.assert_close(made.weight, torch.where(sizes > 0, expected, 0.0).clamp(max=1.1))


def test_permuted_clusters_change_neither_the_loss_nor_the_gradients_of_the_trunk():
    made = clustered(method())
    made.encoder.eval()
    order = torch.tensor([2, 0, 3, 1])
    results = []
    for _ in range(2):
        loss = made(batch_of())["loss"]
        results.append([loss, *torch.autograd.grad(loss, list(made.encoder.parameters()))])
        layer = made.watched()
        with torch.no_grad():
            layer.weight[order], layer.bias[order] = layer.weight.clone(), layer.bias.clone()
        made.weight[order] = made.weight.clone()
        made.known.copy_(order[made.known])
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two)


def test_signs_are_the_agreement_with_the_last_clustering_and_the_sizes():
    chance = torch.Generator().manual_seed(0)
    first, second = (torch.randint(5, (200,), generator=chance) for _ in range(2))
    second[:100] = first[:100]
    expected = normalized_mutual_info_score(first.numpy(), second.numpy())
    assert mutual_information(first, second).item() == pytest.approx(expected)
    assert signs_of(second, first, 7)[1:].tolist() == pytest.approx([5, second.bincount().max().item() / 200])
    made = clustered(method())
    assert made(batch_of())["nmi_with_last"] == 0  # there was none
    last = made.known.clone()
    found = clustered(made)(batch_of())
    expected = normalized_mutual_info_score(last.numpy(), made.known.numpy())
    assert found["nmi_with_last"].item() == pytest.approx(expected)
    assert found["clusters_used"] == len(made.known.unique())
    assert mutual_information(torch.zeros(3).long(), torch.zeros(3).long()) == 1


def test_items_that_could_not_be_read_are_in_no_cluster_and_do_not_count():
    made = method()
    made.before_epoch(features_of([batch_of(range(8))]))
    assert (made.known[8:] == -1).all() and (made.known[:8] >= 0).all()
    made.encoder.eval()
    together = made(batch_of((0, 1, 2, 9)))["loss"]
    torch.testing.assert_close(together, made(batch_of((0, 1, 2)))["loss"])
    assert made(batch_of((9, 10)))["loss"] == 0
    with pytest.raises(ValueError, match="nothing to cluster"):
        method().before_epoch(features_of([]))


def test_all_rows_alike_are_clustered_without_a_fault():
    made = method()
    batch = batch_of()
    batch["frames"] = torch.zeros_like(batch["frames"])
    made.before_epoch(features_of([batch]))
    assert torch.isfinite(made(batch)["loss"])


def test_runs_cut_in_the_middle_of_an_epoch_and_beside_a_clustering_go_on_bit_for_bit(tmp_path):
    states, asked = states_of_runs(lambda: method(items=6), tmp_path, stops=(3, 4, 5))  # epochs of three steps
    assert asked == {None: 3, 3: 3, 4: 4, 5: 3}  # cut at step 4 behind its clustering, which is made again
    for state in states[1:]:
        assert all(value.equal(state[name]) for name, value in states[0].items())


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match="the data has item number 11, and clusters are kept of 4 items; set items"):
        clustered(method(items=4))
    assert torch.isfinite(method(items=4)(batch_of())["loss"])
    with pytest.raises(ValueError, match="2 rows cannot make 4 clusters"):
        method().before_epoch(features_of([batch_of((0, 1))]))
    for settings in ({"clusters": 1}, {"clusters": 13}, {"rounds": 0}, {"refresh": 0}, {"max_weight": 0.5}):
        with pytest.raises(ValueError, match="needs 2 clusters"):
            method(**settings)
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        method(layer="conv9")
