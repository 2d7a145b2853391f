"""ProtoNCE and concentrations against slow writings and closed forms."""

import math

import numpy as np
import pytest
import torch

from avssl.losses import concentrations, prototype_contrast


def slow_concentrations(distances, labels, clusters, temperature):
    """Return phi cluster by cluster, as the authors' code computes it."""
    members = [
        [distance for distance, label in zip(distances, labels, strict=True) if label == c] for c in range(clusters)
    ]
    phi = np.array([sum(one) / len(one) / math.log(len(one) + 10) if len(one) > 1 else 0 for one in members])
    phi = np.where([len(one) > 1 for one in members], phi, phi.max())
    phi = phi.clip(np.percentile(phi, 10), np.percentile(phi, 90))
    return temperature * phi / phi.mean()


def test_concentrations_are_those_of_the_authors_code():
    chance = np.random.default_rng(0)
    labels = np.concatenate([[0, 0], chance.integers(1, 7, 60)])  # cluster 7 has one row, cluster 8 none
    labels = np.append(labels, 7)
    distances = chance.uniform(0.1, 1, len(labels))
    wanted = slow_concentrations(distances, labels, 9, 0.2)
    found = concentrations(torch.from_numpy(distances), torch.from_numpy(labels), 9, 0.2)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert found.mean() == pytest.approx(0.2)


def test_a_cluster_is_as_concentrated_as_its_radius_over_the_log_of_its_size():
    # r / log(Z + 10) up to the scale; three alike of each, so that the quantiles clip nothing
    labels = torch.arange(6).repeat_interleave(torch.tensor([4, 4, 4, 9, 9, 9]))
    distances = torch.where(labels < 3, 0.5, 0.8)
    found = concentrations(distances, labels, 6, 0.3)
    assert found[0] / found[3] == pytest.approx(0.5 / math.log(14) / (0.8 / math.log(19)), rel=1e-5)
    assert found[:3].unique().numel() == 1 and found.mean() == pytest.approx(0.3)


def test_clusters_of_equal_rows_divide_nothing_by_zero():
    assert concentrations(torch.zeros(6), torch.tensor([0, 0, 0, 1, 1, 1]), 2, 0.2).tolist() == pytest.approx(
        [0.2, 0.2]
    )
    labels = torch.arange(4).repeat_interleave(3)
    assert concentrations(torch.where(labels < 3, 0.0, 1.0), labels, 4, 0.2).min() == pytest.approx(0.002)


def slow_prototype_contrast(rows, prototypes, labels, concentration):
    """Return ProtoNCE row by row; each other prototype is a negative once."""
    losses = []
    for row, label in zip(rows, labels, strict=True):
        if label >= 0:
            cosines = [float(row @ one / (row.norm() * one.norm())) for one in prototypes]
            logits = [cosine / float(phi) for cosine, phi in zip(cosines, concentration, strict=True)]
            losses.append(-math.log(math.exp(logits[label]) / sum(map(math.exp, logits))))
    return sum(losses) / len(losses)


def test_the_contrast_is_that_of_a_slow_writing_and_leaves_out_rows_of_no_cluster():
    torch.manual_seed(0)
    rows, prototypes, concentration = torch.randn(5, 4), torch.randn(3, 4), torch.tensor([0.1, 0.2, 0.3])
    labels = torch.tensor([2, 0, -1, 1, 1])
    found, _ = prototype_contrast(rows, prototypes, labels, concentration)
    assert found == pytest.approx(slow_prototype_contrast(rows, prototypes, labels, concentration), rel=1e-5)


def test_rows_of_one_cluster_never_have_its_prototype_as_a_negative():
    # A batch of one cluster, at its prototype: the authors' code would count each other row's as a negative.
    rows = torch.eye(4)[:1].expand(6, -1)
    found, right = prototype_contrast(rows, torch.eye(4), torch.zeros(6, dtype=torch.int64), torch.full((4,), 0.5))
    assert found == pytest.approx(math.log(1 + 3 * math.exp(-2)), rel=1e-5) and right == 1


def test_closed_forms_of_orthogonal_rows_empty_clusters_and_no_cluster_at_all():
    rows = torch.eye(5)[4:].repeat(3, 1).requires_grad_()
    labels, concentration = torch.tensor([0, 1, 2]), torch.full((4,), 0.2)
    assert prototype_contrast(rows, torch.eye(5)[:4], labels, concentration)[0].item() == pytest.approx(math.log(4))
    counts = torch.tensor([True, True, True, False])
    fewer, _ = prototype_contrast(rows, torch.eye(5)[:4], labels, concentration, counts)
    assert fewer.item() == pytest.approx(math.log(3))
    loss, right = prototype_contrast(rows, torch.zeros(4, 5), torch.full((3,), -1), concentration)
    loss.backward()
    assert loss == 0 and right == 0 and rows.grad.abs().sum() == 0


@pytest.mark.parametrize(("temperature", "labels"), [(0.0, [0, 1]), (0.2, [0])])
def test_what_cannot_be_is_refused_in_one_line(temperature, labels):
    with pytest.raises(ValueError, match=r"^needs temperature > 0, and distances and labels of one shape"):
        concentrations(torch.ones(2), torch.tensor(labels), 2, temperature)
