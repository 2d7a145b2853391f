"""Clusters and transport: both against slow writings; XDC, SeLaVi and CMA: what is learned, and what must not be."""

import itertools
import math

import pytest
import torch
from buzzing import SPEC, world
from sklearn.cluster import KMeans
from torch.nn import functional as F

from avssl.losses import transport
from avssl.methods import CMA, XDC, CrossModalNCE, SeLaVi
from avssl.methods.rows import features_of
from avssl.methods.sound.clusters import fit_apart
from avssl.methods.sound.cma import agreement
from avssl.methods.sound.recording_features import pooled
from avssl.methods.sound.selavi import shares
from avssl.methods.sound.xdc import weighted_cross_entropy
from avssl.nets import Clusters, SmallSound, SmallVision

COUNT = 96


def made(kind, seed=0, **settings):
    torch.manual_seed(seed)
    nets = SmallVision(widths=(8, 8, 16, 16)), SmallSound(widths=(8, 8, 16, 16), spec=SPEC)
    return kind(*nets, recordings=COUNT, **settings)


def batches(cue=True, seed=0):
    """Return the toy world in batches, recordings numbered through."""
    whole, _ = world(COUNT, seed, cue)
    whole["label"] = whole["label"].long()
    return [{name: rows[first : first + 32] for name, rows in whole.items()} for first in range(0, COUNT, 32)]


def trained(method, cue=True, epochs=6):
    optimiser = torch.optim.AdamW(method.parameters(), lr=3e-3)
    for _ in range(epochs):
        method.train().before_epoch(features_of(batches(cue)))
        for _ in range(3):
            for batch in batches(cue):
                loss = method(batch)["loss"]
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    return method.eval()


def test_the_plan_is_the_best_of_all_with_these_sizes():
    torch.manual_seed(0)
    likely, sizes = torch.randn(6, 2).log_softmax(1), torch.tensor([1 / 3, 2 / 3])
    plan = transport(likely, sizes, sharpness=200, rounds=2000, close=1e-6)
    assert plan.sum(1).tolist() == pytest.approx([1 / 6] * 6, rel=1e-4)
    assert plan.sum(0).tolist() == pytest.approx(sizes.tolist(), rel=1e-4)
    best = max(
        itertools.product(range(2), repeat=6),
        key=lambda labels: (
            sum(likely[row, label].item() for row, label in enumerate(labels)) if sum(labels) == 4 else -math.inf
        ),
    )
    assert plan.argmax(1).tolist() == list(best)


def test_a_plan_scales_rows_and_columns_of_the_sharpened_probabilities():
    torch.manual_seed(0)
    likely = torch.randn(5, 3).log_softmax(1)
    plan = transport(likely, torch.tensor([0.2, 0.3, 0.5]), sharpness=3, rounds=500, close=1e-9)
    slow = (3 * likely.double()).exp()
    for _ in range(500):
        slow = slow / slow.sum(0) * torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
        slow = slow / slow.sum(1, keepdim=True) / 5
    assert torch.allclose(plan, slow, atol=1e-7)


def test_sizes_of_clusters_spread_about_even():
    sizes = shares(400, 0.1, torch.tensor([[3]]))
    assert sizes.sum().item() == pytest.approx(1)
    assert (sizes * 400).std().item() == pytest.approx(0.1, rel=0.15)
    assert torch.equal(sizes, shares(400, 0.1, torch.tensor([[3]])))


def test_features_are_whitened_and_clusters_found():
    torch.manual_seed(0)
    kind = torch.arange(60) % 3
    rows = 100 * F.one_hot(kind, 3).float() @ torch.randn(3, 5) + torch.randn(60, 5) * 0.1 + 7
    clusters = Clusters(5, 3, components=2)
    labels = fit_apart(clusters, rows, seed=0)
    assert len({(int(one), int(other)) for one, other in zip(kind, labels, strict=True)}) == 3
    white = clusters.whitening(rows)
    assert torch.allclose(white.T @ white / len(white), torch.eye(2), atol=1e-3)
    assert torch.equal(clusters.assign(rows), labels)
    assert torch.equal(fit_apart(clusters, rows, seed=0), labels)


def test_clusters_are_those_of_scikit_learn_as_in_earlier_versions():
    chance = torch.Generator().manual_seed(0)
    rows = torch.randn(12, 8, generator=chance)[torch.arange(600) % 12] + torch.randn(600, 8, generator=chance)
    centred = (rows - rows.mean(0)).double()
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
    white = F.normalize((centred @ (vectors / values.sqrt())[:, -6:].flip(1)).float(), dim=1)
    for seed in range(3):
        theirs = KMeans(10, random_state=seed).fit(white.numpy())
        assert fit_apart(Clusters(8, 10, components=6), rows, seed).tolist() == theirs.labels_.tolist()


