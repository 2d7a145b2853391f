"""Search finds what a slow search finds, whoever searches, and leaves out what it must."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avssl.config import ConfigError
from avssl.features import search as module
from avssl.features.search import Space, search

RNG = np.random.default_rng(0)
QUERIES, GALLERY = RNG.normal(size=(7, 5)).astype(np.float32), RNG.normal(size=(40, 5)).astype(np.float32)
ENGINES = ["torch", "faiss"]


def slow(queries, gallery, k, similarity, centre, excluded=None):
    """Return the places of the ``k`` best, each query and gallery row on its own; of equals the first."""
    queries, gallery = queries.astype(float), gallery.astype(float)
    middle = gallery.mean(0)
    theirs = gallery - middle if centre != "none" else gallery
    ours = queries - {"gallery": middle, "own": queries.mean(0), "none": 0.0}[centre]
    found = []
    for row, query in enumerate(ours):
        scores = []
        for place, other in enumerate(theirs):
            if excluded is not None and excluded[0][row] == excluded[1][place]:
                continue
            if similarity == "cosine":
                score = query @ other / max(np.linalg.norm(query) * np.linalg.norm(other), 1e-12)
            else:
                score = query @ other if similarity == "dot" else -np.sum((query - other) ** 2)
            scores.append((-round(score, 7), place))
        found.append([place for _, place in sorted(scores)[:k]])
    return np.array(found)


def engine_or_skip(engine):
    if engine == "faiss":
        pytest.importorskip("faiss")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("centre", ["gallery", "own", "none"])
def test_answers_are_those_of_a_slow_search(engine, similarity, centre):
    engine_or_skip(engine)
    found = search(QUERIES, GALLERY, 6, similarity=similarity, centre=centre, engine=engine)
    assert np.array_equal(found.index, slow(QUERIES, GALLERY, 6, similarity, centre))
    assert (np.diff(found.similarity, axis=1) <= 0).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, 12),
    similarity=st.sampled_from(["cosine", "dot", "euclidean"]),
    tall=st.sampled_from([1, 3, 512]),
    piece=st.sampled_from([1, 20, 4_000_000]),
)
def test_equals_stand_in_the_order_of_the_gallery_whoever_searches_in_whatever_pieces(seed, k, similarity, tall, piece):
    rng = np.random.default_rng(seed)
    queries, gallery = rng.integers(-1, 2, (5, 3)) * 1.0, rng.integers(-1, 2, (60, 3)) * 1.0  # many equals
    names = rng.integers(0, 6, 5), rng.integers(0, 6, 60)
    expected = slow(queries, gallery, k, similarity, "none", names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TALL", tall)
        patch.setattr(module, "PIECE", piece)
        for engine in ("torch", "faiss" if module.find_spec("faiss") else "auto"):
            found = search(queries, gallery, k, names, similarity, "none", engine)
            assert np.array_equal(found.index, expected)
        orders = np.concatenate(
            [answers.index for _, answers in Space(queries, gallery, names, similarity, "none").orders()]
        )
    assert np.array_equal(orders[:, :k], expected)
    assert np.array_equal(np.sort(orders, axis=1), np.broadcast_to(np.arange(60), (5, 60)))


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_of_the_querys_own_name_do_not_answer(engine):
    engine_or_skip(engine)
    names = np.array(list("abcdefg")), np.array(list("abcdefgh") * 5)
    found = search(QUERIES, GALLERY, 9, excluded=names, engine=engine)
    assert np.array_equal(found.index, slow(QUERIES, GALLERY, 9, "cosine", "gallery", names))
    assert (names[1][found.index] != names[0][:, None]).all()


def test_the_whole_order_has_excluded_rows_at_its_end():
    names = np.array(list("abcdefg")), np.array(list("abcdefgh") * 5)
    for _, answers in Space(QUERIES, GALLERY, names).orders():
        assert (names[1][answers.index[:, 35:]] == names[0][:, None]).all()
        assert np.isinf(answers.similarity[:, 35:]).all() and np.isfinite(answers.similarity[:, :35]).all()
        assert np.array_equal(answers.index[:, :35], slow(QUERIES, GALLERY, 35, "cosine", "gallery", names))


@pytest.mark.parametrize("engine", ENGINES)
def test_copies_far_apart_in_the_gallery_are_equal(engine):
    engine_or_skip(engine)
    rng = np.random.default_rng(1)
    few = rng.normal(size=(300, 48)).astype(np.float32)
    gallery = np.concatenate([few * scale for scale in (1, 2, 4, 8)])
    found = search(few[:50] + 0.1, gallery, 8, centre="none", engine=engine).index
    assert (found[:, 1:4] - found[:, :3] == 300).all() and (found[:, 5:] - found[:, 4:7] == 300).all()


def test_maps_are_compared_cell_by_cell():
    maps = RNG.normal(size=(4, 3, 2, 2)).astype(np.float32)
    assert search(maps, maps, 1, centre="none").index.flatten().tolist() == [0, 1, 2, 3]


def test_similarities_are_those_of_the_answers():
    found = search(QUERIES, GALLERY, 3, similarity="euclidean", centre="none")
    expected = -np.square(QUERIES[:, None] - GALLERY[found.index]).sum(-1)
    np.testing.assert_allclose(found.similarity, expected, atol=1e-5)


def test_features_that_say_nothing_are_all_equal():
    assert search(np.ones((2, 4)), np.ones((9, 4)), 3).index.tolist() == [[0, 1, 2]] * 2


def test_too_few_that_may_answer_are_told():
    with pytest.raises(ConfigError, match="k=41 answers are asked for, but a query has only 40 of 40"):
        search(QUERIES, GALLERY, 41)
    with pytest.raises(ConfigError, match="a query has only 20 of 40"):
        search(QUERIES, GALLERY, 21, excluded=(np.zeros(7), np.arange(40) % 2))
    with pytest.raises(ConfigError, match="queries have 5 numbers, the gallery 4"):
        search(QUERIES, GALLERY[:, :4], 2)


def test_faiss_is_asked_for_by_name_only_where_it_is(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="faiss is not installed"):
        search(QUERIES, GALLERY, 2, engine="faiss")
    assert search(QUERIES, GALLERY, 2).index.shape == (7, 2)
