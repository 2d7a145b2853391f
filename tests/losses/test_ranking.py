import pytest
import torch
from torch.nn import functional as F

from avssl.losses import triplet_ranking

CHANCE = torch.Generator().manual_seed(0)
ANCHORS, POSITIVES = torch.randn(6, 5, generator=CHANCE), torch.randn(6, 5, generator=CHANCE)
OWNERS = torch.tensor([0, 0, 1, 2, 2, 3])
ALLOWED = OWNERS[:, None] != OWNERS


def slow(order, top, margin):
    losses = []
    for row in range(6):
        ranks = sorted((one for one in range(6) if ALLOWED[row, one]), key=lambda one: -float(order[row, one]))
        near = 1 - F.cosine_similarity(ANCHORS[row], POSITIVES[row], dim=0)
        for one in ranks[:top]:
            far = 1 - F.cosine_similarity(ANCHORS[row], POSITIVES[one], dim=0)
            losses.append(max(0.0, float(near - far) + margin))
    return sum(losses) / len(losses)


@pytest.mark.parametrize(("top", "margin"), [(1, 0.5), (4, 0.5), (2, 0.1)])
def test_the_loss_is_that_of_triplets_written_out(top, margin):
    cosines = F.normalize(ANCHORS, dim=1) @ F.normalize(POSITIVES, dim=1).T
    order = torch.rand(6, 6, generator=CHANCE)
    for given, used in ((None, cosines), (order, order)):
        found = triplet_ranking(ANCHORS, POSITIVES, ALLOWED, given, top=top, margin=margin)
        assert float(found.loss) == pytest.approx(slow(used, top, margin), abs=1e-6)
    hard = triplet_ranking(ANCHORS, POSITIVES, ALLOWED, order, torch.tensor(True), top=top, margin=margin)
    assert hard.loss == triplet_ranking(ANCHORS, POSITIVES, ALLOWED, None, top=top, margin=margin).loss


def test_lengths_do_not_matter_and_rows_without_negatives_do_not_count():
    found = triplet_ranking(ANCHORS * 7, POSITIVES * 0.1, ALLOWED)
    torch.testing.assert_close(found.loss, triplet_ranking(ANCHORS, POSITIVES, ALLOWED).loss)
    part = ALLOWED.clone()
    part[3:] = False
    wanted = triplet_ranking(ANCHORS[:3], POSITIVES[:3], ALLOWED[:3, :3])
    part[:, 3:] = False
    torch.testing.assert_close(triplet_ranking(ANCHORS, POSITIVES, part), wanted)


def test_nothing_allowed_is_zero_with_a_zero_gradient():
    anchors = ANCHORS.clone().requires_grad_()
    found = triplet_ranking(anchors, POSITIVES, torch.zeros(6, 6, dtype=torch.bool))
    found.loss.backward()
    assert found.loss == 0 and anchors.grad is not None and (anchors.grad == 0).all()
