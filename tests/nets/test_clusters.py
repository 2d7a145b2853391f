"""Clusters with their whitening, in blocks; and features before the last ReLU."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from avssl.nets import Clusters, ResNet, SmallClips, SmallNet, as_encoder, fit_kmeans
from avssl.nets.clips import encode_clips
from avssl.nets.unrectified import encode_unrectified


def rows(count=90, dim=5):
    chance = torch.Generator().manual_seed(0)
    return torch.randn(6, dim, generator=chance)[torch.arange(count) % 6] * 4 + torch.randn(
        count, dim, generator=chance
    )


@pytest.mark.parametrize("spherical", [False, True])
def test_clusters_are_k_means_of_whitened_rows_whatever_the_blocks(spherical):
    whole, parts = (Clusters(5, 6, components=3, spherical=spherical) for _ in range(2))
    passes = []
    found = whole.fit(rows(), seed=1, each_round=lambda number, value: passes.append((number, value)))
    assert parts.fit(rows().numpy(), seed=1, block=7).labels.equal(found.labels)
    expected = fit_kmeans(F.normalize(whole.whitening(rows()), dim=1), 6, seed=1, spherical=spherical)
    assert expected.labels.equal(found.labels) and whole.assign(rows(), block=11).equal(found.labels)
    assert passes == list(enumerate(found.objective, 1))


def test_saved_clusters_assign_as_before():
    made, again = Clusters(5, 4, components=3), Clusters(5, 4, components=3)
    made.fit(rows(), seed=0)
    again.load_state_dict(made.state_dict())
    assert again.assign(rows() + 1).equal(made.assign(rows() + 1))
    plain = Clusters(5, 4, components=None, unit=False)
    assert plain.fit(rows(), seed=0).labels.equal(fit_kmeans(rows(), 4, seed=0).labels)


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match="made of rows of 5 numbers, and these have 6"):
        Clusters(5, 4).assign(torch.zeros(3, 6))


def test_features_before_the_last_relu_are_those_that_it_is_given():
    clips = torch.rand(2, 3, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    net = SmallNet(dim=8, width=2).eval()
    single = encode_unrectified(net, clips[:, :1])
    assert (single < 0).any() and single.relu().equal(net(clips[:, 0]))
    mean = torch.stack([encode_unrectified(net, clips[:, [place]]) for place in range(3)]).mean(0)
    torch.testing.assert_close(encode_unrectified(net, clips), mean)
    layer = encode_unrectified(net, clips[:, :1], "conv1")
    trunk = net.trunk.conv1
    torch.testing.assert_close(layer, trunk[:-1](net.normalized(clips[:, 0])).mean((2, 3)))


def test_a_relu_that_works_in_place_is_cut_too():
    net = as_encoder(nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.ReLU(inplace=True)), dim=4, size=2)
    pictures = torch.rand(3, 1, 3, 2, 2)
    found = encode_unrectified(net, pictures)
    assert (found < 0).any() and found.relu().equal(net(pictures[:, 0]))


def test_behind_a_pooling_there_is_no_relu_to_cut():
    net, clips = ResNet(depth=18).eval(), torch.rand(1, 1, 3, 64, 64)
    assert encode_unrectified(net, clips).equal(net(clips[:, 0]))
    moving, clips = SmallClips(widths=(4, 4, 8, 8)).eval(), torch.rand(2, 3, 3, 32, 32)
    found = encode_unrectified(moving, clips)
    assert found.relu().equal(encode_clips(moving, clips)) or found.equal(encode_clips(moving, clips))