def test_fewer_recordings_than_clusters_are_an_error():
    with pytest.raises(ValueError, match="2 recordings cannot make 3 clusters"):
        fit_apart(Clusters(4, 3), torch.randn(2, 4), seed=0)
    for kind in (XDC, SeLaVi):
        with pytest.raises(ValueError, match="recordings"):
            made(kind, clusters=COUNT + 1)


def test_only_what_is_heard_is_pooled():
    batch, _ = world(4, 0)
    batch = {name: torch.cat([rows, rows], 1) if name in ("frames", "sound") else rows for name, rows in batch.items()}
    batch["silent"] = torch.tensor([[False, False], [True, False], [True, True], [False, False]])
    found = pooled(
        features_of([batch]),
        lambda pictures: pictures.mean((1, 3, 4)),
        lambda sound: sound.square().mean(2),
        (),
        SPEC.rate,
    )
    assert found.index.tolist() == [0, 1, 3]
    assert found.silent == pytest.approx(3 / 8)
    assert torch.allclose(found.pictures[0], batch["frames"][0, 0, 0].float().mean((1, 2)) / 255)
    batch["silent"][:] = True
    with pytest.raises(ValueError, match="every window of sound is silent"):
        pooled(features_of([batch]), lambda rows: rows.flatten(1), lambda rows: rows.flatten(1), (), SPEC.rate)


def test_naming_weighs_clusters_and_leaves_out_what_has_none():
    logits, truth, weights = torch.randn(4, 3), torch.tensor([2, -1, 0, 0]), torch.tensor([0.5, 1.0, 2.0])
    slow = [(weights[label], -logits[row].log_softmax(0)[label]) for row, label in ((0, 2), (2, 0), (3, 0))]
    expected = sum(weight * each for weight, each in slow) / sum(weight for weight, _ in slow)
    assert weighted_cross_entropy(logits, truth, weights).item() == pytest.approx(float(expected), rel=1e-5)
    assert weighted_cross_entropy(logits, torch.full((4,), -1), weights).item() == 0


def test_recordings_of_all_clusters_weigh_the_same():
    method = made(XDC, clusters=3)
    method.known[0] = torch.tensor([0] * 60 + [1] * 30 + [2] * 6)
    weights = method.weights(0)
    total = torch.bincount(method.known[0]) * weights
    assert torch.allclose(total, total[0].expand(3))
    assert total.sum().item() == pytest.approx(COUNT)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (XDC, {"clusters": 4, "components": 4, "refresh": 2}),
        (XDC, {"clusters": 4, "components": 4, "refresh": 2, "labels": "joint"}),
        (SeLaVi, {"clusters": 2, "heads": 2, "spread": 0.0}),
        (CMA, {"dim": 16, "hidden": 16, "noise": 32, "within_noise": 16, "top": 4, "start": 2, "refresh": 2}),
        (CMA, {"dim": 16, "hidden": 16, "across": "batch", "noise": 16, "within_noise": 16, "top": 4, "start": 2}),
    ],
    ids=["xdc", "cdc", "selavi", "cma", "cma-batch"],
)
def test_what_belongs_together_is_learned_and_no_cue_stays_at_chance(kind, settings):
    held_out = {cue: [world(64, 1000 + one, cue)[0] for one in range(3)] for cue in (True, False)}
    scores = {cue: trained(made(kind, **settings), cue).measure(held_out[cue]) for cue in (True, False)}
    assert scores[True]["accuracy_other_class"] >= 0.85
    assert 0.38 <= scores[False]["auc"] <= 0.62


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (XDC, {"clusters": 4}),
        (SeLaVi, {"clusters": 4}),
        (CMA, {"noise": 32, "within_noise": 16, "top": 4}),
        (CrossModalNCE, {"negatives": "bank", "noise": 32}),
    ],
)
def test_what_is_taught_has_another_name_than_what_is_measured(kind, settings):
    method = made(kind, **settings)
    batch = batches()[0]
    if hasattr(method, "known"):
        method.known[:] = 0
    taught, measured = method(batch), method.eval().measure([batch])
    assert not set(taught) & set(measured)
    assert method.decides in measured and method.decides == "pair_loss"


