"""Which answers are right, which may not answer, and what chance gives, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from avssl.config import ConfigError
from avssl.evaluation.retrieval.question import ask, place_of
from avssl.evaluation.retrieval.scoring import chance, rank, score
from avssl.evaluation.retrieval.summary import class_notes
from avssl.features.search import Space
from avssl.metrics import ranking
from tests.evaluation.retrieval.worlds import rows

ALL = slice(None)


def test_a_label_is_found_outside_of_the_querys_own_group():
    both = rows([0, 0, 0, 1, 1], group=[0, 0, 1, 2, 3])
    question = ask(both, both, "label", "group", 2)
    assert question.total.tolist() == [1, 1, 2, 1, 1] and question.size.tolist() == [3, 3, 4, 4, 4]
    worth = question.worth(np.array([[2, 1], [3, 2], [0, 3], [4, 0], [0, 1]]))
    assert worth.tolist() == [[1, 0], [0, 1], [1, 0], [1, 0], [0, 0]]


def test_own_items_files_and_groups_are_left_out_as_asked():
    both = rows([0] * 6, group=[0, 0, 0, 0, 1, 1], path=list("aabbcc"), item=[0, 0, 1, 2, 3, 4])
    sizes = {name: ask(both, both, "label", name, 1).size.tolist() for name in ("none", "item", "path", "group")}
    assert sizes["none"] == [6] * 6
    assert sizes["item"] == [4, 4, 5, 5, 5, 5]
    assert sizes["path"] == [4] * 6
    assert sizes["group"] == [2, 2, 2, 2, 4, 4]


def test_the_same_item_of_another_file_may_answer():
    question = ask(rows([0], path=["a"], item=[0]), rows([0, 0], path=["a", "b"], item=[0, 0]), "label", "item", 1)
    assert question.size.tolist() == [1]


def test_rows_without_a_label_are_alike_to_nothing():
    question = ask(rows([0, -1]), rows([0, -1, -1]), "label", "none", 1)
    assert question.total.tolist() == [1, 0]


def test_of_several_labels_one_that_is_shared_is_right_and_each_counts():
    queries = rows([-1] * 2, labels=[[1, 1, 0], [0, 0, 1]])
    gallery = rows([-1] * 4, labels=[[1, 1, 1], [0, 1, 0], [0, 0, np.nan], [0, 0, 0]])
    question = ask(queries, gallery, "label", "none", 3)
    assert question.total.tolist() == [2, 1] and question.mean.tolist() == [3 / 4, 1 / 4]
    assert question.ideal.tolist() == [[2, 1, 0], [1, 0, 0]]
    assert question.worth(np.array([[3, 1, 0], [2, 0, 1]])).tolist() == [[0, 1, 2], [0, 1, 0]]


def test_several_labels_leave_out_the_querys_own_too():
    both = rows([-1] * 3, labels=[[1, 1], [1, 0], [0, 1]])
    question = ask(both, both, "label", "item", 2)
    assert question.total.tolist() == [2, 1, 1] and question.ideal.tolist() == [[1, 1], [1, 0], [1, 0]]


def test_pairs_are_the_same_clip_of_the_same_item_whatever_was_lost():
    ours = rows([-1] * 4, item=[0, 0, 1, 2], clip=[0, 1, 0, 0])
    theirs = rows([-1] * 3, item=[2, 0, 0], clip=[0, 1, 0])  # item 1 has no sound
    question = ask(ours, theirs, "pair", "none", 1)
    assert question.total.tolist() == [1, 1, 0, 1]
    assert question.worth(np.array([[2], [1], [0], [0]])).tolist() == [[1], [1], [0], [1]]
    assert place_of(rows([0] * 4, item=[5, 5, 4, 5], clip=[0, 0, 0, 0])).tolist() == [
        "5 0 0",
        "5 0 1",
        "4 0 0",
        "5 0 2",
    ]


def test_chance_of_pairs_by_hand():
    question = ask(rows([-1] * 4), rows([-1] * 4), "pair", "none", 2)
    levels = chance(question, (1, 2), whole=True)
    assert (levels["R@1"], levels["R@2"], levels["recall@2"]) == pytest.approx((1 / 4, 1 / 2, 1 / 2))
    assert levels["precision@2"] == pytest.approx(1 / 4)
    assert levels["nDCG@2"] == pytest.approx((1 + 1 / np.log2(3)) / 4)
    assert levels["mAP"] == pytest.approx(25 / 12 / 4) and levels["mAP@2"] == pytest.approx((1 + 1 / 2) / 4)
    assert levels["median rank"] == 2


def test_queries_with_nothing_to_find_have_no_score():
    both = rows([0, 0, 1])
    question = ask(both, both, "label", "item", 2)
    assert question.total.tolist() == [1, 1, 0]
    found = score(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), question, ALL, (1, 2), whole=True)
    assert found["R@1"][:2].tolist() == [1, 0] and np.isnan(found["R@1"][2])
    assert found["mAP"][:2].tolist() == [1.0, 0.5] and found["first rank"][:2].tolist() == [1, 2]


def named(names, label, **about):
    return replace(rows(label, **about), classes=names)


def test_labels_are_matched_by_name_whatever_their_numbers():
    queries, gallery = named(("green", "red"), [0, 1, 1]), named(("blue", "green", "red"), [0, 1, 2, 2])
    question = ask(queries, gallery, "label", "none", 2)
    assert question.total.tolist() == [1, 2, 2]
    assert question.worth(np.array([[1, 0], [2, 0], [1, 3]])).tolist() == [[1, 0], [1, 0], [0, 1]]
    assert class_notes(question) == ["1 classes of the gallery have no query: 'blue'."]


def test_tables_of_labels_are_matched_by_name_too():
    queries = named(("cat", "dog"), [-1] * 2, labels=[[1, 0], [0, 1]])
    gallery = named(("cow", "dog"), [-1] * 2, labels=[[1, 0], [1, 1]])
    question = ask(queries, gallery, "label", "none", 1)
    assert question.total.tolist() == [0, 1] and question.worth(np.array([[1], [1]])).tolist() == [[0], [1]]
    assert class_notes(question) == [
        "1 classes of queries have nothing in the gallery: 'cat'.",
        "1 classes of the gallery have no query: 'cow'.",
    ]


def test_names_on_one_side_only_and_no_name_on_both_are_told():
    with pytest.raises(ConfigError, match=r"labels of the gallery data are numbers without names \('0', '1'\)"):
        ask(named(("cat", "dog"), [0, 1]), rows([0, 1]), "label", "none", 1)
    with pytest.raises(ConfigError, match="the queries and the gallery have no class in common \\('cat'; 'cow'\\)"):
        ask(named(("cat", "dog"), [0]), named(("cow", "dog"), [0]), "label", "none", 1)
    ask(named(("cat", "dog"), [0, 1]), rows([0, 1], group=[0, 1]), "group", "none", 1)  # where nobody asks for labels


@pytest.mark.parametrize("several", [False, True])
def test_random_features_score_what_chance_says(several):
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 3, 60)
    labels = (rng.random((60, 4)) < 0.4) if several else None
    both = rows(kinds, group=rng.integers(0, 20, 60), labels=labels)
    question = ask(both, both, "label", "group", 5)
    level = chance(question, (1, 5), whole=True)
    del level["median rank"]  # exact, and tested with the pure metrics
    sums = dict.fromkeys(level, 0.0)
    for _ in range(100):
        features = rng.normal(size=(60, 8))
        found = rank(Space(features, features, question.excluded), question, (1, 5), whole=True).scores
        sums = {name: total + np.nanmean(found[name]) / 100 for name, total in sums.items()}
    assert sums == pytest.approx(level, abs=0.03)


def test_scores_are_those_of_the_pure_metrics_on_the_whole_order_without_excluded_rows():
    rng = np.random.default_rng(1)
    both = rows(rng.integers(0, 3, 30), group=rng.integers(0, 10, 30))
    features = rng.normal(size=(30, 6))
    question = ask(both, both, "label", "group", 4)
    judged = rank(Space(features, features, question.excluded, centre="none"), question, (1, 4), whole=True)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    for query in np.flatnonzero(question.total):
        there = both.group != both.group[query]
        right = (both.label[there] == both.label[query])[None]
        order = ranking.ranked(unit[query] @ unit[there].T[None], right)
        total = right.sum(1)
        assert judged.scores["mAP"][query] == pytest.approx(ranking.average_precision(order, total)[0])
        assert judged.scores["mAP@4"][query] == pytest.approx(ranking.average_precision(order, total, 4)[0])
        assert judged.scores["R@4"][query] == ranking.hits_at(order, 4)[0]
        assert judged.scores["first rank"][query] == ranking.first_rank(order)[0]
    few = rank(Space(features, features, question.excluded, centre="none"), question, (1, 4), whole=False)
    for name, values in few.scores.items():
        np.testing.assert_array_equal(values, judged.scores[name])
    assert np.array_equal(few.answers.index, judged.answers.index)


@pytest.mark.parametrize(
    ("labels", "relevant", "exclude", "complaint"),
    [
        ([-1, -1], "label", "item", "relevant: label needs classes"),
        ([0, 1], "label", "item", "no query has a right item"),
        ([0, 0], "group", "group", "leave nothing to find; use exclude: item"),
    ],
)
def test_questions_without_an_answer_are_refused(labels, relevant, exclude, complaint):
    both = rows(labels)
    with pytest.raises(ConfigError, match=complaint):
        ask(both, both, relevant, exclude, 1)


def test_galleries_that_do_not_suit_are_told():
    with pytest.raises(ConfigError, match="ks: 3 answers are asked for, but a query has only 2 of 2 gallery rows"):
        ask(rows([0]), rows([0, 0]), "label", "none", 3)
    with pytest.raises(ConfigError, match="the same classes on both sides; got 2 and 3"):
        ask(rows([0], labels=[[1, 0]]), rows([0], labels=[[1, 0, 0]]), "label", "none", 1)
