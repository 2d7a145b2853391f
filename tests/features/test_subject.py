"""What is scored: a run, or weights from elsewhere."""

import torch

from avssl.features.subject import find_subject
from avssl.nets import SmallNet, as_encoder


def test_no_settings_are_asked_how_to_build_a_network_that_code_made(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, stride=2))
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    subject = find_subject(weights=tmp_path / "mine.pth", encoder=as_encoder(network), out=tmp_path / "mine")
    assert subject.fresh is None  # random rows draw the initial weights of a copy
    like = SmallNet(width=4, dim=8)
    torch.save(like.trunk.state_dict(), tmp_path / "w.pth")
    assert find_subject(weights=tmp_path / "w.pth", encoder=like, out=tmp_path / "w").fresh is not None
