"""Probes read what is there, never what is not, and say what they were told."""

import math

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation.probes import SVM, KNearest, Labels, Linear, NonLinear
from avssl.evaluation.probes.base import standardised
from avssl.evaluation.probes.linear import loss_of, part
from avssl.evaluation.probes.logistic import fit_all
from avssl.evaluation.probes.scoring import Scorer
from avssl.evaluation.probes.shots import labelled, number_of

PROBES = [
    Linear(),
    NonLinear(steps=150),
    KNearest(k=15),
    KNearest(k=5, temperature=None, similarity="euclidean"),
    SVM(),
]
NAMES = ("a", "b", "c")


def blobs(count=60, seed=0, cue=True, dim=6):
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % 3
    middle = 3 * np.eye(3, dim)[truth] if cue else 0
    return (middle + rng.normal(size=(count, dim))).astype(np.float32), Labels(truth, None, NAMES)


def several(labels, ignored=()):
    table = labels.table.astype(np.float32)
    table[:, 2] = np.maximum(table[:, 2], table[:, 0])  # the third class goes with the first
    for item, column in ignored:
        table[item, column] = np.nan
    return Labels(None, table, NAMES)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_what_is_there_is_read_and_what_is_not_is_not(probe):
    (train, labels), (test, truth) = blobs(), blobs(90, seed=1)
    assert (probe(train, labels, test, 0).argmax(1) == truth.one).mean() > 0.9
    (train, labels), (test, truth) = blobs(120, cue=False), blobs(300, seed=1, cue=False)
    assert (probe(train, labels, test, 0).argmax(1) == truth.one).mean() == pytest.approx(1 / 3, abs=0.1)


def test_scores_stand_under_the_classes_that_training_has_and_others_come_last():
    judge = Scorer(Labels(np.array([0, 1, 2, 2]), None, NAMES), np.array([True, False, True]))
    scores = np.array([[5.0, 1.0], [5.0, 1.0], [1.0, 5.0], [5.0, 1.0]])  # of a and c
    assert judge.whole(scores).argmax(1).tolist() == [0, 0, 2, 0]
    assert judge.each(scores)[:, 0].tolist() == [1, 0, 1, 0] and judge.per_class(scores).tolist() == [1, 0, 0.5]


def test_a_rare_class_weighs_as_much_as_all_others_in_its_machine():
    from sklearn.svm import LinearSVC

    rng = np.random.default_rng(0)
    truth = (np.arange(60) < 6).astype(int)
    features = rng.normal(size=(60, 3)) + truth[:, None]
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    machine = LinearSVC(C=1.0, class_weight={True: 5.0, False: 60 / 108}, tol=1e-3, random_state=0, max_iter=5000)
    expected = machine.fit(features / lengths, truth == 1).decision_function(features / lengths)
    found = SVM(costs=(1.0,))(features, Labels(truth, None, ("common", "rare")), features, 0)
    np.testing.assert_allclose(found[:, 1], expected, atol=0.02)
    assert (
        np.abs(
            expected - LinearSVC(C=1.0).fit(features / lengths, truth == 1).decision_function(features / lengths)
        ).max()
        > 0.2
    )


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_items_may_have_several_classes_and_doubtful_ones_do_not_count(probe):
    train, labels = blobs(90)
    test, truth = blobs(90, seed=1)
    table = several(truth).table
    scores = probe(train, several(labels, ignored=[(0, 0), (5, 2)]), test, 0)
    assert scores.shape == (90, 3) and np.isfinite(scores).all()
    for column in range(3):
        there, away = scores[table[:, column] == 1, column], scores[table[:, column] == 0, column]
        assert (there[:, None] > away[None]).mean() > 0.9


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_the_same_seed_gives_the_same_scores(probe):
    train, labels = blobs(30)
    assert np.array_equal(probe(train, labels, train, 3), probe(train, labels, train, 3))


def test_logistic_regression_is_at_the_minimum_of_its_cost():
    train, labels = blobs(30)
    known, _ = standardised(train, train)
    (fitted,) = fit_all(known, labels.table, False, [0.1], 200)
    weights, bias = (torch.from_numpy(side).requires_grad_() for side in fitted)
    truth = torch.from_numpy(labels.table).float()
    cost = loss_of(torch.from_numpy(known) @ weights + bias, truth, False) + 0.05 * weights.square().sum()
    cost.backward()
    assert weights.grad is not None and weights.grad.abs().max() < 1e-3


def test_undecided_scores_cost_the_logarithm_of_the_classes():
    truth = torch.eye(4)
    assert loss_of(torch.zeros(4, 4), truth, False).item() == pytest.approx(math.log(4))
    assert loss_of(torch.zeros(4, 4), truth, True).item() == pytest.approx(4 * math.log(2))
    truth[0] = torch.nan
    assert loss_of(torch.zeros(4, 4), truth, True).item() == pytest.approx(3 * math.log(2))


def test_neighbours_vote_by_their_closeness_as_the_paper_writes_it():
    train, labels = blobs(20)
    test, _ = blobs(4, seed=2)
    found = KNearest(k=6, temperature=0.07)(train, labels, test, 0)
    for item, query in enumerate(test):
        cosines = train @ query / np.linalg.norm(train, axis=1) / np.linalg.norm(query)
        votes = np.zeros(3)
        for place in np.argsort(-cosines)[:6]:
            votes[labels.one[place]] += math.exp(cosines[place] / 0.07)
        np.testing.assert_allclose(found[item], votes / votes.sum(), rtol=1e-4)


def test_fewer_items_than_neighbours_all_vote():
    train, labels = blobs(6)
    assert KNearest(k=200)(train, labels, train, 0).shape == (6, 3)


def test_a_part_of_each_class_judges_and_a_class_of_one_learns():
    labels = Labels(np.array([0] * 10 + [1] * 2 + [2]), None, NAMES)
    judge, learn = part(labels, 0.2, 0)
    assert sorted([*judge, *learn]) == list(range(13)) and 12 in learn
    assert [int((labels.one[judge] == label).sum()) for label in range(3)] == [2, 1, 0]


def test_draws_of_labels_are_nested_and_keep_every_class():
    labels = blobs(300)[1]
    few, more = (set(labelled(labels, shots, 1, 0).tolist()) for shots in ("1%", "10%"))
    assert few < more and len(few) == 3 and len(more) == 30
    assert len(labelled(labels, "0.1%", 1, 0)) == 3  # less than half an item of each class
    assert len(labelled(labels, 5, 0, 0)) == 15 and len(labelled(labels, "all", 0, 0)) == 300
    assert not np.array_equal(labelled(labels, 5, 0, 0), labelled(labels, 5, 1, 0))
    shots = several(labels)
    assert all(np.nansum(shots.table[labelled(shots, 4, 0, 0), column]) >= 4 for column in range(3))


@pytest.mark.parametrize("shots", ["some", "0%", "101%", "-3", 0])
def test_numbers_of_labels_that_are_none_are_refused(shots):
    with pytest.raises(ConfigError, match="is neither all, a share such as 10%, nor a number"):
        number_of(shots, 10)


def test_more_labels_than_there_are_is_told():
    with pytest.raises(ConfigError, match="40 items of each class are asked for, but 'a' has only 20"):
        labelled(blobs(60)[1], 40, 0, 0)


@pytest.mark.parametrize("settings", [{"penalties": ()}, {"held_out": 1.0}, {"steps": 0}])
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError, match="needs penalties"):
        Linear(**settings)
