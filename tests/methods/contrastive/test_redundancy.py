"""Barlow Twins and VICReg: the losses of two views' embeddings."""

import pytest
import torch
from every import ITEMS, Items, make, views

from avssl.data import collate
from avssl.losses import barlow_twins, vicreg
from avssl.methods import BarlowTwins, VICReg
from avssl.nets import SmallNet


def batch():
    return collate([Items("VICReg")[index] for index in range(ITEMS)])


@pytest.mark.parametrize("name", ["BarlowTwins", "VICReg"])
def test_the_loss_is_that_of_the_embeddings_of_both_views(name):
    method = make(name).eval()
    one, two = (method.student()(view.frames) for view in method.views_of(batch())[1])
    wanted = barlow_twins(one, two, 0.0051) if name == "BarlowTwins" else vicreg(one, two)["loss"]
    torch.testing.assert_close(method(batch())["loss"], wanted)


def test_weights_are_those_that_were_set():
    method = VICReg(SmallNet(dim=8, width=2), views(), hidden=8, invariance=2.0, variances=3.0, covariances=5.0).eval()
    found = method(batch())
    torch.testing.assert_close(found["loss"], 2 * found["invariance"] + 3 * found["variance"] + 5 * found["covariance"])


@pytest.mark.parametrize("kind", [BarlowTwins, VICReg])
def test_negative_weights_are_refused(kind):
    with pytest.raises(ValueError, match="at least 0"):
        kind(SmallNet(dim=8, width=2), views(), 8, -1.0)
