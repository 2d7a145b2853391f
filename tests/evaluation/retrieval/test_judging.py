"""Which answers are right, and what chance gives, by hand."""

import numpy as np
import pytest

from avssl.config import ConfigError
from avssl.evaluation.extraction import Rows
from avssl.evaluation.retrieval.judging import ask, chance, score
from avssl.evaluation.retrieval.search import Answers


def rows(label, group=None, item=None):
    count = len(label)
    names = [str(number) for number in (range(count) if group is None else group)]
    return Rows(
        item=np.array(range(count) if item is None else item),
        clip=np.full(count, -1),
        start=np.zeros(count),
        end=np.zeros(count),
        label=np.array(label),
        labels=None,
        group=np.array(names),
        path=np.array(names),
        box=None,
        keypoints=None,
        visible=None,
    )


def test_a_label_is_found_outside_of_the_querys_own_group():
    both = rows([0, 0, 0, 1, 1], group=[0, 0, 1, 2, 3])
    question = ask(both, both, "label", "group")
    assert question.total.tolist() == [1, 1, 2, 1, 1] and question.size.tolist() == [3, 3, 4, 4, 4]
    right = question.right(Answers(np.array([[2, 3], [3, 2], [0, 3], [4, 0], [0, 1]]), np.zeros((5, 2))))
    assert right.tolist() == [[True, False], [False, True], [True, False], [True, False], [False, False]]


def test_pairs_stand_at_the_same_place():
    question = ask(rows([-1] * 4), rows([-1] * 4), "pair", "none")
    assert question.total.tolist() == [1] * 4
    assert chance(question, (1, 2), True) == pytest.approx(
        {"R@1": 1 / 4, "R@2": 1 / 2, "precision@2": 1 / 4, "nDCG@2": (1 + 1 / np.log2(3)) / 4, "mAP": 25 / 12 / 4}
    )


def test_queries_with_nothing_to_find_have_no_score():
    both = rows([0, 0, 1])
    question = ask(both, both, "label", "item")
    assert question.total.tolist() == [1, 1, 0]
    found = score(np.array([[True, False], [False, True], [False, False]]), question, (1, 2), True)
    assert found["R@1"][:2].tolist() == [1, 0] and np.isnan(found["R@1"][2])
    assert found["mAP"][:2].tolist() == [1.0, 0.5]


def test_random_orders_score_what_chance_says():
    rng = np.random.default_rng(0)
    both = rows(rng.integers(0, 3, 30))
    question = ask(both, both, "label", "item")
    level = chance(question, (1, 5), True)
    sums = dict.fromkeys(level, 0.0)
    for _ in range(200):
        orders = np.stack([rng.permutation(np.delete(np.arange(30), query)) for query in range(30)])
        found = score(question.right(Answers(orders, np.zeros(orders.shape))), question, (1, 5), True)
        sums = {name: total + found[name].mean() / 200 for name, total in sums.items()}
    assert sums == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize(
    ("labels", "relevant", "exclude", "complaint"),
    [
        ([-1, -1], "label", "item", "relevant: label needs classes"),
        ([0, 1], "label", "item", "no query has a relevant item"),
        ([0, 0], "group", "group", "leave nothing to find; use exclude: item"),
    ],
)
def test_questions_without_an_answer_are_refused(labels, relevant, exclude, complaint):
    both = rows(labels)
    with pytest.raises(ConfigError, match=complaint):
        ask(both, both, relevant, exclude)
    with pytest.raises(ConfigError, match="rows one to one; got 2 queries and 3 answers"):
        ask(both, rows([0, 0, 0]), "pair", "none")
