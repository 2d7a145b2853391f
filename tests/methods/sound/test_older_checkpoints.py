"""States in the form of earlier versions load, and hold what they held."""

import re

import pytest
import torch
from every import ITEMS, Items, make

from avssl.data import collate
from avssl.methods import RotationDecoupling
from avssl.methods.rows import features_of
from avssl.nets import Clusters, SmallNet

LATER = (  # what is called so now, and what it was
    (r"(pictures_to|sounds_to)\.layer1\.0\.", r"\1.0."),
    (r"(pictures_to|sounds_to)\.layer2\.0\.", r"\1.2."),
    (r"bank\.(pictures|sounds)\.rows", r"bank.\1"),
    (r"bank\.rows", "bank"),
    (r"estimator\.", "judge."),
)


def older(state):
    """Return a state under the names that its tensors had; clusters' axes were over the deviations already."""
    found = {}
    for name, value in state.items():
        for now, before in LATER:
            name = re.sub(rf"^{now}", before, name)
        found[name] = value
    for name in [name for name in found if name.endswith("whitening.axes")]:
        prefix = name.removesuffix("whitening.axes")
        found[f"{prefix}axes"] = found.pop(name) * found.pop(f"{prefix}whitening.scale")
        found[f"{prefix}mean"] = found.pop(f"{prefix}whitening.mean")
    return found


def batch_of(name):
    return collate([Items(name)[index] for index in range(ITEMS)])


@pytest.mark.parametrize("name", ["AVE", "AVOL", "AVTS", "CMA", "CrossModalNCE", "bank", "RotationDecoupling"])
def test_a_method_loads_the_names_of_earlier_versions(name):
    method, again, batch = make(name), make(name, seed=1), batch_of(name)
    method(batch)
    state = older(method.state_dict())
    assert not state.keys() & {key for key in method.state_dict() if re.match("|".join(now for now, _ in LATER), key)}
    assert len(state) == len(method.state_dict()) and state.keys() != method.state_dict().keys()
    again.load_state_dict(state)
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in method.state_dict().items())
    assert again.eval()(batch)["loss"].item() == method.eval()(batch)["loss"].item()


def test_xdc_loads_axes_over_their_deviations():
    method, again, batch = make("XDC"), make("XDC", seed=1), batch_of("XDC")
    method.before_epoch(features_of([batch]))
    again.load_state_dict(older(method.state_dict()))
    pictures, sound = torch.rand(4, 1, 3, 32, 32), torch.randn(4, 1, 800)
    expected = method.eval().score_pairs(pictures, sound)
    torch.testing.assert_close(again.eval().score_pairs(pictures, sound), expected)
    rows = torch.randn(50, 6) * torch.tensor([9.0, 1, 1, 1, 1, 0.1])
    clusters, loaded = Clusters(6, 3), Clusters(6, 3)
    clusters.fit(rows, seed=0)
    loaded.fit(rows.flip(1).exp(), seed=0)  # its own scale must not stay
    loaded.load_state_dict(older(clusters.state_dict()))
    assert torch.equal(loaded.whitening.scale, torch.ones(6))
    torch.testing.assert_close(loaded.prepared(rows), clusters.prepared(rows))
    assert torch.equal(loaded.assign(rows), clusters.assign(rows))


def test_banks_start_with_the_numbers_of_earlier_versions():
    bank = make("CMA").bank
    chance = torch.Generator().manual_seed(0)
    for rows in (bank.pictures.rows, bank.sounds.rows):
        assert torch.equal(rows, torch.nn.functional.normalize(torch.randn(rows.shape, generator=chance), dim=1))
    method = RotationDecoupling(SmallNet(dim=8, width=2), pictures=9, dim=4)
    start = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(method.bank.rows, torch.nn.functional.normalize(start, dim=1))
