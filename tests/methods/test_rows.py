"""K-means of rows that all processes hold: each works on a share, and all find what one finds."""

from functools import partial

import torch
from torch.nn import functional as F
from two_processes import in_two_processes

from avssl.methods.contrastive.prototypes import Clustering
from avssl.methods.rows import in_shares
from avssl.nets import Clusters, fit_kmeans


def rows():
    chance = torch.Generator().manual_seed(0)
    middles = torch.randn(6, 5, generator=chance) * 3
    return middles[torch.arange(91) % 6] + torch.randn(91, 5, generator=chance)


def work(rank):
    shares: list[int] = []

    def noted(fit):
        def counted(part, **share):
            shares.append(len(part))
            return fit(part, **share)

        return counted

    clusters, prototypes = Clusters(5, 4, components=3), Clustering(100, 4, 5, temperature=0.2)
    white = in_shares(noted(partial(clusters.fit, seed=3)), rows())
    plain = in_shares(noted(partial(fit_kmeans, clusters=6, seed=1, spherical=True)), rows())
    prototypes.fit(F.normalize(rows(), dim=1), torch.arange(91) + 5, rounds=9, tries=2, seed=0)
    found = {"shares": shares, "prototypes": prototypes.state_dict(), "clusters": clusters.state_dict()}
    for name, run in (("white", white), ("plain", plain)):
        found |= {f"{name} {part}": getattr(run, part) for part in ("centres", "labels", "sizes")}
    return found


def test_two_processes_cluster_half_of_the_rows_each_and_find_what_one_finds(tmp_path):
    alone = work(0)
    assert alone.pop("shares") == [91, 91]
    for rank, found in enumerate(in_two_processes(work, tmp_path)):
        assert found.pop("shares") == [46 - rank] * 2
        for name, expected in alone.items():
            for one, other in zip(parts(expected), parts(found[name]), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)


def parts(value):
    return list(value.values()) if isinstance(value, dict) else [value]
