"""The clusters that methods put items in for pictures of them: un-augmented, an item at a time, by number."""

import pytest
import torch
from clustered import batch_of
from every import MAKE, make
from torch.nn import functional as F

from avssl.methods.base import Method
from avssl.methods.rows import features_of

CLUSTERING = ["DeepCluster", "DeepClusterV2", "SCAN", "SeLa", "SelfLabel", "SwAV"]


@pytest.fixture(params=CLUSTERING)
def method(request):
    torch.manual_seed(0)
    return make(request.param).eval()


def test_only_clustering_methods_put_items_in_clusters():
    given = [name for name in MAKE if type(make(name)).clusters_of is not Method.clusters_of]
    assert given == sorted(given, key=list(MAKE).index) and set(given) == set(CLUSTERING)
    assert make("SimCLR").clusters_of(batch_of(range(4))) is None


def test_an_item_is_in_one_cluster_whatever_is_drawn_and_whoever_is_beside_it(method):
    found = method.clusters_of(batch_of(range(6)))
    assert found.label.dtype == torch.int64 and found.label.shape == (6,) == found.rows.shape[:1]
    assert 0 <= int(found.label.min()) <= int(found.label.max()) < found.clusters
    later = method.clusters_of(batch_of((3, 1), epoch=7))
    assert later.label.tolist() == found.label[[3, 1]].tolist() and later.clusters == found.clusters
    torch.testing.assert_close(later.rows, found.rows[[3, 1]], rtol=1e-4, atol=1e-5)


def test_clips_of_an_item_are_averaged_and_neighbours_left_out(method):
    frames = torch.rand(3, 2, 1, 3, 20, 20, generator=torch.Generator().manual_seed(1))
    key = batch_of(range(3))["key"]
    both, one, other = (
        method.clusters_of({"frames": clips, "key": key}).rows for clips in (frames, frames[:, :1], frames[:, 1:])
    )
    if type(method).__name__ == "SCAN":
        torch.testing.assert_close(both, one)
    elif type(method).__name__ == "SelfLabel":
        torch.testing.assert_close(both, (one + other) / 2)
    else:
        assert not torch.allclose(both, one, atol=1e-6)


def test_rows_tell_the_clusters():
    torch.manual_seed(0)
    deep = make("DeepCluster")
    deep.before_epoch(features_of([batch_of(range(6))]))
    deep.eval()
    found = deep.clusters_of(batch_of(range(6)))
    assert torch.cdist(found.rows, deep.clusters.centres).argmin(1).equal(found.label)
    assert deep.labels_of(batch_of(range(6))).equal(found.label)
    swav = make("SwAV").eval()
    found = swav.clusters_of(batch_of(range(6)))
    assert (found.rows @ F.normalize(swav.prototypes.weight, dim=1).T).argmax(1).equal(found.label)
    scan = make("SCAN").eval()
    scan.chosen.fill_(len(scan.heads) - 1)
    found = scan.clusters_of(batch_of(range(6)))
    assert scan.heads[-1](found.rows).argmax(1).equal(found.label)
