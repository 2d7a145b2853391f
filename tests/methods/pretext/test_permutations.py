"""Sets of permutations are what the algorithm says, the same everywhere, and leave no puzzle with two answers."""

from itertools import combinations

import numpy as np
import pytest

from avssl.methods.pretext.permutations import ALL, candidates, distances, permutation_set

FEW = 400


def slow_set(count, seed, better):
    """Choose as the docstring says, one candidate after the other, out of the first few."""
    known = [tuple(row) for row in candidates(seed).T[:FEW].tolist()]
    chosen = [known[0]]
    while len(chosen) < count:
        ways = [[sum(a != b for a, b in zip(one, other, strict=True)) for other in chosen] for one in known]
        chosen.append(known[max(range(FEW), key=lambda place: (*better(ways[place]), -place))])
    return chosen


def test_candidates_are_all_permutations_once():
    found = candidates(0).astype(np.int64)
    assert (found.sum(0) == 36).all() and ((1 << found).sum(0) == 511).all()
    assert len(np.unique(10 ** np.arange(9) @ found)) == found.shape[1] == ALL == 362_880


@pytest.mark.parametrize(
    ("choice", "better"),
    [
        ("apart", lambda ways: (min(ways), sum(ways))),
        ("max", lambda ways: (min(ways) > 0, sum(ways))),
        ("min", lambda ways: (min(ways) > 0, -sum(ways))),
    ],
)
def test_the_greedy_choice_is_that_of_a_slow_writing(monkeypatch, choice, better):
    few = np.ascontiguousarray(candidates(5)[:, :FEW])
    monkeypatch.setattr("avssl.methods.pretext.permutations.candidates", lambda seed: few)
    monkeypatch.setattr("avssl.methods.pretext.permutations.ALL", FEW)
    found = permutation_set.__wrapped__(8, choice, 5)
    monkeypatch.undo()
    assert [tuple(row) for row in found.tolist()] == slow_set(8, 5, better)


def test_the_middle_choice_lies_between_the_others():
    means = [distances(permutation_set(100, choice))[1] for choice in ("min", "middle", "max")]
    assert means == sorted(means) and means[0] < 5 < means[1] < means[2]


def test_the_sets_that_papers_use_are_as_far_apart_as_documented_and_hold_each_permutation_once():
    longest = permutation_set(1000)
    assert (np.sort(longest, 1) == np.arange(9)).all() and len(np.unique(longest, axis=0)) == 1000
    for count, least, mean in [(10, 8, 8.80), (100, 6, 8.08), (701, 5, 8.01), (1000, 5, 8.01)]:
        assert distances(longest[:count]) == (least, pytest.approx(mean, abs=0.005))  # it begins with the shorter


def test_the_paper_s_own_algorithm_is_as_far_on_average_but_leaves_near_pairs():
    assert distances(permutation_set(100, "max")) == (3, pytest.approx(8.08, abs=0.005))


def test_distances_are_those_of_every_pair():
    found = permutation_set(50, seed=3)
    pairs = [int((one != other).sum()) for one, other in combinations(found, 2)]
    assert distances(found) == (min(pairs), pytest.approx(np.mean(pairs)))


def test_a_set_is_the_same_on_any_machine_begins_with_the_shorter_and_depends_on_its_seed():
    assert permutation_set(2).tolist() == [[3, 4, 2, 1, 0, 5, 6, 8, 7], [8, 7, 6, 2, 1, 3, 4, 0, 5]]
    assert np.array_equal(permutation_set(100)[:10], permutation_set(10))
    assert not np.array_equal(permutation_set(10), permutation_set(10, seed=1))


def test_with_two_tiles_hidden_no_two_of_701_permutations_look_alike():
    found = permutation_set(1000)[:701]
    for hidden in combinations(range(9), 2):
        assert len({row.tobytes() for row in np.delete(found, hidden, axis=1)}) == 701


@pytest.mark.parametrize("count", [1, ALL + 1])
def test_sets_that_cannot_be_are_refused(count):
    with pytest.raises(ValueError, match=f"a set has 2 to 362,880 permutations of nine tiles; got {count}"):
        permutation_set(count)