def test_an_undecided_head_costs_the_log_of_the_number_of_clusters():
    for kind in (XDC, SeLaVi):
        method = made(kind, clusters=8)
        method.known[:] = torch.arange(COUNT) % 8
        for layer in (method.pictures_to, method.sounds_to):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        assert method(batches()[0])["loss"].item() == pytest.approx(math.log(8), rel=1e-5)
        assert method.score_pairs(torch.rand(2, 1, 3, 32, 32), torch.rand(2, 1, 1600)).tolist() == pytest.approx(
            [0, 0], abs=1e-5
        )


def test_labels_come_back_from_a_checkpoint_and_are_looked_for_when_due():
    asked = []

    def look(extract):
        asked.append(True)
        return features_of(batches())(extract)

    for kind in (XDC, SeLaVi):
        asked.clear()
        method = made(kind, clusters=4, refresh=2).train()
        for _ in range(3):
            method.before_epoch(look)
            assert method.training
        assert len(asked) == 2
        again = made(kind, seed=1, clusters=4, refresh=2)
        again.load_state_dict(method.state_dict())
        assert torch.equal(again.known, method.known)
        again.before_epoch(look)
        assert len(asked) == 2
        assert again(batches()[0])["loss"].item() == pytest.approx(
            method.train()(batches()[0])["loss"].item(), rel=1e-4
        )


def test_labels_of_even_clusters_are_even():
    method = made(SeLaVi, clusters=4, heads=3, spread=0.0).train()
    method.before_epoch(features_of(batches()))
    for labels in method.known:
        assert torch.bincount(labels, minlength=4).float().std().item() <= 3


def test_sound_layers_are_put_in_the_order_of_the_pictures():
    method = made(SeLaVi, clusters=5, heads=2)
    seen = torch.randn(50, method.encoder.dim)
    order = torch.cat([torch.randperm(5) + 5 * head for head in range(2)])
    method.sounds_to = torch.nn.Linear(method.encoder.dim, 10)
    with torch.no_grad():
        method.sounds_to.weight.copy_(method.pictures_to.weight[order])
        method.sounds_to.bias.copy_(method.pictures_to.bias[order])
    from avssl.methods.sound.recording_features import Pooled

    method.align(Pooled(index=torch.arange(50), pictures=seen, sounds=seen, label=torch.full((50,), -1), silent=0.0))
    assert torch.equal(method.sounds_to.weight, method.pictures_to.weight)


def test_agreement_is_the_lesser_of_both_similarities_and_never_oneself():
    torch.manual_seed(0)
    pictures, sounds = F.normalize(torch.randn(20, 4), dim=1), F.normalize(torch.randn(20, 4), dim=1)
    found = agreement(pictures, sounds, top=3)
    for row in range(20):
        both = [min(float(pictures[row] @ pictures[one]), float(sounds[row] @ sounds[one])) for one in range(20)]
        others = sorted((one for one in range(20) if one != row), key=lambda one: -both[one])
        assert found[row].tolist() == others[:3]


def test_agreeing_recordings_are_positives_within_and_never_noise():
    method = made(CMA, dim=8, hidden=8, noise=200, within_noise=50, top=4, start=1, refresh=3).train()
    method.before_epoch(features_of([]))
    assert (method.agreeing == -1).all()
    assert method(batches()[0])["within"].item() == 0
    method.before_epoch(features_of([]))
    assert torch.equal(method.agreeing, agreement(method.bank.pictures.rows, method.bank.sounds.rows, 4))
    assert method(batches()[0])["within"].item() > 0


def test_within_the_batch_pairs_that_agree_are_not_told_apart():
    method = made(CMA, dim=8, hidden=8, across="batch", noise=50, within_noise=50, top=1, start=1).eval()
    batch = batches()[0]
    index = batch["key"][:, 2]
    before = method(batch)["across"].item()
    method.agreeing[:, 0] = index.roll(-1)[:1]  # everything agrees with one recording of the batch
    place = int((index == index.roll(-1)[0]).nonzero()[0])
    expected = torch.zeros(len(index), len(index), dtype=torch.bool)
    expected[:, place] = expected[place] = True
    assert torch.equal(method.agree(index), expected)
    method.agreeing[:, 0] = -1
    method.agreeing[index[0], 0] = index[1]
    pictures = method.embed_pictures(batch["frames"][:, 0].float() / 255)
    table = pictures @ method.embed_sounds(batch["sound"][:, 0]).T / method.temperature
    table[0, 1] = table[1, 0] = float("-inf")
    expected = -(table.log_softmax(1).diagonal().mean() + table.log_softmax(0).diagonal().mean()) / 2
    assert method(batch)["across"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert before > expected.item()
