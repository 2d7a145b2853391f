"""Heads have the layers of their papers."""

import pytest
import torch
from torch import nn

from avssl.nets import named_projector, projector
from avssl.nets.projectors import HEADS

PAPERS = {  # authors' code: name -> (numbers that come in, layers); "-" marks a linear map without bias
    "simclr": (2048, "2048- BN ReLU 128- scaled"),
    "simclr_v2": (2048, "2048- BN ReLU 2048- BN ReLU 128- scaled"),
    "moco": (2048, "128"),
    "moco_v2": (2048, "2048 ReLU 128"),
    "moco_v3": (2048, "4096- BN ReLU 256- plain"),
    "moco_v3_predictor": (256, "4096- BN ReLU 256-"),
    "moco_v3_vit": (768, "4096- BN ReLU 4096- BN ReLU 256- plain"),
    "moco_v3_vit_predictor": (256, "4096- BN ReLU 256- plain"),
    "byol": (2048, "4096 BN ReLU 256-"),
    "byol_predictor": (256, "4096 BN ReLU 256-"),
    "swav": (2048, "2048 BN ReLU 128"),
    "barlow_twins": (2048, "8192- BN ReLU 8192- BN ReLU 8192-"),
    "vicreg": (2048, "8192 BN ReLU 8192 BN ReLU 8192-"),
    "simsiam": (2048, "2048- BN ReLU 2048- BN ReLU 2048- plain"),
    "simsiam_predictor": (2048, "512- BN ReLU 2048"),
    "dino": (384, "2048 GELU 2048 GELU 256"),
}


def words(head, dim):
    """Return a head's layers as words, and check that each takes what the one before gives."""
    found = []
    for module in head.modules():
        if isinstance(module, nn.Linear):
            assert module.in_features == dim
            dim = module.out_features
            found.append(f"{dim}{'-' if module.bias is None else ''}")
        elif isinstance(module, nn.BatchNorm1d):
            assert module.num_features == dim
            found.append("plain" if not module.affine else "BN" if module.bias.requires_grad else "scaled")
        elif not isinstance(module, nn.Sequential):
            found.append(type(module).__name__)
    return " ".join(found)


def test_every_head_of_the_table_is_checked():
    assert set(PAPERS) == set(HEADS)


@pytest.mark.parametrize("name", PAPERS)
def test_a_head_has_the_papers_layers(name):
    dim, expected = PAPERS[name]
    with torch.device("meta"):
        assert words(named_projector(name, dim), dim) == expected


def test_a_small_encoder_gets_a_small_head():
    head = named_projector("simclr", 6, hidden=5, out=4)
    assert words(head, 6) == "5- BN ReLU 4- scaled"
    found = head(torch.rand(8, 6))
    assert found.shape == (8, 4)
    torch.testing.assert_close(found.mean(0), torch.zeros(4), rtol=0, atol=1e-5)
    found.square().sum().backward()
    assert head.layer2[1].bias.grad is None and head.layer2[1].weight.grad is not None


def test_the_first_layer_can_be_kept_alone():
    head = projector(6, 3, 5, 4)
    rows = torch.rand(8, 6)
    assert torch.equal(head.eval()[:1](rows), head.layer1(rows)) and head[:1](rows).shape == (8, 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: projector(0), "got 0, 2, 2048, 128"),
        (lambda: projector(4, layers=0), "at least 1; got 4, 0"),
        (lambda: projector(4, norm="layer"), "got 'layer', 'none', 'relu'"),
        (lambda: projector(4, last_norm="batch"), "'batch', 'relu'"),
        (lambda: projector(4, activation="tanh"), "'tanh'"),
        (lambda: named_projector("simclr3", 4), "there is no head 'simclr3'; there are simclr, simclr_v2, moco"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
