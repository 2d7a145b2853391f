"""K-means against scikit-learn, slow writings and itself in blocks and in two processes; whitening likewise."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as TheirKMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from torch import distributed
from torch.nn import functional as F
from two_processes import in_two_processes

from avssl.nets import Whitening, fit_kmeans, nearest
from avssl.nets.kmeans import split_empty


def rows(count=300, dim=5, seed=0):
    chance = torch.Generator().manual_seed(seed)
    middles = torch.randn(8, dim, generator=chance) * 3
    return middles[torch.arange(count) % 8] + torch.randn(count, dim, generator=chance)


def summed(values):
    distributed.all_reduce(values)
    return values


@pytest.mark.parametrize("rounds", [1, 3, 30])
def test_labels_centres_and_objective_are_scikit_learns_from_the_same_start(rounds):
    data = rows()
    start = data[:8]
    found = fit_kmeans(data, 8, rounds, start=start)
    theirs = TheirKMeans(8, init=start.numpy(), n_init=1, max_iter=rounds, tol=0, algorithm="lloyd")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of being stopped
        theirs.fit(data.numpy())
    assert found.labels.tolist() == theirs.labels_.tolist()
    assert found.objective[-1] == pytest.approx(theirs.inertia_, rel=1e-5)
    if rounds == 30:
        torch.testing.assert_close(found.centres, torch.from_numpy(theirs.cluster_centers_))
        assert len(found.objective) < 31  # centres stood still before


def test_a_tolerance_stops_where_scikit_learn_stops():
    data = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    tolerance = 1e-2 * float(data.var(0, correction=0).mean())
    found = fit_kmeans(data, 8, 300, start=data[:8], tolerance=tolerance)
    theirs = TheirKMeans(8, init=data[:8].numpy(), n_init=1, tol=1e-2).fit(data.numpy())
    assert len(found.objective) == theirs.n_iter_ + 1 < len(fit_kmeans(data, 8, 300, start=data[:8]).objective)
    assert found.labels.tolist() == theirs.labels_.tolist()
    torch.testing.assert_close(found.centres, torch.from_numpy(theirs.cluster_centers_))


def test_the_objective_is_that_of_a_slow_writing_and_never_rises():
    data = rows(60, 3)
    centres = data[:4].tolist()
    found = fit_kmeans(data, 4, rounds=3, start=data[:4])
    for value in found.objective:
        labels, total = [], 0.0
        for row in data.tolist():
            distances = [sum((a - b) ** 2 for a, b in zip(row, centre, strict=True)) for centre in centres]
            labels.append(distances.index(min(distances)))
            total += min(distances)
        assert value == pytest.approx(total, rel=1e-5)
        last = labels
        for cluster in range(4):
            members = [row for row, label in zip(data.tolist(), labels, strict=True) if label == cluster]
            centres[cluster] = [sum(column) / len(members) for column in zip(*members, strict=True)]
    assert found.labels.tolist() == last
    assert found.sizes.tolist() == [last.count(cluster) for cluster in range(4)]
    assert found.objective == sorted(found.objective, reverse=True)


@pytest.mark.parametrize("start", ["random", "k-means++"])
@pytest.mark.parametrize("spherical", [False, True])
def test_blocks_and_how_rows_come_change_nothing(start, spherical, tmp_path):
    data = rows()
    expected = fit_kmeans(data, 6, start=start, seed=3, spherical=spherical)
    mapped = np.memmap(tmp_path / "rows", np.float32, "w+", shape=tuple(data.shape))
    mapped[:] = data.numpy()
    mapped.flush()
    mapped = np.memmap(tmp_path / "rows", np.float32, "r", shape=tuple(data.shape))
    for given, block in (
        (data, 7),
        (mapped, 64),
        (lambda: data.split(41), 20),
        (lambda: iter([mapped[:9], data[9:]]), 9),
    ):
        found = fit_kmeans(given, 6, start=start, seed=3, spherical=spherical, block=block)
        assert torch.equal(found.labels, expected.labels)
        torch.testing.assert_close(found.centres, expected.centres)
        labels, distances = nearest(given, found.centres, spherical, block)
        assert torch.equal(labels, expected.labels)
        assert distances.sum().item() == pytest.approx(expected.objective[-1], rel=1e-5)


def test_no_table_of_all_rows_by_all_clusters_is_made(monkeypatch):
    seen = []
    original = torch.addmm

    def watched(*arguments, **settings):
        found = original(*arguments, **settings)
        seen.append(found.shape[0])
        return found

    monkeypatch.setattr(torch, "addmm", watched)
    fit_kmeans(rows(), 6, rounds=2, block=50)
    assert set(seen) == {50}


@pytest.mark.parametrize("threads", [0, 99])
def test_pieces_that_fit_a_cache_and_threads_change_no_label(monkeypatch, threads):
    data = rows().repeat(2, 1)
    twice = data[:6].repeat(2, 1)  # each centre comes twice: the first of equals has the rows
    expected = torch.cdist(data.double(), twice[:6].double()).argmin(1)
    monkeypatch.setattr("avssl.nets.kmeans.FEW", threads)
    for cached in (2**21, 12 * 70):
        monkeypatch.setattr("avssl.nets.kmeans.CACHED", cached)
        assert torch.equal(nearest(data, twice, block=400)[0], expected)
        assert torch.equal(fit_kmeans(data, 12, rounds=0, start=twice).labels, expected)


def test_rows_that_come_once_alone_are_refused():
    passes = iter([[rows()], [rows()[:9]], [rows()[:9]]])
    with pytest.raises(ValueError, match="gave 300 rows at first and 9 now; it must begin anew"):
        fit_kmeans(lambda: next(passes), 3, start=rows(3))


def test_the_start_hangs_on_the_seed_alone():
    data = rows()
    one, other = (fit_kmeans(data, 5, rounds=0, seed=seed).centres for seed in (0, 1))
    assert torch.equal(one, fit_kmeans(data, 5, rounds=0, seed=0, block=3).centres) and not torch.equal(one, other)
    assert all((data == centre).all(1).any() for centre in one)


def test_k_means_plus_plus_starts_in_every_far_heap():
    heaps = torch.arange(6.0)[:, None] * 100 + torch.zeros(6, 20)
    data = (heaps.flatten() + torch.rand(120, generator=torch.Generator().manual_seed(0)))[:, None]
    for seed in range(5):
        found = fit_kmeans(data, 6, rounds=0, start="k-means++", seed=seed)
        assert found.sizes.tolist() == [20] * 6


def test_spherical_clusters_are_those_of_unit_rows():
    data = rows() * torch.rand(300, 1).add(0.1)
    start = F.normalize(data[:5], dim=1)
    found = fit_kmeans(data, 5, 10, start=start, spherical=True)
    centres = start
    for _ in range(10):
        labels = (F.normalize(data, dim=1) @ centres.T).argmax(1)
        centres = torch.stack([F.normalize(F.normalize(data, dim=1)[labels == one].sum(0), dim=0) for one in range(5)])
    torch.testing.assert_close(found.centres, centres, rtol=1e-4, atol=1e-5)
    cosines = (F.normalize(data, dim=1) @ centres.T).amax(1)
    assert found.objective[-1] == pytest.approx((2 - 2 * cosines).sum().item(), rel=1e-4)


def test_an_empty_cluster_takes_half_of_the_largest():
    centres, sizes = torch.tensor([[4.0, 8.0], [1.0, 1.0], [9.0, 9.0], [2.0, 2.0]]), torch.tensor([10, 0, 7, 0])
    found = split_empty(centres, sizes)
    up, down = 1 + 1 / 1024, 1 - 1 / 1024
    assert found[0].tolist() == [4 * down, 8 * up] and found[1].tolist() == [4 * up, 8 * down]
    assert found[2].tolist() == [9 * down, 9 * up] and found[3].tolist() == [9 * up, 9 * down]  # 7 is the largest now
    data = torch.cat([torch.rand(50, 2), torch.rand(50, 2) + 5])
    start = torch.tensor([[0.5, 0.5], [100.0, 100.0], [200.0, 200.0]])
    assert (fit_kmeans(data, 3, start=start).sizes > 0).all()


def test_fewer_different_rows_than_clusters_leave_empty_ones_and_nothing_breaks():
    data = torch.randn(4, 3).repeat(10, 1)
    found = fit_kmeans(data, 7)
    assert found.centres.isfinite().all() and found.sizes.sum() == 40 and (found.sizes == 0).any()
    assert found.objective[-1] < 1e-3
    whole = fit_kmeans(rows(9), 9)
    assert whole.sizes.tolist() == [1] * 9 and whole.objective[-1] == pytest.approx(0, abs=1e-9)


def test_rows_far_from_zero_keep_their_labels():
    data = rows().double()
    expected = fit_kmeans(data, 8, start=data[:8]).labels
    moved = (data + 4096).float()
    assert torch.equal(fit_kmeans(moved, 8, start=moved[:8]).labels, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_kmeans(rows(3), 4), "3 rows cannot make 4 clusters; set clusters lower"),
        (lambda: fit_kmeans(rows(3), 4, start=rows(4)), "3 rows cannot make 4 clusters; set clusters lower"),
        (lambda: fit_kmeans(rows(3), 0), "clusters >= 1"),
        (lambda: fit_kmeans(rows(3), 2, tolerance=-1), "tolerance >= 0; got 2, 25 and -1"),
        (lambda: fit_kmeans(rows(3), 2, block=0), "block must be at least 1; got 0"),
        (lambda: fit_kmeans(rows(9), 2, start="kmeans"), "'random', 'k-means\\+\\+' or centres; got 'kmeans'"),
        (lambda: fit_kmeans(rows(9), 2, start=rows(3)), r"centres \(2, 5\); got \(3, 5\)"),
        (lambda: fit_kmeans(rows(9) / 0, 2), "not finite"),
        (lambda: fit_kmeans(rows(9), 2, reduce=summed), "needs index"),
        (lambda: fit_kmeans(rows(9), 2, index=torch.arange(8)), r"number 9 rows from 0 to 8; got \(8,\)"),
        (lambda: fit_kmeans(rows(9), 9, index=torch.zeros(9).long()), "a number of its own"),
        (lambda: fit_kmeans(rows(9)[0], 2), r"tables \(N, dim\) of one dim; got \(5,\)"),
        (lambda: fit_kmeans(list, 2), "returned no block"),
        (lambda: nearest(rows(9), torch.zeros(2, 4)), r"centres \(clusters, 5\); got \(2, 4\)"),
        (lambda: Whitening(4).fit(rows(9)), "rows have 5 numbers; this whitening was made for 4"),
        (lambda: Whitening(5).fit(rows(0)), "no rows to whiten"),
        (lambda: Whitening(5).fit(rows(9) / 0), "not finite"),
        (lambda: Whitening(5, 0), "components of at least 1"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- whitening ------------------------------------------------------------------------------------------------------
def test_whitening_is_scikit_learns():
    data = rows() @ torch.randn(5, 5) + 7
    found = Whitening(5, 3).fit(data, block=64)
    theirs = PCA(3, whiten=True, svd_solver="full").fit(data.double().numpy())
    expected = torch.from_numpy(theirs.transform(data.double().numpy())).float() * (300 / 299) ** 0.5  # theirs: N - 1
    signs = (found(data) * expected).sum(0).sign()
    torch.testing.assert_close(found(data), expected * signs, rtol=1e-3, atol=1e-3)
    assert (found.axes.gather(0, found.axes.abs().argmax(0, keepdim=True)) > 0).all()
    torch.testing.assert_close(found.axes.T @ found.axes, torch.eye(3), rtol=0, atol=1e-5)


def test_whitening_serves_other_data_and_comes_back_from_a_state():
    white, again = Whitening(5, 2).fit(rows()), Whitening(5, 2)
    again.load_state_dict(white.state_dict())
    other = rows(9, seed=4)
    assert torch.equal(again(other), white(other))
    torch.testing.assert_close(white(other), (other - rows().mean(0)) @ white.axes * white.scale, rtol=1e-4, atol=1e-4)


# --- processes ------------------------------------------------------------------------------------------------------
def work(rank):
    data, index = rows(), torch.arange(300)
    own = slice(rank, None, 2)  # rows lie in turn, not one half after the other
    found = {}
    for start in ("random", "k-means++"):
        fitted = fit_kmeans(data[own], 6, start=start, seed=2, block=33, index=index[own], reduce=summed)
        found[start] = fitted.centres, fitted.labels, fitted.sizes, fitted.objective
    nothing = slice(0, 0) if rank == 0 else slice(None)
    found["nothing"] = fit_kmeans(data[nothing], 6, seed=2, index=index[nothing], reduce=summed).sizes
    found["white"] = Whitening(5, 3).fit(data[: 100 * rank] if rank else data[100:], reduce=summed).state_dict()
    return found


def test_two_processes_find_what_one_finds(tmp_path):
    both, data = in_two_processes(work, tmp_path), rows()
    for start in ("random", "k-means++"):
        expected = fit_kmeans(data, 6, start=start, seed=2)
        for rank, found in enumerate(both):
            centres, labels, sizes, objective = found[start]
            torch.testing.assert_close(centres, expected.centres)
            assert torch.equal(labels, expected.labels[rank::2]) and torch.equal(sizes, expected.sizes)
            assert objective == pytest.approx(expected.objective, rel=1e-6)
    white = Whitening(5, 3).fit(data).state_dict()
    for found in both:
        assert torch.equal(found["nothing"], fit_kmeans(data, 6, seed=2).sizes)
        for name, value in white.items():
            torch.testing.assert_close(found["white"][name], value)
