"""Search finds what a slow search finds, whoever searches, and leaves out what it must."""

import numpy as np
import pytest

from avssl.config import ConfigError
from avssl.evaluation.retrieval import search as module
from avssl.evaluation.retrieval.search import search

RNG = np.random.default_rng(0)
QUERIES, GALLERY = RNG.normal(size=(7, 5)).astype(np.float32), RNG.normal(size=(40, 5)).astype(np.float32)


def slow(queries, gallery, k, similarity, centre, excluded=None):
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
                score = query @ other / np.linalg.norm(query) / np.linalg.norm(other)
            else:
                score = query @ other if similarity == "dot" else -np.sum((query - other) ** 2)
            scores.append((-score, place))
        found.append([place for _, place in sorted(scores)[:k]])
    return np.array(found)


ENGINES = ["torch", "faiss"]


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
    assert (np.diff(found.similarity, axis=1) <= 1e-6).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_of_the_querys_own_name_do_not_answer(engine):
    engine_or_skip(engine)
    names = np.array(list("abcdefg")), np.array(list("abcdefgh") * 5)
    found = search(QUERIES, GALLERY, 9, excluded=names, engine=engine)
    assert np.array_equal(found.index, slow(QUERIES, GALLERY, 9, "cosine", "gallery", names))
    assert (names[1][found.index] != names[0][:, None]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_of_equals_the_first_answers(engine):
    engine_or_skip(engine)
    gallery = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    found = search(np.eye(3, dtype=np.float32), gallery, 3, centre="none", engine=engine)
    assert found.index.tolist() == [[0, 1, 2], [5, 6, 7], [10, 11, 12]]


def test_pieces_change_nothing(monkeypatch):
    whole = search(QUERIES, GALLERY, 5)
    monkeypatch.setattr(module, "PIECE", 80)
    assert np.array_equal(search(QUERIES, GALLERY, 5, engine="torch").index, whole.index)


def test_maps_are_compared_cell_by_cell():
    maps = RNG.normal(size=(4, 3, 2, 2)).astype(np.float32)
    assert search(maps, maps, 1, centre="none").index.flatten().tolist() == [0, 1, 2, 3]


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
